// ids.h: a list of token ids that grows up to a bound.
#ifndef GRUS_IO_TEXT_IDS_H
#define GRUS_IO_TEXT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct grus_ids {
    uint32_t *data;
    size_t size, capacity;
    size_t most;   // only so many are kept, size counts all; 0: any number is kept
    bool at_least; // there are more than most, and size is not all of them
} grus_ids;        // zero-initialised is empty; free(data) by the owner

// Appends one id, or counts it where there are most already; false when memory is short.
bool grus_ids_append(grus_ids *ids, uint32_t id);

#endif
