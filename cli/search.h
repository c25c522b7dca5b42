// search.h: the options of a search, the same for every command that decodes.
#ifndef GRUS_CLI_SEARCH_H
#define GRUS_CLI_SEARCH_H

#include "cli/options.h"

enum grus_search_option {
    GRUS_SEARCH_BEAM_SIZE,
    GRUS_SEARCH_N_BEST,
    GRUS_SEARCH_LENGTH_NORM,
    GRUS_SEARCH_LENGTH_PENALTY,
    GRUS_SEARCH_MAX_LENGTH,
    GRUS_SEARCH_MAX_LENGTH_FACTOR,
    GRUS_SEARCH_MIN_LENGTH,
    GRUS_SEARCH_DISABLE_UNK,
    GRUS_SEARCH_REPLACE_UNK,
    GRUS_SEARCH_NO_REPEAT_NGRAM,
    GRUS_SEARCH_REPETITION_PENALTY,
    GRUS_N_SEARCH_OPTIONS,
};

#define GRUS_SEARCH_FIELD(member) GRUS_INTO(GRUS_INTO_SEARCH, grus_search, member)

#define GRUS_SEARCH_BEAM_ROW                                                 \
    GRUS_COUNT("beam-size", 'b', "N", 1, 1024, GRUS_SEARCH_FIELD(beam_size), \
               "hypotheses that the search keeps [the model's]")

// The rows of a command's table from place `first` on.
// clang-format off
#define GRUS_SEARCH_ROWS(first) \
    [(first) + GRUS_SEARCH_BEAM_SIZE] = GRUS_SEARCH_BEAM_ROW, \
    [(first) + GRUS_SEARCH_N_BEST] = GRUS_COUNT("n-best", 0, "N", 1, 1024, GRUS_SEARCH_FIELD(n_best), \
        "hypotheses that are printed [the model's]"), \
    [(first) + GRUS_SEARCH_LENGTH_NORM] = GRUS_CHOICE_OF("length-norm", GRUS_NAMES_LENGTH_NORM, \
        GRUS_SEARCH_FIELD(length_norm), "[the model's]"), \
    [(first) + GRUS_SEARCH_LENGTH_PENALTY] = GRUS_REAL("length-penalty", "NUMBER", -16, 16, GRUS_SEARCH_FIELD(length_penalty), \
        "exponent of the length normalisation [the model's]"), \
    [(first) + GRUS_SEARCH_MAX_LENGTH] = GRUS_COUNT("max-length", 0, "N", 1, 1000000, GRUS_SEARCH_FIELD(max_length), \
        "most steps of an output [the model's]"), \
    [(first) + GRUS_SEARCH_MAX_LENGTH_FACTOR] = GRUS_REAL("max-length-factor", "NUMBER", 0, 1e6, \
        GRUS_SEARCH_FIELD(max_length_factor), "most steps for each source position [the model's]"), \
    [(first) + GRUS_SEARCH_MIN_LENGTH] = GRUS_COUNT("min-length", 0, "N", 0, 1000000, GRUS_SEARCH_FIELD(min_length), \
        "least tokens of an output [the model's]"), \
    [(first) + GRUS_SEARCH_DISABLE_UNK] = GRUS_FLAG("disable-unk", 0, GRUS_SEARCH_FIELD(disable_unk), \
        "never put out <unk>"), \
    [(first) + GRUS_SEARCH_REPLACE_UNK] = GRUS_FLAG("replace-unk", 0, GRUS_SEARCH_FIELD(replace_unk), \
        "put out the source token that attention finds for <unk>"), \
    [(first) + GRUS_SEARCH_NO_REPEAT_NGRAM] = GRUS_COUNT("no-repeat-ngram-size", 0, "N", 0, 1000000, \
        GRUS_SEARCH_FIELD(no_repeat_ngram_size), "no N tokens in a row twice in an output; 0: any [0]"), \
    [(first) + GRUS_SEARCH_REPETITION_PENALTY] = GRUS_REAL("repetition-penalty", "X", 0.001, 1000, \
        GRUS_SEARCH_FIELD(repetition_penalty), "divides logits of tokens that an output has [1]")
// clang-format on

#endif
