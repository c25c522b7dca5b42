// sampled.h: hypotheses that are drawn token by token (sampling.h), each for itself, in place of those that are searched
// for. Their random numbers hang on the batch's keys, the number of the draw and the step alone.
#ifndef GRUS_ENGINE_SAMPLED_H
#define GRUS_ENGINE_SAMPLED_H

#include "engine/decoder.h"
#include "engine/nn/encoded.h"
#include "engine/sizes.h"

typedef struct grus_sampled_task {
    const grus_decoder *decoder;
    const grus_encoded *encoded;
    const grus_search *search; // its beam is 1; n_best hypotheses are drawn
    const uint64_t *keys;      // (sequences) of their random numbers
} grus_sampled_task;

// Draws for all sequences of the batch; results[i].hypotheses (by score, the earlier drawn first among equals) and .finite
// are filled in, in the arena; the rest of what it took there is given back. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_sampled_run(const grus_sampled_task *task, const grus_sizes *sizes, const grus_work *work,
                             grus_result *results);

// Lists what that takes: grus_sampled_run, on the arena alone.
bool grus_sampled_list(const grus_decoder *decoder, const grus_search *search, const grus_sizes *sizes,
                       grus_arena *arena);

#endif
