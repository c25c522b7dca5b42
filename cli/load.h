// load.h: loading a model by the command line: the options of it, the same for every command that loads one.
#ifndef GRUS_CLI_LOAD_H
#define GRUS_CLI_LOAD_H

#include "cli/options.h"

enum grus_load_option {
    GRUS_LOADING_STRICT,
    GRUS_LOADING_ALLOW_NONFINITE,
    GRUS_LOADING_COMPUTE_TYPE,
    GRUS_N_LOAD_OPTIONS
};

#define GRUS_LOAD_FIELD(member) GRUS_INTO(GRUS_INTO_LOAD, grus_load_options, member)

// The rows of a command's table from place `first` on.
// clang-format off
#define GRUS_LOAD_ROWS(first) \
    [(first) + GRUS_LOADING_STRICT] = GRUS_FLAG("strict", 0, GRUS_LOAD_FIELD(strict), \
        "a tensor that the configuration does not use is an error"), \
    [(first) + GRUS_LOADING_ALLOW_NONFINITE] = GRUS_FLAG("allow-nonfinite", 0, GRUS_LOAD_FIELD(allow_nonfinite), \
        "a NaN or an infinity among the weights is no error"), \
    [(first) + GRUS_LOADING_COMPUTE_TYPE] = GRUS_CHOICE_OF("compute-type", GRUS_NAMES_COMPUTE, GRUS_LOAD_FIELD(compute_type), \
        "what products are made of [float32]")
// clang-format on

// Loads the model by those of the command's options (n) and values that are of GRUS_LOAD_ROWS. Warnings go to standard
// error. 0 and a model, which the caller frees; or the exit code, after a message.
int grus_load_model(const char *dir, const grus_option *options, size_t n, const grus_option_value *values,
                    grus_model **model);

#endif
