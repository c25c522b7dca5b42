// head.h: classification of whole sequences and of single positions: softmax(W x + b), label and probability.
#ifndef GRUS_ENGINE_NN_HEAD_H
#define GRUS_ENGINE_NN_HEAD_H

#include "base/model_config.h"
#include "engine/nn/encoded.h"
#include "engine/nn/map_rows.h"
#include "engine/nn/reading.h"

typedef struct grus_head {
    const grus_kernel *kernel;
    bool on_token;
    size_t n_inputs;
    grus_head_input inputs[2]; // of a token head; a sequence head reads the pooled vector
    size_t size;               // D
    bool bounded[2];           // inputs that lie in [-1, 1]
    size_t n_labels;
    grus_weights *weights;
    float *bias; // (n_labels)
} grus_head;

grus_status grus_head_read(grus_reading *reading, const grus_config *config, const grus_head_config *head_config,
                           grus_head *head, grus_error *error);

// Labels and probabilities of every sequence (n) or position (positions), in work's arena; what it takes besides is given
// back. pooled is (n, D), NULL without pooling. GRUS_E_MEMORY when the arena has none left.
grus_status grus_head_run(const grus_head *head, const grus_encoded *encoded, const float *pooled,
                          const grus_work *work, uint32_t **labels, float **probs);

// Lists what it takes: grus_head_run, on the arena alone.
bool grus_head_list(const grus_head *head, size_t positions, size_t records, grus_arena *arena);

#endif
