// head.h: what a head says of whole sequences or of single positions: softmax(W x + b) as label and probability, or numbers.
#ifndef GRUS_ENGINE_NN_HEAD_H
#define GRUS_ENGINE_NN_HEAD_H

#include "base/model_config.h"
#include "engine/nn/encoded.h"
#include "engine/nn/map_rows.h"
#include "engine/nn/reading.h"

typedef struct grus_head {
    const grus_kernel *kernel;
    bool on_token;
    grus_head_activation activation;
    size_t n_inputs;
    grus_head_input inputs[GRUS_MAX_PARTS]; // of a token head; a sequence head reads the pooled vector
    size_t size;                            // D
    bool bounded[GRUS_MAX_PARTS];           // inputs that lie in [-1, 1]
    size_t n_labels;                        // C
    grus_weights *weights;
    float *bias; // (C)
} grus_head;

grus_status grus_head_read(grus_reading *reading, const grus_config *config, const grus_head_config *head_config,
                           grus_head *head, grus_error *error);

// What it says of every sequence (n) or position (positions), as one prediction, in work's arena; what it takes besides is
// given back. pooled is (n, D), NULL without pooling. GRUS_E_MEMORY when the arena has none left.
grus_status grus_head_run(const grus_head *head, grus_head_output output, const grus_encoded *encoded,
                          const float *pooled, const grus_work *work, grus_prediction *all);

// Lists what it takes: grus_head_run, on the arena alone.
bool grus_head_list(const grus_head *head, grus_head_output output, size_t positions, size_t records,
                    grus_arena *arena);

#endif
