// logits.c: log-softmax and top-k of one row.
#include "config.h"

#include "engine/logits.h"

#include <math.h>

#define BLOCK 64 // logits whose maximum is compared before any of them is looked at

grus_normalizer grus_logits_normalize(const grus_vector *vector, float *logits, const float *bias, size_t n)
{
    vector->add(logits, bias, n);
    grus_normalizer normalizer;
    normalizer.shift = vector->max(logits, n);
    normalizer.log_sum = logf(vector->exp_sum(logits, n, normalizer.shift));
    normalizer.finite = isfinite(normalizer.shift) && isfinite(normalizer.log_sum);
    return normalizer;
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

size_t grus_logits_best(const grus_vector *vector, const float *logits, size_t n, const grus_normalizer *normalizer,
                        uint32_t banned, size_t k, grus_candidate *best)
{
    size_t count = 0;
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t end = n - first < BLOCK ? n : first + BLOCK;
        if (count == k && vector->max(logits + first, end - first) <= best[k - 1].logprob)
            continue;
        for (size_t i = first; i < end; i++)
            if (i != banned && (count < k || logits[i] > best[k - 1].logprob))
                count = insert(best, count, k, logits[i], (uint32_t)i);
    }
    for (size_t i = 0; i < count; i++)
        best[i].logprob = (best[i].logprob - normalizer->shift) - normalizer->log_sum;
    return count;
}
