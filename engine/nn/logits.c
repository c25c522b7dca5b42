// logits.c: log-softmax and top-k of one row.
#include "config.h"

#include "engine/nn/logits.h"

#include <math.h>

#include "base/assert.h"
#include "base/memory.h"

void grus_logits_begin(grus_exp_sum *sum)
{
    *sum = (grus_exp_sum){.shift = -INFINITY};
}

grus_normalizer grus_logits_end(const grus_vector *vector, const grus_exp_sum *sum)
{
    grus_normalizer normalizer = {.shift = sum->shift, .log_sum = logf(vector->exp_sum(sum))};
    normalizer.finite = isfinite(normalizer.shift) && isfinite(normalizer.log_sum);
    return normalizer;
}

void grus_logits_ban(const grus_unranked *row, uint32_t token)
{
    size_t first = token / GRUS_LOGIT_BLOCK * GRUS_LOGIT_BLOCK, end = grus_min(first + GRUS_LOGIT_BLOCK, row->n);
    float top = -INFINITY;
    GRUS_ASSERT(token < row->n);
    if (isnan(row->logits[token]))
        return;
    row->logits[token] = NAN;
    for (size_t i = first; i < end; i++)
        if (row->logits[i] > top)
            top = row->logits[i];
    row->top[first / GRUS_LOGIT_BLOCK] = top;
}

void grus_logits_penalise(const grus_vector *vector, const grus_unranked *row, const uint32_t *tokens, size_t n,
                          float penalty, float *before, const float *zeros)
{
    grus_exp_sum sum;
    for (size_t i = 0; i < n; i++)
        before[i] = row->logits[tokens[i]];
    for (size_t i = 0; i < n; i++)
        row->logits[tokens[i]] = before[i] < 0 ? before[i] * penalty : before[i] / penalty;
    grus_logits_begin(&sum);
    vector->add_exp_sum(row->logits, zeros, row->n, &sum, row->top);
    *row->normalizer = grus_logits_end(vector, &sum);
}

// best[0..count) is sorted; equal logits keep the order in which they come, that of their tokens.
static size_t insert(grus_candidate *best, size_t count, size_t k, float logit, uint32_t token)
{
    size_t at = count < k ? count : k - 1;
    for (; at > 0 && best[at - 1].logprob < logit; at--)
        best[at] = best[at - 1];
    best[at] = (grus_candidate){logit, token};
    return count < k ? count + 1 : k;
}

float grus_logits_least(const grus_vector *vector, const float *top, size_t blocks, size_t k, grus_candidate *best)
{
    size_t count = 0;
    float least = -INFINITY;
    for (size_t first = 0; first < blocks; first += GRUS_LOGIT_BLOCK)
        for (uint64_t mask = vector->at_least(top + first, grus_min(blocks - first, GRUS_LOGIT_BLOCK), least); mask;
             mask &= mask - 1) {
            float logit = top[first + (size_t)__builtin_ctzll(mask)];
            if (count == k && !(logit > least))
                continue;
            count = insert(best, count, k, logit, 0);
            least = count == k ? best[k - 1].logprob : -INFINITY;
        }
    return least;
}

// Rounding is at most a few 1e-8 of the terms.
float grus_logits_at(float floor, const grus_normalizer *normalizer)
{
    return (floor + normalizer->log_sum) + normalizer->shift -
           1e-6f * (fabsf(floor) + fabsf(normalizer->log_sum) + fabsf(normalizer->shift));
}

static bool is_banned(grus_banned banned, size_t token)
{
    for (size_t i = 0; i < banned.n; i++)
        if (banned.tokens[i] == token)
            return true;
    return false;
}

size_t grus_logits_best(const grus_vector *vector, const grus_logits *row, grus_banned banned, float floor, size_t k,
                        grus_candidate *best)
{
    const float *logits = row->logits, *top = row->top;
    const grus_normalizer *normalizer = row->normalizer;
    size_t n = row->n, blocks = grus_logits_blocks(n), count = 0;
    // Some of the largest tops may be those of banned tokens.
    float least = fmaxf(grus_logits_least(vector, top, blocks, k + banned.n, best), grus_logits_at(floor, normalizer));
    for (size_t block = 0; block < blocks; block++) {
        if (!(top[block] >= least))
            continue;
        size_t first = block * GRUS_LOGIT_BLOCK;
        for (uint64_t mask = vector->at_least(logits + first, grus_min(n - first, GRUS_LOGIT_BLOCK), least); mask;
             mask &= mask - 1) {
            size_t i = first + (size_t)__builtin_ctzll(mask);
            if ((count == k && !(logits[i] > least)) || is_banned(banned, i))
                continue;
            count = insert(best, count, k, logits[i], (uint32_t)i);
            if (count == k)
                least = fmaxf(least, best[k - 1].logprob);
        }
    }
    for (size_t i = 0; i < count; i++)
        best[i].logprob = grus_logit_logprob(normalizer, best[i].logprob);
    return count;
}
