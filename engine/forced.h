// forced.h: forced decoding: targets that are given are followed, and scored token by token.
#ifndef GRUS_ENGINE_FORCED_H
#define GRUS_ENGINE_FORCED_H

#include "engine/decoder.h"
#include "engine/nn/encoded.h"
#include "engine/sizes.h"

// A target to follow: length tokens, the end token included where it is to be scored.
typedef struct grus_forced {
    const uint32_t *tokens;
    size_t length;
    float *logprobs;  // (length) written, or NULL
    float *attention; // (length, source length) written, or NULL
    bool by_head;     // attention is (length, heads, source length)
    double logprob;   // written: the sum
} grus_forced;

// Follows forced[i] on sequence i of the batch, with the keys as a search of this beam has them. What it takes of the
// arena is given back. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_forced_run(const grus_decoder *decoder, const grus_encoded *encoded, size_t beam_size,
                            grus_forced *forced, const grus_work *work);

// Lists what it takes: grus_forced_run, on the arena alone.
bool grus_forced_list(const grus_decoder *decoder, size_t beam_size, const grus_sizes *sizes, grus_arena *arena);

#endif
