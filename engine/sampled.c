// sampled.c: one row a draw, admitted as rows become free, long sources first.
#include "config.h"

#include "engine/sampled.h"

#include <math.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/philox.h"
#include "engine/lanes.h"
#include "engine/prefixes.h"
#include "engine/sampling.h"
#include "engine/search_rules.h"
#include "engine/token_rules.h"

// A hypothesis that is being drawn.
typedef struct walk {
    uint32_t sequence, row;
    size_t draw, limit, step;
    grus_prefix prefix;
    double logprob;
    uint32_t *tokens; // (limit)
} walk;

typedef struct sampling {
    const grus_search_task *task;
    const grus_work *work;
    grus_result *results;
    grus_hypothesis *hypotheses; // (records, n_best)
    uint32_t *tokens;            // (steps of the batch, n_best)
    const grus_decoder *decoder; // of the first member
    const grus_encoded *encoded; // the same
    grus_ensemble ensemble;
    grus_sized_sequence *order; // (records) as they are admitted
    size_t next, next_draw;     // in order; of that sequence
    size_t next_step;           // of the batch's: the first that no sequence has
    size_t max_rows, n;         // walks under way
    grus_prefixes prefixes;
    walk *walks;    // (max_rows)
    grus_row *rows; // (max_rows)
    grus_token_rules rules;
    grus_sampler sampler;
} sampling;

// What stays.
static bool list_results(sampling *g, const grus_sizes *sizes, grus_arena *arena)
{
    size_t n_best = g->task->search->n_best;
    g->hypotheses = grus_arena_alloc(arena, grus_mul_sat(sizes->records, n_best), sizeof *g->hypotheses);
    g->tokens = grus_arena_alloc(arena, grus_mul_sat(sizes->steps, n_best), sizeof *g->tokens);
    return g->hypotheses && g->tokens;
}

static bool list_scratch(sampling *g, const grus_sizes *sizes, grus_arena *arena)
{
    const grus_decoder *decoder = g->decoder;
    const grus_search *search = g->task->search;
    g->max_rows = grus_search_rows(decoder->kernel, 1);
    g->sampler = (grus_sampler){.vector = decoder->kernel->vector,
                                .topk = search->sampling_topk,
                                .temperature = (float)search->sampling_temperature};
    g->order = grus_arena_alloc(arena, sizes->records, sizeof *g->order);
    g->walks = grus_arena_alloc(arena, g->max_rows, sizeof *g->walks);
    g->rows = grus_arena_alloc(arena, g->max_rows, sizeof *g->rows);
    return g->order && g->walks && g->rows && grus_prefixes_list(&g->prefixes, sizes->records, arena) &&
           grus_sampler_list(&g->sampler, decoder->vocab, arena) &&
           grus_token_rules_list(&g->rules, decoder, search, sizes->longest, arena);
}

static grus_decoding_shape shape_of(const grus_decoder *decoder)
{
    return (grus_decoding_shape){grus_search_rows(decoder->kernel, 1), grus_search_folds(1)};
}

bool grus_sampled_list(const grus_members *members, const grus_search *search, const grus_sizes *sizes,
                       grus_arena *arena)
{
    const grus_search_task task = {.members = members, .search = search};
    sampling g = {.task = &task, .decoder = members->list[0].decoder};
    if (!list_results(&g, sizes, arena))
        return false;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed =
        grus_ensemble_list(members, shape_of(g.decoder), false, sizes, arena) && list_scratch(&g, sizes, arena);
    grus_arena_release(arena, mark);
    return listed;
}

static void begin(sampling *g)
{
    const grus_encoded *encoded = g->encoded;
    for (size_t i = 0; i < encoded->n; i++) {
        g->order[i] = (grus_sized_sequence){encoded->length[i], (uint32_t)i};
        g->results[i].finite = true;
        g->results[i].hypotheses = g->hypotheses + i * g->task->search->n_best;
        g->results[i].n_hypotheses = g->task->search->n_best;
    }
    grus_longest_first(g->order, encoded->n);
    grus_token_rules_begin(&g->rules);
    grus_prefixes_begin(&g->prefixes, g->task->batch);
}

static void admit(sampling *g)
{
    const grus_search *search = g->task->search;
    while (g->n < g->max_rows && g->next < g->encoded->n) {
        uint32_t sequence = g->order[g->next].sequence;
        size_t limit = grus_search_limit(search, g->encoded->length[sequence]);
        grus_prefix prefix = grus_prefix_of(&g->prefixes, sequence, limit);
        g->walks[g->n++] = (walk){.sequence = sequence,
                                  .row = GRUS_NO_ROW,
                                  .draw = g->next_draw,
                                  .limit = limit,
                                  .prefix = prefix,
                                  .tokens = g->tokens + g->next_step * search->n_best + g->next_draw * limit};
        if (prefix.n == limit)
            g->results[sequence].n_hypotheses = 1;
        if (++g->next_draw < g->results[sequence].n_hypotheses)
            continue;
        g->next_draw = 0;
        g->next_step += limit;
        g->next++;
    }
}

static void ban(const sampling *g, const walk *w, const grus_unranked *row)
{
    const grus_decoder_config *config = g->decoder->config;
    const grus_search *search = g->task->search;
    for (size_t i = 0; i < config->n_suppressed; i++)
        grus_logits_ban(row, config->suppressed_id[i]);
    if (search->disable_unk && config->has_unk)
        grus_logits_ban(row, (uint32_t)config->unk);
    if (w->step < search->min_length)
        grus_logits_ban(row, (uint32_t)config->eos);
    grus_token_rules_ban(&g->rules, w->step, row);
}

static void put_down(const sampling *g, const walk *w, bool ended)
{
    const grus_search *search = g->task->search;
    g->results[w->sequence].hypotheses[w->draw] =
        (grus_hypothesis){.length = w->step,
                          .ended = ended,
                          .tokens = w->tokens,
                          .logprob = w->logprob,
                          .score = w->step ? grus_normalize(search, w->logprob, w->step) : 0};
    g->work->stats->tokens_out += w->step;
}

// Takes the next token of its prefix; false when the hypothesis is done.
static bool follow(const sampling *g, walk *w, const grus_unranked *row)
{
    uint32_t token = w->prefix.tokens[w->step];
    float logprob;
    if (!grus_prefix_logprob(row, token, &logprob)) {
        g->results[w->sequence].finite = false;
        return false;
    }
    w->tokens[w->step++] = token;
    w->logprob += (double)logprob;
    if (w->step < w->limit)
        return true;
    put_down(g, w, false);
    return false;
}

// Draws the next token; false when the hypothesis is done.
static bool go_on(sampling *g, walk *w, size_t i)
{
    grus_candidate drawn;
    bool follows = w->step < w->prefix.n;
    g->rules.tokens = w->tokens;
    if (!follows)
        grus_ensemble_penalise(&g->ensemble, &g->rules, w->step, i);
    const grus_unranked mean = grus_ensemble_mean(&g->ensemble, i), *row = &mean;
    if (follows)
        return follow(g, w, row);
    if (!row->normalizer->finite) {
        g->results[w->sequence].finite = false;
        return false;
    }
    ban(g, w, row);
    const grus_logits logits = {row->logits, row->top, row->n, row->normalizer};
    double number = grus_philox_unit(grus_philox(g->task->batch->keys[w->sequence], w->step, w->draw));
    bool found = grus_sampler_draw(&g->sampler, &logits, number, &drawn), ended = false;
    if (found) {
        w->tokens[w->step++] = drawn.token;
        w->logprob += (double)drawn.logprob;
        ended = drawn.token == g->decoder->config->eos;
    }
    if (found && !ended && w->step < w->limit)
        return true;
    put_down(g, w, ended);
    return false;
}

static void step(sampling *g)
{
    const grus_decoder *decoder = g->decoder;
    for (size_t i = 0; i < g->n; i++) {
        walk *w = &g->walks[i];
        g->rows[i] =
            (grus_row){w->step ? w->tokens[w->step - 1] : decoder->first_token, w->row, w->sequence, NULL, false};
        w->row = (uint32_t)i;
    }
    grus_ensemble_step(&g->ensemble, g->rows, g->n);
    grus_ensemble_score(&g->ensemble, NULL, g->n);
    size_t left = 0;
    for (size_t i = 0; i < g->n; i++)
        if (go_on(g, &g->walks[i], i))
            g->walks[left++] = g->walks[i];
    g->n = left;
}

// By score, the earlier drawn first among equals.
static void rank(grus_hypothesis *hypotheses, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        grus_hypothesis h = hypotheses[i];
        size_t at = i;
        for (; at > 0 && hypotheses[at - 1].score < h.score; at--)
            hypotheses[at] = hypotheses[at - 1];
        hypotheses[at] = h;
    }
}

static grus_status run(sampling *g)
{
    begin(g);
    for (admit(g); g->n > 0; admit(g)) {
        if (grus_stop_asked(g->work->stop))
            return grus_fail(g->work->error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        step(g);
    }
    for (size_t i = 0; i < g->encoded->n; i++) {
        grus_result *result = &g->results[i];
        if (result->finite) {
            rank(result->hypotheses, result->n_hypotheses);
        } else {
            result->hypotheses = NULL;
            result->n_hypotheses = 0;
        }
    }
    return GRUS_OK;
}

grus_status grus_sampled_run(const grus_search_task *task, const grus_sizes *sizes, const grus_work *work,
                             grus_result *results)
{
    const grus_member *first = task->members->list;
    sampling g = {.task = task, .work = work, .results = results, .decoder = first->decoder, .encoded = first->encoded};
    if (!list_results(&g, sizes, work->arena))
        return grus_fail_memory(work->error, 0);
    grus_arena_mark mark = grus_arena_here(work->arena);
    grus_status status = grus_ensemble_start(task->members, shape_of(g.decoder), false, work, &g.ensemble);
    if (!status && !list_scratch(&g, sizes, work->arena))
        status = grus_fail_memory(work->error, 0);
    if (!status)
        status = run(&g);
    grus_arena_release(work->arena, mark);
    return status;
}
