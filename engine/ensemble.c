// ensemble.c: the members' decodings side by side, and the means.
#include "config.h"

#include "engine/ensemble.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"

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

static bool has_weights(const grus_members *members, bool attends)
{
    return attends && members->n > 1;
}

bool grus_ensemble_list(const grus_members *members, grus_decoding_shape shape, bool attends, const grus_sizes *sizes,
                        grus_arena *arena)
{
    grus_ensemble e;
    for (size_t i = 0; i < members->n; i++)
        if (!grus_decoding_list(members->list[i].decoder, shape, sizes, arena))
            return false;
    return !has_weights(members, attends) || list_weights(&e, shape.max_rows, sizes->longest, arena);
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
    if (has_weights(members, attends) && !list_weights(e, shape.max_rows, e->decodings[0]->longest, work->arena))
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

grus_unranked grus_ensemble_mean(const grus_ensemble *e, size_t i)
{
    grus_unranked mean = row_of(e, 0, i);
    if (e->n == 1)
        return mean;
    const float *x[GRUS_MEMBERS_MOST];
    float shift[GRUS_MEMBERS_MOST], log_sum[GRUS_MEMBERS_MOST];
    bool finite = true;
    for (size_t member = 0; member < e->n; member++) {
        grus_unranked row = row_of(e, member, i);
        x[member] = row.logits;
        shift[member] = row.normalizer->shift;
        log_sum[member] = row.normalizer->log_sum;
        finite = finite && row.normalizer->finite;
    }
    const grus_log_rows rows = {e->n, x, shift, log_sum};
    e->members->list[0].decoder->kernel->vector->mean_logprobs(&rows, mean.n, mean.logits, mean.top);
    *mean.normalizer = (grus_normalizer){.finite = finite};
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
