// logits.h: one row of logits to log-probabilities: their normaliser, and the best few candidates.
#ifndef GRUS_ENGINE_NN_LOGITS_H
#define GRUS_ENGINE_NN_LOGITS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/kernel/vector.h"

typedef struct grus_candidate {
    float logprob;
    uint32_t token;
} grus_candidate;

// Normaliser of log_softmax(logits): log-probability i is (logits[i] - shift) - log_sum.
typedef struct grus_normalizer {
    float shift, log_sum;
    bool finite;
} grus_normalizer;

// A row may come in pieces: begun, given to vector->add_exp_sum piece by piece, and ended.
void grus_logits_begin(grus_exp_sum *sum);
grus_normalizer grus_logits_end(const grus_vector *vector, const grus_exp_sum *sum);

// Adds bias to the n logits in place, in one pass over them. top, unless NULL, takes what grus_logits_best needs:
// grus_logits_blocks(n) floats, the largest logit of each block.
grus_normalizer grus_logits_normalize(const grus_vector *vector, float *logits, const float *bias, size_t n,
                                      float *top);

static inline size_t grus_logits_blocks(size_t n)
{
    return (n + GRUS_LOGIT_BLOCK - 1) / GRUS_LOGIT_BLOCK;
}

// The k best of n normalised logits, best first, the lower token first among equals; `banned` (GRUS_NO_TOKEN: none) is left
// out, and what is less likely than floor may be. Reads the blocks alone that hold one of them by their top. Returns how
// many there are; best has room for one more.
#define GRUS_NO_TOKEN UINT32_MAX
size_t grus_logits_best(const grus_vector *vector, const float *logits, const float *top, size_t n,
                        const grus_normalizer *normalizer, uint32_t banned, float floor, size_t k,
                        grus_candidate *best);

#endif
