// bridge.h: a decoder's first states from what the encoder came to: copied, or a map of them through tanh.
#ifndef GRUS_ENGINE_NN_BRIDGE_H
#define GRUS_ENGINE_NN_BRIDGE_H

#include "engine/decoder.h"

// Room for the inputs of n sequences at a time; of no use but to a bridge with weights.
typedef struct grus_bridge_scratch {
    size_t n;
    float *input, *product; // (n, D), (n, bridge width)
    float *panels;          // (n, D) packed
    const float **rows;     // (n)
} grus_bridge_scratch;

// initial is (records, layers, H); zeros where there is no bridge. Returns FLOPs.
uint64_t grus_bridge(const grus_decoder *decoder, const grus_encoded *encoded, const grus_bridge_scratch *scratch,
                     float *initial);

#endif
