// search_defaults.c: the defaults of a search.
#include "config.h"

#include "base/search_defaults.h"

const grus_search grus_search_defaults = {
    .beam_size = 1,
    .n_best = 1,
    .length_norm = GRUS_NORM_NONE,
    .length_penalty = 1,
    .max_length_factor = 2,
    .max_length = 200,
    .min_length = 0,
    .repetition_penalty = 1,
    .sampling_topk = 1,
    .sampling_temperature = 1,
};
