// sizes.h: how large a batch is, or may be at most: what the memory for it depends on besides the model and the options.
// Each object of the engine lists its allocations by these, once, whether they are a batch's own or a plan's bounds.
#ifndef GRUS_ENGINE_SIZES_H
#define GRUS_ENGINE_SIZES_H

#include "base/model_config.h"
#include "engine/batch.h"

typedef struct grus_sizes {
    size_t records, positions; // positions behind the front, here and below
    size_t longest;            // positions of one record
    size_t steps;              // of the searches: the limits of all records added up; 0 with forced targets
    size_t tokens;             // of the forced targets, end tokens included; 0 where there are none
    size_t
        cells; // attention weights of hypotheses: steps, or tokens, times positions (times heads) of each record; 0: not wanted
} grus_sizes;

// Those of a batch before the front of config. What does not fit a size_t is SIZE_MAX.
grus_sizes grus_sizes_of(const grus_batch *batch, const grus_infer_options *options, const grus_config *config);

// At least those of any batch of so many positions, before the front, and records, forced targets counted among the
// positions, whose attention weights are no more than cells.
grus_sizes grus_sizes_within(const grus_infer_options *options, const grus_config *config, size_t positions,
                             size_t records, size_t cells);

#endif
