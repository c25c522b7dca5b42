// forced.h: forced decoding: targets that are given are followed, and scored token by token.
#ifndef GRUS_ENGINE_FORCED_H
#define GRUS_ENGINE_FORCED_H

#include "engine/batch.h"
#include "engine/decoder.h"
#include "engine/nn/encoded.h"

// A target to follow: length tokens, the end token included where it is to be scored.
typedef struct grus_forced {
    const uint32_t *tokens;
    size_t length;
    float *logprobs;  // (length) written, or NULL
    float *attention; // (length, source length) written, or NULL
    double logprob;   // written: the sum
} grus_forced;

// Follows forced[i] on sequence i of the batch, with the keys as a search of this beam has them.
grus_status grus_force(const grus_decoder *decoder, grus_arena *arena, const grus_encoded *encoded, size_t beam_size,
                       grus_forced *forced, const atomic_bool *stop, grus_infer_stats *stats, grus_error *error);

// The most bytes of arena that grus_force takes, without what it hands to the decoding.
size_t grus_force_bytes(const grus_decoder *decoder, size_t records);

#endif
