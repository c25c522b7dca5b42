// encoded.h: what the encoder leaves of a batch, for all that reads it: pooling, heads, bridge, attention.
#ifndef GRUS_ENGINE_NN_ENCODED_H
#define GRUS_ENGINE_NN_ENCODED_H

#include <stdint.h>

#include "base/assert.h"
#include "base/memory.h"

typedef struct grus_encoded {
    size_t n, positions;
    size_t size;                   // D
    const size_t *length, *offset; // (n), (n + 1)
    float *output;                 // (positions, D): the top layer
    float *kept;                   // (layers that are kept) of (positions, the layer's size); NULL: there are none
    const float *source;           // (positions, the encoder's input): what it has read; NULL: rows of embedding,
    const float *embedding;        // (entries, the same)
    const uint32_t *ids;           // (positions) whose numbers these are
    size_t first_final, layers;    // final states were kept of the layers [first_final, layers)
    float *final;      // (layers - first_final, n, D): [forward at the last position; backward at the first]; zeros for
                       // length 0
    float *final_cell; // likewise of c; NULL where the encoder's cells have none
} grus_encoded;

// The final state (D) of a layer.
static inline float *grus_encoded_final(const grus_encoded *encoded, size_t layer, size_t sequence)
{
    GRUS_ASSERT(layer >= encoded->first_final && layer < encoded->layers && sequence < encoded->n);
    return encoded->final + ((layer - encoded->first_final) * encoded->n + sequence) * encoded->size;
}

// The c (D) that goes along with it.
static inline float *grus_encoded_final_cell(const grus_encoded *encoded, size_t layer, size_t sequence)
{
    return encoded->final_cell + (grus_encoded_final(encoded, layer, sequence) - encoded->final);
}

// The mean (D) of a sequence's outputs, each sum in order and in double; zeros for length 0.
void grus_encoded_mean(const grus_encoded *encoded, size_t sequence, float *mean);

// Whether all of a sequence's outputs are finite.
bool grus_encoded_is_finite(const grus_encoded *encoded, size_t sequence);

#endif
