// survey_pool.h: the records that are kept of all that are read: those with the least keys, so that neither chance nor the
// order of reading has a say.
#ifndef GRUS_API_SURVEY_POOL_H
#define GRUS_API_SURVEY_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A longer line is not kept.
#define GRUS_POOL_LONGEST ((size_t)1 << 20)

typedef struct grus_kept_record {
    uint64_t key;
    size_t shard;
    uint64_t number; // from 1
    char *line;      // the pool's
    size_t length;
} grus_kept_record;

typedef struct grus_pool {
    grus_kept_record *list; // (most)
    size_t n, most;
} grus_pool; // zero-initialised is empty

bool grus_pool_make(grus_pool *pool, size_t most); // false when memory is short
void grus_pool_free(grus_pool *pool);

// The key of a record of the shard with this key: what is kept hangs on both alone.
uint64_t grus_pool_key(uint64_t shard, uint64_t number);

// Whether a record with this key would be kept.
bool grus_pool_wants(const grus_pool *pool, uint64_t key, size_t length);
// Keeps the record with a copy of its line (record->length bytes) where it is wanted. false when memory is short.
bool grus_pool_offer(grus_pool *pool, const grus_kept_record *record, const char *line);
// In the order of the run.
void grus_pool_sort(grus_pool *pool);

#endif
