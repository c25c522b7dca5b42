// ensemble.c: the members' decodings side by side, and the means.
#include "config.h"

#include "engine/ensemble.h"

#include <math.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

// Lists what the means of attention take.
static bool list_weights(grus_ensemble *e, size_t max_rows, size_t longest, grus_arena *arena)
{
    size_t cells = grus_mul_sat(max_rows, longest);
    e->longest = longest;
    e->rows = grus_arena_alloc(arena, max_rows, sizeof *e->rows);
    e->weights = grus_arena_alloc(arena, cells, sizeof *e->weights);
    e->sums = grus_arena_alloc(arena, cells, sizeof *e->sums);
    return e->rows && e->weights && e->sums;
}

// Lists what an ensemble takes beside its decodings.
static bool list_means(grus_ensemble *e, const grus_members *members, size_t max_rows, bool attends, size_t longest,
                       grus_arena *arena)
{
    if (members->n == 1)
        return true;
    e->bounds = grus_arena_alloc(arena, grus_logits_blocks(members->list[0].decoder->vocab), sizeof *e->bounds);
    return e->bounds && (!attends || list_weights(e, max_rows, longest, arena));
}

bool grus_ensemble_list(const grus_members *members, grus_decoding_shape shape, bool attends, const grus_sizes *sizes,
                        grus_arena *arena)
{
    grus_ensemble e;
    for (size_t i = 0; i < members->n; i++)
        if (!grus_decoding_list(members->list[i].decoder, shape, sizes, arena))
            return false;
    return list_means(&e, members, shape.max_rows, attends, sizes->longest, arena);
}

grus_status grus_ensemble_start(const grus_members *members, grus_decoding_shape shape, bool attends,
                                const grus_work *work, grus_ensemble *e)
{
    grus_work others = *work;
    *e = (grus_ensemble){.n = members->n, .members = members, .stats = work->stats};
    others.stats = &e->others;
    for (size_t i = 0; i < e->n; i++) {
        const grus_member *member = &members->list[i];
        grus_status status =
            grus_decoding_start(member->decoder, member->encoded, shape, i ? &others : work, &e->decodings[i]);
        if (status)
            return status;
    }
    if (!list_means(e, members, shape.max_rows, attends, e->decodings[0]->longest, work->arena))
        return grus_fail_memory(work->error, 0);
    return GRUS_OK;
}

static size_t length_of(const grus_ensemble *e, const grus_row *row)
{
    return e->members->list[0].encoded->length[row->sequence];
}

// Adds what member number i has looked at to the sums of the rows that ask for it, and gives their means behind the last.
static void add_weights(grus_ensemble *e, size_t i, const grus_row *rows, size_t n)
{
    for (size_t row = 0; row < n; row++) {
        const float *weights = e->weights + row * e->longest;
        double *sums = e->sums + row * e->longest;
        size_t length = rows[row].weights ? length_of(e, rows + row) : 0;
        for (size_t k = 0; k < length; k++)
            sums[k] = (i ? sums[k] : 0) + (double)weights[k];
        for (size_t k = 0; k < length && i + 1 == e->n; k++)
            rows[row].weights[k] = (float)(sums[k] / (double)e->n);
    }
}

void grus_ensemble_step(grus_ensemble *e, const grus_row *rows, size_t n)
{
    const grus_row *own = rows;
    for (size_t row = 0; row < n && e->rows; row++) {
        e->rows[row] = rows[row];
        if (rows[row].weights)
            e->rows[row].weights = e->weights + row * e->longest;
        own = e->rows;
    }
    for (size_t i = 0; i < e->n; i++) {
        grus_decoding_step(e->decodings[i], own, n);
        if (e->rows)
            add_weights(e, i, rows, n);
    }
}

void grus_ensemble_score(grus_ensemble *e, const uint32_t *which, size_t n)
{
    for (size_t i = 0; i < e->n; i++)
        e->scores[i] = grus_decoding_score(e->decodings[i], which, n);
    e->stats->flops += e->others.flops;
    e->others.flops = 0;
}

// What a member says of row i of the scored.
static grus_unranked row_of(const grus_ensemble *e, size_t member, size_t i)
{
    const grus_scores *scores = &e->scores[member];
    return (grus_unranked){scores->logits + i * scores->ld, scores->top + i * scores->blocks,
                           e->members->list[0].decoder->vocab, scores->normalizers + i};
}

void grus_ensemble_penalise(const grus_ensemble *e, const grus_token_rules *rules, size_t n, size_t i)
{
    for (size_t member = 0; member < e->n; member++) {
        grus_unranked row = row_of(e, member, i);
        grus_token_rules_penalise(rules, n, &row);
    }
}

// A row of each member, and what its log-probabilities are made of.
typedef struct member_rows {
    size_t n;
    const float *logits[GRUS_MEMBERS_MOST], *tops[GRUS_MEMBERS_MOST];
    float shift[GRUS_MEMBERS_MOST], log_sum[GRUS_MEMBERS_MOST];
} member_rows;

// Row i of the scored; mean's normaliser is that of means.
static member_rows rows_of(const grus_ensemble *e, size_t i, const grus_unranked *mean)
{
    member_rows rows = {.n = e->n};
    bool finite = true;
    for (size_t member = 0; member < e->n; member++) {
        grus_unranked row = row_of(e, member, i);
        rows.logits[member] = row.logits;
        rows.tops[member] = row.top;
        rows.shift[member] = row.normalizer->shift;
        rows.log_sum[member] = row.normalizer->log_sum;
        finite = finite && row.normalizer->finite;
    }
    *mean->normalizer = (grus_normalizer){.finite = finite};
    return rows;
}

grus_unranked grus_ensemble_mean(const grus_ensemble *e, size_t i)
{
    grus_unranked mean = row_of(e, 0, i);
    if (e->n == 1)
        return mean;
    const member_rows rows = rows_of(e, i, &mean);
    const grus_log_rows logits = {e->n, rows.logits, rows.shift, rows.log_sum};
    e->members->list[0].decoder->kernel->vector->mean_logprobs(&logits, mean.n, mean.logits, mean.top);
    return mean;
}

// The means of the blocks whose bound is at least this, which then have none.
static void take_blocks(const grus_ensemble *e, const member_rows *rows, float least, const grus_unranked *mean)
{
    const grus_vector *vector = e->members->list[0].decoder->kernel->vector;
    const size_t blocks = grus_logits_blocks(mean->n);
    for (size_t base = 0; base < blocks; base += GRUS_LOGIT_BLOCK)
        for (uint64_t mask = vector->at_least(e->bounds + base, grus_min(blocks - base, GRUS_LOGIT_BLOCK), least); mask;
             mask &= mask - 1) {
            const size_t block = base + (size_t)__builtin_ctzll(mask), first = block * GRUS_LOGIT_BLOCK;
            const float *x[GRUS_MEMBERS_MOST];
            for (size_t member = 0; member < rows->n; member++)
                x[member] = rows->logits[member] + first;
            const grus_log_rows logits = {rows->n, x, rows->shift, rows->log_sum};
            vector->mean_logprobs(&logits, grus_min(mean->n - first, GRUS_LOGIT_BLOCK), mean->logits + first,
                                  mean->top + block);
            e->bounds[block] = NAN;
        }
}

// No mean of a block is above the mean of the members' tops. Of the k blocks with the greatest bounds the least top is not
// above the k-th best mean, and what may come to that lies in the blocks whose bounds do.
grus_unranked grus_ensemble_likeliest(const grus_ensemble *e, size_t i, size_t k, float floor, grus_candidate *scratch)
{
    grus_unranked mean = row_of(e, 0, i);
    if (e->n == 1)
        return mean;
    const grus_vector *vector = e->members->list[0].decoder->kernel->vector;
    const size_t blocks = grus_logits_blocks(mean.n);
    const member_rows rows = rows_of(e, i, &mean);
    const grus_log_rows tops = {e->n, rows.tops, rows.shift, rows.log_sum};
    if (!mean.normalizer->finite)
        return mean;
    const float wanted = grus_logits_at(floor, mean.normalizer);
    vector->mean_logprobs(&tops, blocks, e->bounds, NULL);
    for (size_t block = 0; block < blocks; block++)
        mean.top[block] = -INFINITY;
    take_blocks(e, &rows, fmaxf(wanted, grus_logits_least(vector, e->bounds, blocks, k, scratch)), &mean);
    take_blocks(e, &rows, fmaxf(wanted, grus_logits_least(vector, mean.top, blocks, k, scratch)), &mean);
    return mean;
}

float grus_ensemble_logprob(const grus_ensemble *e, size_t i, uint32_t token)
{
    double sum = 0;
    for (size_t member = 0; member < e->n; member++) {
        grus_unranked row = row_of(e, member, i);
        sum += (double)grus_logit_logprob(row.normalizer, row.logits[token]);
    }
    return (float)(sum / (double)e->n);
}
