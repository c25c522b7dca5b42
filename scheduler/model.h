// model.h: a loaded model, whole: configuration, tokenizers, labels, engine. Immutable, shared by all threads.
#ifndef GRUS_SCHEDULER_MODEL_H
#define GRUS_SCHEDULER_MODEL_H

#include "engine/engine.h"
#include "io/text/tokenizer.h"
#include "io/text/vocabulary.h"

// A tensor of a file, for descriptions.
typedef struct grus_tensor_line {
    const char *name;
    char *owned; // the name, where it is freed with the line; else NULL
    const char *dtype;
    size_t rank, shape[GRUS_TENSOR_RANK];
    size_t bytes;
    bool used;
} grus_tensor_line;

struct grus_model {
    char *dir;
    grus_config config;
    grus_tokenizer *source;               // NULL for feature models
    grus_tokenizer *target;               // NULL for encoder models; adds neither bos nor the end token
    grus_vocab *labels[GRUS_MAX_HEADS];   // NULL of a head without
    size_t longest_label[GRUS_MAX_HEADS]; // bytes of JSON
    size_t all_labels[GRUS_MAX_HEADS];    // bytes of a JSON list of them
    size_t longest_token;                 // bytes of JSON that one target token adds to an output
    grus_compute_type compute_type;
    grus_engine *engine;
    grus_engine_facts facts;
    grus_tensor_line *tensors;
    size_t n_tensors;
    uint64_t hash; // XXH64 of config.json, model.safetensors and every file that the configuration names
};

#endif
