// encoded.h: what the encoder leaves of a batch, for all that reads it: pooling, heads, bridge, attention.
#ifndef GRUS_ENGINE_NN_ENCODED_H
#define GRUS_ENGINE_NN_ENCODED_H

#include <stddef.h>

typedef struct grus_encoded {
    size_t n, positions;
    const size_t *length, *offset; // (n), (n + 1)
    float *output;                 // (positions, D): the top layer
    float **final;                 // (layers) of (n, D): [forward at the last position; backward at the first]; NULL
                                   // entries for layers whose final states were not asked for
} grus_encoded;

// The mean (D) of a sequence's outputs, each sum in order and in double; zeros for length 0.
void grus_encoded_mean(const grus_encoded *encoded, size_t sequence, size_t size, float *mean);

#endif
