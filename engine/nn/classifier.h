// classifier.h: classification of whole sequences and of single positions: softmax(W x + b), label and probability.
#ifndef GRUS_ENGINE_NN_CLASSIFIER_H
#define GRUS_ENGINE_NN_CLASSIFIER_H

#include "base/model_config.h"
#include "engine/kernel/product.h"
#include "engine/nn/encoded.h"
#include "engine/nn/reading.h"

typedef struct grus_head {
    const grus_kernel *kernel;
    bool on_token;
    size_t n_inputs;
    grus_head_input inputs[2]; // of a token head; a sequence head reads the pooled vector
    size_t size;               // D
    size_t n_labels;
    grus_weights *weights;
    float *bias; // (n_labels)
} grus_head;

grus_status grus_head_read(grus_reading *reading, const grus_config *config, const grus_head_config *head_config,
                           grus_head *head, grus_error *error);

// Labels and probabilities of every sequence (n) or position (positions), in the arena. pooled is (n, D), NULL without
// pooling. GRUS_E_MEMORY when arena has none left.
grus_status grus_head_run(const grus_head *head, grus_arena *arena, const grus_encoded *encoded, const float *pooled,
                          uint32_t **labels, float **probs, grus_error *error);

size_t grus_head_bytes(const grus_head *head, size_t positions, size_t records);

#endif
