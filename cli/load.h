// load.h: loading a model by the command line: the options of it, the same for every command that loads one.
#ifndef GRUS_CLI_LOAD_H
#define GRUS_CLI_LOAD_H

#include "cli/options.h"
#include <grus.h>

enum grus_load_option { GRUS_LOADING_STRICT, GRUS_LOADING_ALLOW_NONFINITE, GRUS_N_LOAD_OPTIONS };

// The rows of a command's table from place `first` on.
// clang-format off
#define GRUS_LOAD_ROWS(first) \
    [(first) + GRUS_LOADING_STRICT] = {"strict", 0, GRUS_OPTION_FLAG, NULL, \
        "a tensor that the configuration does not use is an error", 0, 0, NULL}, \
    [(first) + GRUS_LOADING_ALLOW_NONFINITE] = {"allow-nonfinite", 0, GRUS_OPTION_FLAG, NULL, \
        "a NaN or an infinity among the weights is no error", 0, 0, NULL}
// clang-format on

// values: those of the rows (GRUS_N_LOAD_OPTIONS). Warnings go to standard error. 0 and a model, which the caller frees;
// or the exit code, after a message.
int grus_load_model(const char *dir, const grus_option_value *values, grus_model **model);

#endif
