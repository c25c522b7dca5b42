// random_model.h: seeded random models for the engine's suites: every tensor that a configuration needs, in memory.
#ifndef GRUS_TESTS_SUPPORT_RANDOM_MODEL_H
#define GRUS_TESTS_SUPPORT_RANDOM_MODEL_H

#include "base/model_config.h"
#include "base/tensor.h"

typedef struct random_tensor {
    char name[128];
    size_t rank, shape[3], count;
    float *data;
} random_tensor;

typedef struct random_model {
    random_tensor tensors[256];
    size_t n;
} random_model;

// xorshift64*; *state must not be 0. Uniform in [-1, 1).
float random_float(uint64_t *state);
size_t random_below(uint64_t *state, size_t n);

// Makes the tensors of config (vocab sizes filled in), uniform in ±1/sqrt(columns) times 1.5, biases in ±0.5.
void random_model_make(random_model *model, const grus_config *config, uint64_t seed);
void random_model_free(random_model *model);
grus_tensors random_model_tensors(random_model *model);
// Layers of a front, n of them, for positions of so many values; short windows, so that most sequences keep some.
void random_front(uint64_t *state, size_t input, grus_front_layer_config *layers, size_t n);
// The data of a tensor; NULL when there is none of this name.
const float *random_model_get(const random_model *model, const char *name);

// Makes a decoder conditional, and takes from it what such a one has not.
void random_config_condition(grus_decoder_config *decoder);

#endif
