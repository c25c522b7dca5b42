// classifier.h: what an encoder model says of a batch that was encoded: pooled vectors, and the predictions of its heads.
#ifndef GRUS_ENGINE_CLASSIFIER_H
#define GRUS_ENGINE_CLASSIFIER_H

#include "engine/nn/head.h"
#include "engine/nn/pooling.h"
#include "engine/sizes.h"

typedef struct grus_classifier {
    const grus_kernel *kernel;
    grus_pooling pooling;
    size_t n_heads;
    grus_head heads[GRUS_MAX_HEADS];
} grus_classifier;

// Reads pooling and heads. GRUS_E_MODEL or GRUS_E_MEMORY.
grus_status grus_classifier_read(grus_reading *reading, const grus_config *config, grus_classifier *classifier,
                                 grus_error *error);

// Fills in the results of a batch that was encoded with the top layer's final states. GRUS_E_MEMORY.
grus_status grus_classifier_run(const grus_classifier *classifier, const grus_encoded *encoded,
                                const grus_infer_options *options, const grus_work *work, grus_result *results);

// Lists what that takes: grus_classifier_run, on the arena alone.
bool grus_classifier_list(const grus_classifier *classifier, const grus_infer_options *options, const grus_sizes *sizes,
                          grus_arena *arena);

#endif
