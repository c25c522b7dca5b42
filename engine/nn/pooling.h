// pooling.h: the encoder outputs of a sequence to one vector: attention, mean, max or last.
#ifndef GRUS_ENGINE_NN_POOLING_H
#define GRUS_ENGINE_NN_POOLING_H

#include "engine/nn/attention.h"
#include "engine/nn/encoded.h"

typedef struct grus_pooling {
    const grus_kernel *kernel;
    grus_pooling_kind kind;
    bool learned_query, normalize;
    size_t size;  // D
    bool bounded; // what is pooled lies in [-1, 1]
    grus_attention attention;
} grus_pooling;

grus_status grus_pooling_read(grus_reading *reading, const grus_config *config, grus_pooling *pooling,
                              grus_error *error);

// encoded has the top layer's final states. pooled is (n, D); weights (positions) are written by attention pooling alone.
// Sequences of length 0 give zeros. What it takes of work's arena is given back; GRUS_E_MEMORY when that has none left.
grus_status grus_pooling_run(const grus_pooling *pooling, const grus_encoded *encoded, const grus_work *work,
                             float *pooled, float *weights);

// Lists what it takes: grus_pooling_run, on the arena alone.
bool grus_pooling_list(const grus_pooling *pooling, size_t positions, grus_arena *arena);

#endif
