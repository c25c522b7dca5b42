// sampling.c: the k-th largest logit by bisection, the weights of what is not below it, and the draw.
#include "config.h"

#include "engine/sampling.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

bool grus_sampler_list(grus_sampler *sampler, size_t vocab, grus_arena *arena)
{
    sampler->tokens = grus_arena_alloc(arena, vocab, sizeof *sampler->tokens);
    sampler->weights = grus_arena_alloc(arena, vocab, sizeof *sampler->weights);
    return sampler->tokens && sampler->weights;
}

// ---- the best ----

// Floats as whole numbers in the same order.
static uint32_t order_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000;
}

static float of_order(uint32_t order)
{
    float x;
    uint32_t bits = order >> 31 ? order & 0x7fffffff : ~order;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t at_least(const grus_sampler *sampler, const grus_logits *row, size_t block, float least)
{
    size_t first = block * GRUS_LOGIT_BLOCK;
    return sampler->vector->at_least(row->logits + first, grus_min(row->n - first, GRUS_LOGIT_BLOCK), least);
}

static size_t count_at_least(const grus_sampler *sampler, const grus_logits *row, float least)
{
    size_t count = 0, blocks = grus_logits_blocks(row->n);
    for (size_t block = 0; block < blocks; block++)
        if (row->top[block] >= least)
            count += (size_t)__builtin_popcountll(at_least(sampler, row, block, least));
    return count;
}

// What is a candidate: every logit above `least`, and the first n_equal of those that are it.
typedef struct cut {
    float least;
    size_t n_equal;
} cut;

static cut find_cut(const grus_sampler *sampler, const grus_logits *row, float highest)
{
    const cut all = {-INFINITY, SIZE_MAX};
    size_t k = sampler->topk;
    if (k == 0 || k >= row->n || count_at_least(sampler, row, -INFINITY) <= k)
        return all;
    // At least k are not below the one, fewer than k not below the other.
    uint32_t low = order_of(-INFINITY), high = order_of(highest) + 1;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        size_t count = count_at_least(sampler, row, of_order(middle));
        if (count == k)
            return (cut){of_order(middle), SIZE_MAX};
        *(count > k ? &low : &high) = middle;
    }
    return (cut){of_order(low), k - count_at_least(sampler, row, of_order(high))};
}

// ---- their weights ----

// The candidates with what exp is to be taken of. Returns how many there are.
static size_t gather(const grus_sampler *sampler, const grus_logits *row, cut c, float highest)
{
    size_t n = 0, blocks = grus_logits_blocks(row->n);
    for (size_t block = 0; block < blocks; block++) {
        if (!(row->top[block] >= c.least))
            continue;
        for (uint64_t mask = at_least(sampler, row, block, c.least); mask; mask &= mask - 1) {
            size_t i = block * GRUS_LOGIT_BLOCK + (size_t)__builtin_ctzll(mask);
            bool equal = !(row->logits[i] > c.least);
            if (equal && c.n_equal == 0)
                continue;
            c.n_equal -= equal;
            sampler->tokens[n] = (uint32_t)i;
            sampler->weights[n++] = (row->logits[i] - highest) / sampler->temperature;
        }
    }
    return n;
}

// In one order, and with four sums under way.
static double sum(const float *x, size_t n)
{
    double parts[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t part = 0; part < 4; part++)
            parts[part] += (double)x[i + part];
    for (; i < n; i++)
        parts[0] += (double)x[i];
    return (parts[0] + parts[1]) + (parts[2] + parts[3]);
}

// The first of n weights up to which they come to more than the number's share of them all.
static size_t pick(const float *weights, size_t n, double number)
{
    double total = 0, before = 0;
    for (size_t first = 0; first < n; first += GRUS_LOGIT_BLOCK)
        total += sum(weights + first, grus_min(n - first, GRUS_LOGIT_BLOCK));
    double share = number * total;
    size_t last = 0; // that may be drawn
    for (size_t first = 0; first < n; first += GRUS_LOGIT_BLOCK) {
        size_t end = grus_min(n, first + GRUS_LOGIT_BLOCK);
        double of_block = sum(weights + first, end - first), so_far = before;
        bool within = before + of_block > share;
        for (size_t i = first; within && i < end; i++) {
            so_far += (double)weights[i];
            if (weights[i] > 0)
                last = i;
            if (so_far > share)
                return i;
        }
        before += of_block;
    }
    return last; // rounding
}

bool grus_sampler_draw(const grus_sampler *sampler, const grus_logits *row, double number, grus_candidate *drawn)
{
    float highest = sampler->vector->max(row->top, grus_logits_blocks(row->n));
    size_t n = gather(sampler, row, find_cut(sampler, row, highest), highest);
    if (n == 0)
        return false;
    sampler->vector->exp(sampler->weights, n);
    uint32_t token = sampler->tokens[pick(sampler->weights, n, number)];
    drawn->token = token;
    drawn->logprob = grus_logit_logprob(row->normalizer, row->logits[token]);
    return true;
}
