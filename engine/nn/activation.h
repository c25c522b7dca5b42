// activation.h: what stands behind the product of a layer: its bias is added, and its activation applied. The product, and
// where its rows go, is the caller's.
#ifndef GRUS_ENGINE_NN_ACTIVATION_H
#define GRUS_ENGINE_NN_ACTIVATION_H

#include "engine/kernel/vector.h"

typedef struct grus_activating {
    const grus_vector *vector;
    grus_activation activation;
    size_t size;
    const float *bias; // (size), or NULL: zeros
} grus_activating;

// x = activation(x + bias) for each of n rows x (size), ld floats apart.
void grus_activate(const grus_activating *with, float *rows, size_t n, size_t ld);

#endif
