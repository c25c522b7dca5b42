// size.h: sizes as people write them: 512, 16M, 1.5G, 1GiB, 1GB.
#ifndef GRUS_CLI_SIZE_H
#define GRUS_CLI_SIZE_H

#include <stdint.h>

#define GRUS_SIZE_FORM "a size: a number, perhaps with K, M, G or T (or KiB, …, of 1024; KB, … of 1000)"

typedef enum grus_size_outcome { GRUS_SIZE_READ, GRUS_SIZE_NONE, GRUS_SIZE_TOO_GREAT } grus_size_outcome;

// Digits, perhaps a point and digits behind it, and a unit, in any case: K, M, G, T and KiB, MiB, GiB, TiB are powers of
// 1024, KB, MB, GB, TB of 1000. A fraction of a byte is dropped; a number without unit has no point.
grus_size_outcome grus_size_read(const char *text, uint64_t *size);

#endif
