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

// Normaliser of log_softmax(logits).
typedef struct grus_normalizer {
    float shift, log_sum;
    bool finite;
} grus_normalizer;

// The log-probability of one of them.
static inline float grus_logit_logprob(const grus_normalizer *normalizer, float logit)
{
    return (logit - normalizer->shift) - normalizer->log_sum;
}

// A row comes in one piece or several: begun, given to vector->add_exp_sum piece by piece, and ended.
void grus_logits_begin(grus_exp_sum *sum);
grus_normalizer grus_logits_end(const grus_vector *vector, const grus_exp_sum *sum);

static inline size_t grus_logits_blocks(size_t n)
{
    return (n + GRUS_LOGIT_BLOCK - 1) / GRUS_LOGIT_BLOCK;
}

// A row that is ready to be ranked.
typedef struct grus_logits {
    const float *logits; // (n), their bias added; NaN: no candidate
    const float *top;    // (grus_logits_blocks(n)): the largest of each block
    size_t n;
    const grus_normalizer *normalizer;
} grus_logits;

// The same before that, while it may be written over.
typedef struct grus_unranked {
    float *logits, *top;
    size_t n;
    grus_normalizer *normalizer;
} grus_unranked;

// Tokens that are no candidates; some may stand there twice.
typedef struct grus_banned {
    const uint32_t *tokens;
    size_t n;
} grus_banned;

// The token is no candidate any more; the others keep their log-probabilities.
void grus_logits_ban(const grus_unranked *row, uint32_t token);

// Divides the logits of n tokens, multiplies them where they are negative, by the penalty, once each, and normalises the
// row again. before: scratch for n floats; zeros: as many as the row has.
void grus_logits_penalise(const grus_vector *vector, const grus_unranked *row, const uint32_t *tokens, size_t n,
                          float penalty, float *before, const float *zeros);

// What the k-th best logit is not below: the k-th largest of the tops, each of which is a logit. scratch has room for k.
float grus_logits_least(const grus_vector *vector, const float *top, size_t blocks, size_t k, grus_candidate *scratch);
// The least logit whose log-probability may come to floor.
float grus_logits_at(float floor, const grus_normalizer *normalizer);

// The k best logits of a row, best first, the lower token first among equals; those banned are left out, and what is less
// likely than floor may be. Reads the blocks alone that hold one of them by their top. Returns how
// many there are; best has room for as many more as are banned.
size_t grus_logits_best(const grus_vector *vector, const grus_logits *row, grus_banned banned, float floor, size_t k,
                        grus_candidate *best);

#endif
