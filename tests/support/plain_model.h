// plain_model.h: what a random model must compute, one sequence, one step and one unit at a time in double, written from
// the equations of doc/model-format.md. Of attention the score `general` alone.
#ifndef GRUS_TESTS_SUPPORT_PLAIN_MODEL_H
#define GRUS_TESTS_SUPPORT_PLAIN_MODEL_H

#include "tests/support/random_model.h"

// Values of the final states of all layers, one layer after the other.
size_t plain_finals(const grus_config *config);
// A sequence's outputs (length, D) and those states, and behind them as many values of c (2, plain_finals).
void plain_encode(const random_model *model, const grus_config *config, const uint32_t *ids, size_t length,
                  double *output, double *final);

// What the decoder says of n given tokens, one after the other.
typedef struct plain_scores {
    double *logprob; // (n) of the token itself
    double *best;    // (n) of the likeliest one
} plain_scores;
void plain_follow(const random_model *model, const grus_config *config, const uint32_t *ids, size_t length,
                  const uint32_t *tokens, size_t n, const plain_scores *scores);

#endif
