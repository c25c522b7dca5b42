// head.h: what a head says of whole sequences or of single positions: hidden layers, then softmax(W x + b) as label and
// probability, or numbers.
#ifndef GRUS_ENGINE_NN_HEAD_H
#define GRUS_ENGINE_NN_HEAD_H

#include "base/model_config.h"
#include "engine/nn/encoded.h"
#include "engine/nn/labelling.h"
#include "engine/nn/map_rows.h"
#include "engine/nn/reading.h"

// A part of the rows that a head reads. A sequence head reads the pooled vector alone.
typedef struct grus_head_part {
    grus_head_input input;
    bool kept; // outputs of a layer below the last, which lie
    size_t at; // behind so many values per position
    size_t columns;
    bool bounded; // they lie in [-1, 1]
} grus_head_part;

typedef struct grus_head_layer {
    grus_weights *weights; // (size, the columns of what it reads)
    float *bias;           // (size)
    size_t size;
    grus_activation activation;
} grus_head_layer;

typedef struct grus_head {
    const grus_kernel *kernel;
    bool on_token;
    grus_head_activation activation;
    grus_labeller labeller; // of a head that decides over all positions
    size_t n_parts;
    grus_head_part parts[GRUS_MAX_PARTS];
    size_t n_hidden;
    grus_head_layer layers[GRUS_MAX_HIDDEN + 1]; // the hidden ones, and the last
    size_t n_labels;                             // C
} grus_head;

grus_status grus_head_read(grus_reading *reading, const grus_config *config, const grus_head_config *head_config,
                           grus_head *head, grus_error *error);

// What it says of a batch.
typedef struct grus_head_result {
    grus_prediction all;          // of every sequence (n) or position (positions), as one
    const grus_labelled *records; // (n) of a head that decides over all positions and is asked for labels; else NULL
} grus_head_result;

// The result lies in work's arena; what is taken besides is given back. pooled is (n, D), NULL without pooling.
// GRUS_E_MEMORY when the arena has none left.
grus_status grus_head_run(const grus_head *head, const grus_infer_options *options, const grus_encoded *encoded,
                          const float *pooled, const grus_work *work, grus_head_result *result);

// How large a batch is, or may be at most.
typedef struct grus_head_sizes {
    size_t records, positions, longest; // positions of one record
} grus_head_sizes;

// Lists what it takes: grus_head_run, on the arena alone.
bool grus_head_list(const grus_head *head, const grus_infer_options *options, const grus_head_sizes *sizes,
                    grus_arena *arena);

#endif
