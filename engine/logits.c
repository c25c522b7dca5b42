// logits.c: log-softmax and top-k of one row.
#include "config.h"

#include "engine/logits.h"

#include <math.h>

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

grus_normalizer grus_logits_normalize(const grus_vector *vector, float *logits, const float *bias, size_t n, float *top)
{
    grus_exp_sum sum;
    grus_logits_begin(&sum);
    vector->add_exp_sum(logits, bias, n, &sum, top);
    return grus_logits_end(vector, &sum);
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

static size_t block_end(size_t block, size_t n)
{
    return (block + 1) * GRUS_LOGIT_BLOCK < n ? (block + 1) * GRUS_LOGIT_BLOCK : n;
}

// The largest of a block's logits that are not banned.
static float top_of(const float *logits, const float *top, size_t n, size_t block, uint32_t banned)
{
    if (banned / GRUS_LOGIT_BLOCK != block)
        return top[block];
    float best = -INFINITY;
    for (size_t i = block * GRUS_LOGIT_BLOCK; i < block_end(block, n); i++)
        if (i != banned && logits[i] > best)
            best = logits[i];
    return best;
}

// What the k-th best logit is not below: the k-th largest top, each of which is a logit. best is scratch.
static float least_best(const float *logits, const float *top, size_t n, uint32_t banned, size_t k,
                        grus_candidate *best)
{
    size_t count = 0;
    for (size_t block = 0; block < grus_logits_blocks(n); block++) {
        float logit = top_of(logits, top, n, block, banned);
        if (count < k || logit > best[k - 1].logprob)
            count = insert(best, count, k, logit, 0);
    }
    return count == k ? best[k - 1].logprob : -INFINITY;
}

size_t grus_logits_best(const float *logits, const float *top, size_t n, const grus_normalizer *normalizer,
                        uint32_t banned, size_t k, grus_candidate *best)
{
    float least = least_best(logits, top, n, banned, k, best);
    size_t count = 0;
    for (size_t block = 0; block < grus_logits_blocks(n); block++) {
        if (top[block] < least || (count == k && top[block] <= best[k - 1].logprob))
            continue;
        for (size_t i = block * GRUS_LOGIT_BLOCK; i < block_end(block, n); i++)
            if (i != banned && logits[i] >= least && (count < k || logits[i] > best[k - 1].logprob))
                count = insert(best, count, k, logits[i], (uint32_t)i);
    }
    for (size_t i = 0; i < count; i++)
        best[i].logprob = (best[i].logprob - normalizer->shift) - normalizer->log_sum;
    return count;
}
