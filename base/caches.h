// caches.h: the caches of this machine's first processor.
#ifndef GRUS_BASE_CACHES_H
#define GRUS_BASE_CACHES_H

#include <stddef.h>

#define GRUS_MOST_CACHES 8

typedef struct grus_cache {
    unsigned level;
    char type[16]; // "Data", "Instruction", "Unified"
    size_t bytes;
    char cpus[64]; // that share it, as Linux writes them: "0-7,16"
} grus_cache;

// Fills in as many as the system tells of, in its order, and returns how many: 0 where it tells of none.
size_t grus_caches(grus_cache caches[GRUS_MOST_CACHES]);

#endif
