// pooling.h: the encoder outputs of a sequence to one vector: attention, mean, max or last.
#ifndef GRUS_ENGINE_NN_POOLING_H
#define GRUS_ENGINE_NN_POOLING_H

#include "engine/nn/attention.h"
#include "engine/nn/encoded.h"

typedef struct grus_pooling {
    grus_pooling_kind kind;
    bool learned_query, normalize;
    size_t size; // D
    grus_attention attention;
} grus_pooling;

grus_status grus_pooling_read(grus_reading *reading, const grus_config *config, grus_pooling *pooling,
                              grus_error *error);

// final is (n, D), the top layer's. pooled is (n, D); weights (positions) are written by attention pooling alone.
// Sequences of length 0 give zeros. GRUS_E_MEMORY when arena has none left.
grus_status grus_pool(const grus_pooling *pooling, const grus_kernel *kernel, grus_arena *arena,
                      const grus_encoded *encoded, const float *final, float *pooled, float *weights,
                      grus_error *error);

// The most bytes of arena that grus_pool takes.
size_t grus_pool_bytes(const grus_pooling *pooling, size_t positions);

#endif
