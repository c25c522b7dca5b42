// pooling.h: the encoder outputs of a sequence to one vector: attention, mean, max or last.
#ifndef GRUS_ENGINE_NN_POOLING_H
#define GRUS_ENGINE_NN_POOLING_H

#include "engine/nn/attention.h"
#include "engine/nn/encoded.h"

typedef struct grus_pooling {
    const grus_kernel *kernel;
    grus_pooling_kind kind;
    bool learned_query, normalize;
    size_t size;   // D
    size_t pooled; // P, values of a pooled vector: D, or what an attention of heads has
    bool bounded;  // what is pooled lies in [-1, 1]
    grus_attention attention;
} grus_pooling;

// Where results go.
typedef struct grus_pooled {
    float *vectors, *weights;
    bool by_head;
} grus_pooled;

grus_status grus_pooling_read(grus_reading *reading, const grus_config *config, grus_pooling *pooling,
                              grus_error *error);

// encoded has the top layer's final states. vectors are (n, P); weights are written by attention pooling alone: (positions),
// or with by_head the (heads, length) of each sequence. Sequences of length 0 give zeros. What it takes of work's arena is given back; GRUS_E_MEMORY when that has none left.
grus_status grus_pooling_run(const grus_pooling *pooling, const grus_encoded *encoded, const grus_work *work,
                             grus_pooled pooled);

// How large a batch is, or may be at most.
typedef struct grus_pooling_sizes {
    size_t records, positions, longest; // positions of one record
} grus_pooling_sizes;

// Lists what it takes: grus_pooling_run, on the arena alone.
bool grus_pooling_list(const grus_pooling *pooling, const grus_pooling_sizes *sizes, grus_arena *arena);

#endif
