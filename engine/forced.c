// forced.c: forced decoding: the log-probability and the attention of given targets. One row a sequence, admitted as
// rows become free, long targets first.
#include "config.h"

#include "engine/forced.h"

#include "base/error.h"
#include "engine/decoding.h"
#include "engine/lanes.h"
#include "engine/search_rules.h"

typedef struct follower {
    uint32_t sequence, row;
    size_t step;
} follower;

static grus_row row_of(const grus_decoder *decoder, const grus_encoded *encoded, const grus_forced *forced,
                       const follower *f)
{
    const grus_forced *target = &forced[f->sequence];
    uint32_t token = f->step ? target->tokens[f->step - 1] : (uint32_t)decoder->config->bos;
    float *weights = target->attention ? target->attention + f->step * encoded->length[f->sequence] : NULL;
    return (grus_row){token, f->row, f->sequence, weights};
}

// Scores the token that the follower stands before; false when its target is done.
static bool score_token(grus_forced *target, follower *f, const float *logits, const grus_normalizer *normalizer)
{
    float logprob = (logits[target->tokens[f->step]] - normalizer->shift) - normalizer->log_sum;
    target->logprob += (double)logprob;
    if (target->logprobs)
        target->logprobs[f->step] = logprob;
    return ++f->step < target->length;
}

static const uint32_t *order_targets(grus_arena *arena, const grus_forced *forced, size_t n)
{
    size_t *length = grus_arena_alloc(arena, n, sizeof *length);
    for (size_t i = 0; length && i < n; i++)
        length[i] = forced[i].length;
    return length ? grus_longest_first(arena, length, n) : NULL;
}

grus_status grus_force(const grus_decoder *decoder, grus_arena *arena, const grus_encoded *encoded, size_t beam_size,
                       grus_forced *forced, const atomic_bool *stop, grus_infer_stats *stats, grus_error *error)
{
    size_t max_rows = grus_search_rows(decoder->kernel, 1), n = 0, next = 0;
    grus_decoding *decoding;
    grus_status status =
        grus_decoding_start(decoder, arena, encoded, max_rows, grus_search_folds(beam_size), stats, &decoding, error);
    if (status)
        return status;
    follower *followers = grus_arena_alloc(arena, max_rows, sizeof *followers);
    grus_row *rows = grus_arena_alloc(arena, max_rows, sizeof *rows);
    const uint32_t *order = order_targets(arena, forced, encoded->n);
    if (!followers || !rows || !order)
        return grus_fail_memory(error, max_rows * sizeof *rows);
    for (;;) {
        for (; n < max_rows && next < encoded->n; next++) {
            grus_forced *target = &forced[order[next]];
            target->logprob = 0;
            if (target->length > 0)
                followers[n++] = (follower){order[next], GRUS_NO_ROW, 0};
        }
        if (n == 0)
            return GRUS_OK;
        if (grus_stop_asked(stop))
            return grus_fail(error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        for (size_t i = 0; i < n; i++) {
            rows[i] = row_of(decoder, encoded, forced, followers + i);
            followers[i].row = (uint32_t)i;
        }
        size_t left = 0;
        grus_decoding_step(decoding, rows, n);
        grus_scores scores = grus_decoding_score(decoding, NULL, n);
        for (size_t i = 0; i < n; i++)
            if (score_token(&forced[followers[i].sequence], followers + i, scores.logits + i * scores.ld,
                            scores.normalizers + i))
                followers[left++] = followers[i];
        n = left;
    }
}

size_t grus_force_bytes(const grus_decoder *decoder, size_t records)
{
    size_t rows = grus_search_rows(decoder->kernel, 1);
    return rows * (sizeof(follower) + sizeof(grus_row)) + records * (sizeof(grus_forced) + sizeof(size_t)) +
           grus_longest_first_bytes(records) + 5 * GRUS_ALIGN;
}
