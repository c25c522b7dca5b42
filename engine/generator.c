// generator.c: a search, or targets of the caller's; and the search's best hypotheses followed once more.
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

// What is followed: the caller's targets, or the best hypotheses of a search.
typedef struct targets {
    grus_forced *forced; // (records)
    float *attention;    // (cells), where it is asked for
    // Of the caller's alone:
    grus_hypothesis *hypotheses; // (records)
    uint32_t *tokens;            // (tokens)
    float *logprobs;             // (tokens), where they are asked for
} targets;

static bool list_targets(const grus_generator *g, grus_arena *arena, targets *t)
{
    const grus_infer_options *options = g->options;
    const grus_sizes *sizes = &g->sizes;
    *t = (targets){.forced = grus_arena_alloc(arena, sizes->records, sizeof *t->forced)};
    if (options->attention)
        t->attention = grus_arena_alloc(arena, sizes->cells, sizeof *t->attention);
    if (options->force) {
        t->hypotheses = grus_arena_alloc(arena, sizes->records, sizeof *t->hypotheses);
        t->tokens = grus_arena_alloc(arena, sizes->tokens, sizeof *t->tokens);
    }
    if (options->force && options->token_scores)
        t->logprobs = grus_arena_alloc(arena, sizes->tokens, sizeof *t->logprobs);
    return t->forced && (t->attention || !options->attention) &&
           ((t->hypotheses && t->tokens && (t->logprobs || !options->token_scores)) || !options->force);
}

static bool list_search(const grus_generator *g, grus_arena *arena)
{
    const grus_search *search = &g->options->search;
    return grus_search_samples(search) ? grus_sampled_list(g->decoder, search, &g->sizes, arena)
                                       : grus_search_list(g->decoder, search, &g->sizes, arena);
}

bool grus_generator_list(const grus_generator *g, grus_arena *arena)
{
    targets t;
    size_t beam = g->options->search.beam_size;
    if (!g->options->force && !list_search(g, arena))
        return false;
    if (!g->options->force && !g->options->attention)
        return true;
    return list_targets(g, arena, &t) && grus_forced_list(g->decoder, beam, &g->sizes, arena);
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
        tokens[n] = (uint32_t)g->decoder->config->eos;
        t->forced[i] =
            (grus_forced){.tokens = tokens, .length = n + 1, .logprobs = t->logprobs ? t->logprobs + first : NULL};
        target += n;
        first += n + 1;
    }
}

static void set_best(const targets *t, const grus_result *results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool any = results[i].finite && results[i].n_hypotheses;
        t->forced[i] = (grus_forced){.tokens = any ? results[i].hypotheses[0].tokens : NULL,
                                     .length = any ? results[i].hypotheses[0].length : 0};
    }
}

static void place_attention(const grus_generator *g, const grus_encoded *encoded, const targets *t)
{
    bool by_head = g->options->attention_heads;
    size_t first = 0, rows = by_head ? grus_attention_heads(&g->decoder->attention) : 1;
    for (size_t i = 0; i < encoded->n && t->attention; i++) {
        size_t cells = t->forced[i].length * encoded->length[i] * rows;
        GRUS_ASSERT(cells <= g->sizes.cells - first);
        t->forced[i].attention = t->attention + first;
        t->forced[i].by_head = by_head;
        first += cells;
    }
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
static grus_status force(const grus_generator *g, const grus_batch *batch, const grus_encoded *encoded,
                         const grus_work *work, grus_result *results)
{
    targets t;
    if (!list_targets(g, work->arena, &t))
        return grus_fail_memory(work->error, 0);
    set_targets(g, batch, &t);
    place_attention(g, encoded, &t);
    grus_status status = grus_forced_run(g->decoder, encoded, g->options->search.beam_size, t.forced, work);
    if (!status)
        put_down(g, &t, work, results);
    return status;
}

// The attention of each best hypothesis: it is followed once more. A step of a row is the same to the last bit in any
// company, so these are the very weights that the search used, and the search need not keep those of all its rows.
static grus_status retrace(const grus_generator *g, const grus_encoded *encoded, const grus_work *work,
                           grus_result *results)
{
    targets t;
    grus_infer_stats not_counted = {0};
    grus_work again = *work;
    again.stats = &not_counted;
    if (!list_targets(g, work->arena, &t))
        return grus_fail_memory(work->error, 0);
    set_best(&t, results, encoded->n);
    place_attention(g, encoded, &t);
    grus_status status = grus_forced_run(g->decoder, encoded, g->options->search.beam_size, t.forced, &again);
    for (size_t i = 0; i < encoded->n && !status; i++)
        if (t.forced[i].length)
            results[i].hypotheses->attention = t.forced[i].attention;
    return status;
}

grus_status grus_generator_run(const grus_generator *g, const grus_batch *batch, const grus_encoded *encoded,
                               const grus_work *work, grus_result *results)
{
    if (g->options->force)
        return force(g, batch, encoded, work, results);
    const grus_search_task task = {g->decoder, encoded, &g->options->search, batch};
    grus_status status = grus_search_samples(task.search) ? grus_sampled_run(&task, &g->sizes, work, results)
                                                          : grus_search_run(&task, &g->sizes, work, results);
    return status || !g->options->attention ? status : retrace(g, encoded, work, results);
}
