// prefixes.c: where each begins, found once for a batch.
#include "config.h"

#include "engine/prefixes.h"

#include <math.h>

#include "base/memory.h"

bool grus_prefixes_list(grus_prefixes *prefixes, size_t records, grus_arena *arena)
{
    prefixes->first = grus_arena_alloc(arena, records, sizeof *prefixes->first);
    return prefixes->first != NULL;
}

void grus_prefixes_begin(grus_prefixes *prefixes, const grus_batch *batch)
{
    prefixes->batch = batch;
    for (size_t i = 0, first = 0; batch->targets && i < batch->n; i++) {
        prefixes->first[i] = first;
        first += batch->target_length[i];
    }
}

grus_prefix grus_prefix_of(const grus_prefixes *prefixes, size_t sequence, size_t limit)
{
    const grus_batch *batch = prefixes->batch;
    if (!batch->targets)
        return (grus_prefix){NULL, 0};
    return (grus_prefix){batch->targets + prefixes->first[sequence], grus_min(batch->target_length[sequence], limit)};
}

bool grus_prefix_logprob(const grus_unranked *row, uint32_t token, float *logprob)
{
    *logprob = grus_logit_logprob(row->normalizer, row->logits[token]);
    return row->normalizer->finite && isfinite(*logprob);
}
