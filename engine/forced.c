// forced.c: forced decoding: the log-probability and the attention of given targets. One row a target, admitted as
// rows become free, long targets first.
#include "config.h"

#include "engine/forced.h"

#include "base/assert.h"
#include "base/error.h"
#include "engine/lanes.h"
#include "engine/search_rules.h"

typedef struct follower {
    uint32_t target, row;
    size_t step;
} follower;

typedef struct following {
    const grus_forced_task *task;
    const grus_decoder *decoder; // of the first member
    const grus_encoded *encoded; // the same
    grus_forced *forced;
    grus_ensemble ensemble;
    size_t max_rows;
    grus_sized_sequence *order; // (n of the task) targets as they are admitted
    size_t next;                // in order
    follower *followers;        // (max_rows) n of them
    size_t n;
    grus_row *rows; // (max_rows)
    float *weights; // (max_rows, longest) where a row's attention goes that nobody asked for but what finds sources
    size_t longest;
} following;

static const grus_forced *target_of(const following *g, const follower *f)
{
    return &g->forced[f->target];
}

// Whether the token that the follower stands before is to be told where it comes from.
static bool is_looked_up(const following *g, const follower *f)
{
    const grus_forced *target = target_of(g, f);
    return target->sources && target->tokens[f->step] == g->decoder->config->unk;
}

static float *weights_of(const following *g, const follower *f, size_t row)
{
    const grus_forced *target = target_of(g, f);
    size_t heads = target->by_head ? grus_attention_heads(&g->decoder->attention) : 1;
    if (target->attention)
        return target->attention + f->step * heads * g->encoded->length[target->sequence];
    return is_looked_up(g, f) ? g->weights + row * g->longest : NULL;
}

// Of a source of so many positions, the own one of the greatest weight.
static uint32_t greatest(const grus_infer_options *options, const float *weights, size_t length)
{
    uint32_t found = GRUS_NO_SOURCE;
    for (size_t i = options->marks_before; i + options->marks_behind < length; i++)
        if (found == GRUS_NO_SOURCE || weights[i] > weights[found])
            found = (uint32_t)i;
    return found;
}

// Scores the token that the follower, in row i, stands before.
static void score_token(const following *g, const follower *f, size_t i)
{
    grus_forced *target = &g->forced[f->target];
    float logprob = grus_ensemble_logprob(&g->ensemble, i, target->tokens[f->step]);
    target->logprob += (double)logprob;
    if (target->logprobs)
        target->logprobs[f->step] = logprob;
}

static grus_decoding_shape shape_of(const grus_forced_task *task)
{
    return (grus_decoding_shape){grus_search_rows(task->members->list[0].decoder->kernel, 1),
                                 grus_search_folds(task->options->search.beam_size)};
}

// Whether any row may be asked where it looks.
static bool attends(const grus_forced_task *task)
{
    return task->options->attention || task->options->search.replace_unk;
}

static bool list_scratch(following *g, size_t longest, grus_arena *arena)
{
    bool looks_up = g->task->options->search.replace_unk;
    g->max_rows = grus_search_rows(g->decoder->kernel, 1);
    g->longest = longest;
    g->order = grus_arena_alloc(arena, g->task->n, sizeof *g->order);
    g->followers = grus_arena_alloc(arena, g->max_rows, sizeof *g->followers);
    g->rows = grus_arena_alloc(arena, g->max_rows, sizeof *g->rows);
    if (looks_up)
        g->weights = grus_arena_alloc(arena, grus_mul_sat(g->max_rows, longest), sizeof *g->weights);
    return g->order && g->followers && g->rows && (g->weights || !looks_up);
}

bool grus_forced_list(const grus_forced_task *task, const grus_sizes *sizes, grus_arena *arena)
{
    following g = {.task = task, .decoder = task->members->list[0].decoder};
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = grus_ensemble_list(task->members, shape_of(task), attends(task), sizes, arena) &&
                  list_scratch(&g, sizes->longest, arena);
    grus_arena_release(arena, mark);
    return listed;
}

static void order_targets(following *g)
{
    for (size_t i = 0; i < g->task->n; i++)
        g->order[i] = (grus_sized_sequence){g->forced[i].length, (uint32_t)i};
    grus_longest_first(g->order, g->task->n);
}

static void admit(following *g)
{
    for (; g->n < g->max_rows && g->next < g->task->n; g->next++) {
        uint32_t target = g->order[g->next].sequence;
        g->forced[target].logprob = 0;
        if (g->forced[target].length > 0)
            g->followers[g->n++] = (follower){target, GRUS_NO_ROW, 0};
    }
}

static void lay_rows(following *g)
{
    for (size_t i = 0; i < g->n; i++) {
        follower *f = &g->followers[i];
        const grus_forced *target = target_of(g, f);
        uint32_t token = f->step ? target->tokens[f->step - 1] : g->decoder->first_token;
        GRUS_ASSERT(f->step < target->length);
        g->rows[i] = (grus_row){token, f->row, target->sequence, weights_of(g, f, i), target->by_head};
        f->row = (uint32_t)i;
    }
}

static void step(following *g)
{
    lay_rows(g);
    grus_ensemble_step(&g->ensemble, g->rows, g->n);
    if (g->task->scored)
        grus_ensemble_score(&g->ensemble, NULL, g->n);
    size_t left = 0;
    for (size_t i = 0; i < g->n; i++) {
        follower *f = &g->followers[i];
        grus_forced *target = &g->forced[f->target];
        if (is_looked_up(g, f))
            target->sources[f->step] =
                greatest(g->task->options, g->rows[i].weights, g->encoded->length[target->sequence]);
        if (g->task->scored)
            score_token(g, f, i);
        if (++f->step < target->length)
            g->followers[left++] = *f;
    }
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

grus_status grus_forced_run(const grus_forced_task *task, grus_forced *forced, const grus_work *work)
{
    const grus_member *first = task->members->list;
    following g = {.task = task, .decoder = first->decoder, .encoded = first->encoded, .forced = forced};
    grus_arena_mark mark = grus_arena_here(work->arena);
    grus_status status = grus_ensemble_start(task->members, shape_of(task), attends(task), work, &g.ensemble);
    if (!status && !list_scratch(&g, g.ensemble.decodings[0]->longest, work->arena))
        status = grus_fail_memory(work->error, 0);
    if (!status)
        status = run(&g, work);
    grus_arena_release(work->arena, mark);
    return status;
}
