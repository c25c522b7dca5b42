// search_defaults.h: how a search goes where neither the model nor the caller says it.
#ifndef GRUS_BASE_SEARCH_DEFAULTS_H
#define GRUS_BASE_SEARCH_DEFAULTS_H

#include "grus.h"

// Those of the model contract's "generation".
extern const grus_search grus_search_defaults;

// The length penalty is between this and its negative: beyond, a score of a long hypothesis is no number.
#define GRUS_LENGTH_PENALTY_MOST 16
// And max_length_factor is at most this: no output has more steps.
#define GRUS_LENGTH_FACTOR_MOST 1000000
// The repetition penalty is between these.
#define GRUS_REPETITION_LEAST 0.001
#define GRUS_REPETITION_MOST 1000.0
// And the temperature of sampling, where it is not 0.
#define GRUS_TEMPERATURE_LEAST 0.001
#define GRUS_TEMPERATURE_MOST 1000.0

#endif
