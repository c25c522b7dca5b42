// search.h: the options of a search, the same for every command that decodes.
#ifndef GRUS_CLI_SEARCH_H
#define GRUS_CLI_SEARCH_H

#include "cli/options.h"
#include <grus.h>

enum grus_search_option {
    GRUS_SEARCH_BEAM_SIZE,
    GRUS_SEARCH_N_BEST,
    GRUS_SEARCH_LENGTH_NORM,
    GRUS_SEARCH_LENGTH_PENALTY,
    GRUS_SEARCH_MAX_LENGTH,
    GRUS_SEARCH_MAX_LENGTH_FACTOR,
    GRUS_SEARCH_MIN_LENGTH,
    GRUS_N_SEARCH_OPTIONS,
};

// In the order of the enumeration of include/grus.h; ends with NULL.
extern const char *const grus_search_norms[];

// The rows of a command's table from place `first` on.
// clang-format off
#define GRUS_SEARCH_ROWS(first) \
    [(first) + GRUS_SEARCH_BEAM_SIZE] = {"beam-size", 'b', GRUS_OPTION_COUNT, "N", \
        "hypotheses that the search keeps [the model's]", 1, 1024, NULL}, \
    [(first) + GRUS_SEARCH_N_BEST] = {"n-best", 0, GRUS_OPTION_COUNT, "N", \
        "hypotheses that are printed [the model's]", 1, 1024, NULL}, \
    [(first) + GRUS_SEARCH_LENGTH_NORM] = {"length-norm", 0, GRUS_OPTION_CHOICE, "NAME", \
        "none, avg, gnmt [the model's]", 0, 0, grus_search_norms}, \
    [(first) + GRUS_SEARCH_LENGTH_PENALTY] = {"length-penalty", 0, GRUS_OPTION_REAL, "NUMBER", \
        "exponent of the length normalisation [the model's]", 0, 0, NULL}, \
    [(first) + GRUS_SEARCH_MAX_LENGTH] = {"max-length", 0, GRUS_OPTION_COUNT, "N", \
        "most steps of an output [the model's]", 1, 1000000, NULL}, \
    [(first) + GRUS_SEARCH_MAX_LENGTH_FACTOR] = {"max-length-factor", 0, GRUS_OPTION_REAL, "NUMBER", \
        "most steps for each source position [the model's]", 0, 0, NULL}, \
    [(first) + GRUS_SEARCH_MIN_LENGTH] = {"min-length", 0, GRUS_OPTION_COUNT, "N", \
        "least tokens of an output [the model's]", 0, 1000000, NULL}
// clang-format on

// values: those of the rows (GRUS_N_SEARCH_OPTIONS). What is set goes over what is in search.
void grus_search_take(const grus_option_value *values, grus_search *search);

#endif
