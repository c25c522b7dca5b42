// logits.h: one row of logits to log-probabilities: their normaliser, and the best few candidates.
#ifndef GRUS_ENGINE_LOGITS_H
#define GRUS_ENGINE_LOGITS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/vector.h"

typedef struct grus_candidate {
    float logprob;
    uint32_t token;
} grus_candidate;

// Normaliser of log_softmax(logits): log-probability i is (logits[i] - shift) - log_sum.
typedef struct grus_normalizer {
    float shift, log_sum;
    bool finite;
} grus_normalizer;

// Adds bias to the n logits in place.
grus_normalizer grus_logits_normalize(const grus_vector *vector, float *logits, const float *bias, size_t n);

// The k best of n logits, best first, the lower token first among equals; `banned` (GRUS_NO_TOKEN: none) is left out.
// Returns how many there are.
#define GRUS_NO_TOKEN UINT32_MAX
size_t grus_logits_best(const grus_vector *vector, const float *logits, size_t n, const grus_normalizer *normalizer,
                        uint32_t banned, size_t k, grus_candidate *best);

#endif
