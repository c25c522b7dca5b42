// generator.h: what a decoder model says of a batch that was encoded: hypotheses, searched for or forced, and the
// attention of the best.
#ifndef GRUS_ENGINE_GENERATOR_H
#define GRUS_ENGINE_GENERATOR_H

#include "engine/ensemble.h"
#include "engine/sizes.h"

typedef struct grus_generator {
    const grus_members *members;
    const grus_infer_options *options;
    grus_sizes sizes; // of the batch
} grus_generator;

// Fills in the results of a batch that each member has encoded with final states from its bridge's first_final on. GRUS_E_MEMORY
// or GRUS_E_INTERRUPTED.
grus_status grus_generator_run(const grus_generator *generator, const grus_batch *batch, const grus_work *work,
                               grus_result *results);

// Lists what that takes: grus_generator_run, on the arena alone.
bool grus_generator_list(const grus_generator *generator, grus_arena *arena);

#endif
