// forced.c: forced decoding: the log-probability and the attention of given targets. One row a sequence, admitted as
// rows become free, long targets first.
#include "config.h"

#include "engine/forced.h"

#include "base/assert.h"
#include "base/error.h"
#include "engine/decoding_step.h"
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
    uint32_t token = f->step ? target->tokens[f->step - 1] : decoder->first_token;
    size_t cells = encoded->length[f->sequence] * (target->by_head ? grus_attention_heads(&decoder->attention) : 1);
    float *weights = target->attention ? target->attention + f->step * cells : NULL;
    return (grus_row){token, f->row, f->sequence, weights, target->by_head};
}

// Scores the token that the follower stands before; false when its target is done.
static bool score_token(grus_forced *target, follower *f, const float *logits, const grus_normalizer *normalizer)
{
    GRUS_ASSERT(f->step < target->length);
    float logprob = grus_logit_logprob(normalizer, logits[target->tokens[f->step]]);
    target->logprob += (double)logprob;
    if (target->logprobs)
        target->logprobs[f->step] = logprob;
    return ++f->step < target->length;
}

typedef struct following {
    const grus_decoder *decoder;
    const grus_encoded *encoded;
    grus_forced *forced;
    grus_decoding *decoding;
    size_t max_rows;
    grus_sized_sequence *order; // (records) as they are admitted
    size_t next;                // in order
    follower *followers;        // (max_rows) n of them
    size_t n;
    grus_row *rows; // (max_rows)
} following;

static grus_decoding_shape shape_of(const grus_decoder *decoder, size_t beam_size)
{
    return (grus_decoding_shape){grus_search_rows(decoder->kernel, 1), grus_search_folds(beam_size)};
}

static bool list_scratch(following *g, size_t records, grus_arena *arena)
{
    g->max_rows = grus_search_rows(g->decoder->kernel, 1);
    g->order = grus_arena_alloc(arena, records, sizeof *g->order);
    g->followers = grus_arena_alloc(arena, g->max_rows, sizeof *g->followers);
    g->rows = grus_arena_alloc(arena, g->max_rows, sizeof *g->rows);
    return g->order && g->followers && g->rows;
}

bool grus_forced_list(const grus_decoder *decoder, size_t beam_size, const grus_sizes *sizes, grus_arena *arena)
{
    following g = {.decoder = decoder};
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = grus_decoding_list(decoder, shape_of(decoder, beam_size), sizes, arena) &&
                  list_scratch(&g, sizes->records, arena);
    grus_arena_release(arena, mark);
    return listed;
}

static void order_targets(following *g)
{
    for (size_t i = 0; i < g->encoded->n; i++)
        g->order[i] = (grus_sized_sequence){g->forced[i].length, (uint32_t)i};
    grus_longest_first(g->order, g->encoded->n);
}

static void admit(following *g)
{
    for (; g->n < g->max_rows && g->next < g->encoded->n; g->next++) {
        uint32_t sequence = g->order[g->next].sequence;
        g->forced[sequence].logprob = 0;
        if (g->forced[sequence].length > 0)
            g->followers[g->n++] = (follower){sequence, GRUS_NO_ROW, 0};
    }
}

static void step(following *g)
{
    for (size_t i = 0; i < g->n; i++) {
        g->rows[i] = row_of(g->decoder, g->encoded, g->forced, g->followers + i);
        g->followers[i].row = (uint32_t)i;
    }
    grus_decoding_step(g->decoding, g->rows, g->n);
    grus_scores scores = grus_decoding_score(g->decoding, NULL, g->n);
    size_t left = 0;
    for (size_t i = 0; i < g->n; i++)
        if (score_token(&g->forced[g->followers[i].sequence], g->followers + i, scores.logits + i * scores.ld,
                        scores.normalizers + i))
            g->followers[left++] = g->followers[i];
    g->n = left;
}

static grus_status run(following *g, const grus_work *work)
{
    order_targets(g);
    for (admit(g); g->n > 0; admit(g)) {
        if (grus_stop_asked(work->stop))
            return grus_fail(work->error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        step(g);
    }
    return GRUS_OK;
}

grus_status grus_forced_run(const grus_decoder *decoder, const grus_encoded *encoded, size_t beam_size,
                            grus_forced *forced, const grus_work *work)
{
    following g = {.decoder = decoder, .encoded = encoded, .forced = forced};
    grus_arena_mark mark = grus_arena_here(work->arena);
    grus_status status = grus_decoding_start(decoder, encoded, shape_of(decoder, beam_size), work, &g.decoding);
    if (!status && !list_scratch(&g, encoded->n, work->arena))
        status = grus_fail_memory(work->error, 0);
    if (!status)
        status = run(&g, work);
    grus_arena_release(work->arena, mark);
    return status;
}
