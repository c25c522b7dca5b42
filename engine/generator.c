// generator.c: a search, or targets of the caller's; and the search's hypotheses followed once more.
#include "config.h"

#include "engine/generator.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/forced.h"
#include "engine/sampled.h"
#include "engine/search.h"
#include "engine/search_rules.h"

// What is followed: the caller's targets, or hypotheses of a search.
typedef struct targets {
    size_t most;
    grus_forced *forced;  // (most)
    grus_hypothesis **of; // (most) those that are followed, of a search
    float *attention;     // (cells), where it is asked for
    uint32_t *sources;    // (steps, n_best), where they are
    // Of the caller's alone:
    grus_hypothesis *hypotheses; // (records)
    uint32_t *tokens;            // (tokens)
    float *logprobs;             // (tokens), where they are asked for
} targets;

// Whether hypotheses that a search has found are followed.
static bool retraces(const grus_infer_options *options)
{
    return !options->force && (options->attention || options->search.replace_unk);
}

static bool list_targets(const grus_generator *g, grus_arena *arena, targets *t)
{
    const grus_infer_options *options = g->options;
    const grus_sizes *sizes = &g->sizes;
    bool replaces = !options->force && options->search.replace_unk;
    size_t n_best = replaces ? options->search.n_best : 1;
    size_t most = grus_mul_sat(sizes->records, replaces ? n_best + 1 : 1);
    *t = (targets){.most = most,
                   .forced = grus_arena_alloc(arena, most, sizeof *t->forced),
                   .of = grus_arena_alloc(arena, most, sizeof *t->of)};
    if (options->attention)
        t->attention = grus_arena_alloc(arena, sizes->cells, sizeof *t->attention);
    if (replaces)
        t->sources = grus_arena_alloc(arena, grus_mul_sat(sizes->steps, n_best), sizeof *t->sources);
    if (options->force) {
        t->hypotheses = grus_arena_alloc(arena, sizes->records, sizeof *t->hypotheses);
        t->tokens = grus_arena_alloc(arena, sizes->tokens, sizeof *t->tokens);
    }
    if (options->force && options->token_scores)
        t->logprobs = grus_arena_alloc(arena, sizes->tokens, sizeof *t->logprobs);
    return t->forced && t->of && (t->attention || !options->attention) && (t->sources || !replaces) &&
           ((t->hypotheses && t->tokens && (t->logprobs || !options->token_scores)) || !options->force);
}

static grus_forced_task forced_task(const grus_generator *g, size_t n)
{
    return (grus_forced_task){g->members, g->options, g->options->force, n};
}

static bool list_search(const grus_generator *g, grus_arena *arena)
{
    const grus_search *search = &g->options->search;
    return grus_search_samples(search) ? grus_sampled_list(g->members, search, &g->sizes, arena)
                                       : grus_search_list(g->members, search, &g->sizes, arena);
}

bool grus_generator_list(const grus_generator *g, grus_arena *arena)
{
    targets t;
    if (!g->options->force && !list_search(g, arena))
        return false;
    if (!g->options->force && !retraces(g->options))
        return true;
    if (!list_targets(g, arena, &t))
        return false;
    const grus_forced_task task = forced_task(g, t.most);
    return grus_forced_list(&task, &g->sizes, arena);
}

// The targets of the batch with the end token behind each.
static void set_targets(const grus_generator *g, const grus_batch *batch, const targets *t)
{
    const uint32_t *target = batch->targets;
    size_t first = 0;
    for (size_t i = 0; i < batch->n; i++) {
        size_t n = batch->target_length[i];
        GRUS_ASSERT(n < g->sizes.tokens - first);
        uint32_t *tokens = t->tokens + first;
        if (n)
            memcpy(tokens, target, n * sizeof *tokens);
        tokens[n] = (uint32_t)g->members->list[0].decoder->config->eos;
        t->forced[i] = (grus_forced){.sequence = (uint32_t)i,
                                     .tokens = tokens,
                                     .length = n + 1,
                                     .logprobs = t->logprobs ? t->logprobs + first : NULL};
        target += n;
        first += n + 1;
    }
}

// Where the attention of forced[i] goes, behind what is there already.
static void place_attention(const grus_generator *g, const grus_encoded *encoded, const targets *t, size_t i,
                            size_t *cells)
{
    bool by_head = g->options->attention_heads;
    size_t rows = t->forced[i].length * (by_head ? grus_attention_heads(&g->members->list[0].decoder->attention) : 1);
    size_t more = rows * encoded->length[t->forced[i].sequence];
    GRUS_ASSERT(more <= g->sizes.cells - *cells);
    t->forced[i].attention = t->attention + *cells;
    t->forced[i].by_head = by_head;
    *cells += more;
}

static void put_down(const grus_generator *g, const targets *t, const grus_work *work, grus_result *results)
{
    for (size_t i = 0; i < g->sizes.records; i++) {
        const grus_forced *f = t->forced + i;
        t->hypotheses[i] = (grus_hypothesis){.length = f->length,
                                             .ended = true,
                                             .tokens = f->tokens,
                                             .logprob = f->logprob,
                                             .score = grus_normalize(&g->options->search, f->logprob, f->length),
                                             .token_logprobs = f->logprobs,
                                             .attention = f->attention};
        results[i].finite = isfinite(f->logprob);
        results[i].hypotheses = t->hypotheses + i;
        results[i].n_hypotheses = 1;
        work->stats->tokens_out += f->length;
    }
}

// The arithmetic is that of a search with this beam, so a translation's score is the search's to the last bit.
static grus_status force(const grus_generator *g, const grus_batch *batch, const grus_work *work, grus_result *results)
{
    targets t;
    const grus_encoded *encoded = g->members->list[0].encoded;
    if (!list_targets(g, work->arena, &t))
        return grus_fail_memory(work->error, 0);
    set_targets(g, batch, &t);
    for (size_t i = 0, cells = 0; i < batch->n && t.attention; i++)
        place_attention(g, encoded, &t, i, &cells);
    const grus_forced_task task = forced_task(g, batch->n);
    grus_status status = grus_forced_run(&task, t.forced, work);
    if (!status)
        put_down(g, &t, work, results);
    return status;
}

// Up to its last <unk>, that included.
static size_t length_to_unknown(const grus_generator *g, const grus_hypothesis *h)
{
    const grus_decoder_config *config = g->members->list[0].decoder->config;
    size_t length = g->options->search.replace_unk && config->has_unk ? h->length : 0;
    while (length > 0 && h->tokens[length - 1] != config->unk)
        length--;
    return length;
}

// Where what is followed is put down, behind what is there already.
typedef struct setting {
    const grus_generator *g;
    const grus_encoded *encoded;
    const targets *t;
    size_t n, cells, steps;
} setting;

// Follows a hypothesis for all of its attention, or as far as it has an <unk>, or for both at once where that of each step
// is one row.
static void set_hypothesis(setting *set, uint32_t sequence, grus_hypothesis *h, bool whole)
{
    const targets *t = set->t;
    size_t unknown = length_to_unknown(set->g, h);
    grus_forced target = {.sequence = sequence, .tokens = h->tokens, .length = h->length};
    if (whole) {
        t->of[set->n] = h;
        t->forced[set->n] = target;
        place_attention(set->g, set->encoded, t, set->n++, &set->cells);
    }
    if (unknown == 0)
        return;
    if (!whole || set->g->options->attention_heads) {
        target.length = unknown;
        t->of[set->n] = h;
        t->forced[set->n++] = target;
    }
    t->forced[set->n - 1].sources = t->sources + set->steps;
    set->steps += unknown;
}

// Of each record the best hypothesis, where attention is wanted, and all that have an <unk>, where that is. Returns how many
// targets there are.
static size_t set_hypotheses(const grus_generator *g, const grus_encoded *encoded, const targets *t,
                             grus_result *results)
{
    setting set = {.g = g, .encoded = encoded, .t = t};
    for (size_t i = 0; i < encoded->n; i++)
        for (size_t k = 0; results[i].finite && k < results[i].n_hypotheses; k++)
            set_hypothesis(&set, (uint32_t)i, &results[i].hypotheses[k], t->attention && k == 0);
    return set.n;
}

static void give_attention(const targets *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (t->forced[i].attention)
            t->of[i]->attention = t->forced[i].attention;
        if (t->forced[i].sources)
            t->of[i]->sources = t->forced[i].sources;
    }
}

// Hypotheses are followed once more. A step of a row is the same to the last bit in any company, so these are the very
// weights that the search used, and the search need not keep those of all its rows.
static grus_status retrace(const grus_generator *g, const grus_work *work, grus_result *results)
{
    const grus_encoded *encoded = g->members->list[0].encoded;
    targets t;
    grus_infer_stats not_counted = {0};
    grus_work again = *work;
    again.stats = &not_counted;
    if (!list_targets(g, work->arena, &t))
        return grus_fail_memory(work->error, 0);
    const grus_forced_task task = forced_task(g, set_hypotheses(g, encoded, &t, results));
    if (task.n == 0)
        return GRUS_OK;
    grus_status status = grus_forced_run(&task, t.forced, &again);
    if (!status)
        give_attention(&t, task.n);
    return status;
}

grus_status grus_generator_run(const grus_generator *g, const grus_batch *batch, const grus_work *work,
                               grus_result *results)
{
    if (g->options->force)
        return force(g, batch, work, results);
    const grus_search_task task = {g->members, &g->options->search, batch};
    grus_status status = grus_search_samples(task.search) ? grus_sampled_run(&task, &g->sizes, work, results)
                                                          : grus_search_run(&task, &g->sizes, work, results);
    return status || !retraces(g->options) ? status : retrace(g, work, results);
}
