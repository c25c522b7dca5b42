// prefixes.h: what the hypotheses of each sequence of a batch begin with: its targets, where it has any.
#ifndef GRUS_ENGINE_PREFIXES_H
#define GRUS_ENGINE_PREFIXES_H

#include "base/arena.h"
#include "engine/batch.h"
#include "engine/nn/logits.h"

typedef struct grus_prefixes {
    const grus_batch *batch;
    size_t *first; // (records) of each sequence: where its prefix begins among the targets
} grus_prefixes;

typedef struct grus_prefix {
    const uint32_t *tokens; // (n)
    size_t n;               // 0: none
} grus_prefix;

// Lists what that takes of the arena.
bool grus_prefixes_list(grus_prefixes *prefixes, size_t records, grus_arena *arena);
void grus_prefixes_begin(grus_prefixes *prefixes, const grus_batch *batch);

// At most limit tokens.
grus_prefix grus_prefix_of(const grus_prefixes *prefixes, size_t sequence, size_t limit);

// The log-probability of a token that is not chosen; whether it is a number.
bool grus_prefix_logprob(const grus_unranked *row, uint32_t token, float *logprob);

#endif
