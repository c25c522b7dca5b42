// search.c: beam search (greedy is a beam of one) with continuous rows.
//
// A sentence in flight owns up to beam_size rows. When rows become free, the next sentences of the batch are admitted at
// once, so that every step is nearly full until the batch runs out; long sources come first, so that the last ones end
// together. What they write is allocated for the whole batch at once: each sentence has the part of its own limit.
//
// A prefix is a row's only continuation, token after token: its sentence has one row until it is through.
#include "config.h"

#include "engine/search.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/lanes.h"
#include "engine/prefixes.h"
#include "engine/search_rules.h"
#include "engine/token_rules.h"

// One taken continuation: which hypothesis of the step before, by which token.
typedef struct node {
    uint32_t parent, token;
} node;

typedef struct live {
    double logprob;
    uint32_t row; // of the step that was just computed
} live;

// A hypothesis that is kept: its first `steps` tokens end in node (steps - 1, rank), and the end token may follow.
typedef struct kept {
    double score, logprob;
    size_t steps;
    uint32_t rank;
    bool ended;
} kept;

typedef struct candidate {
    double logprob;
    uint32_t token, rank;
} candidate;

typedef struct sentence {
    uint32_t sequence;
    size_t limit, step; // steps taken
    size_t n_live, n_kept, n_taken;
    size_t expanded; // of the live, in rank order: those whose continuations have been ranked in this step
    size_t wave;     // those that will have been once the rows now scored are
    bool finite;     // no number of its rows was anything else
    grus_prefix prefix;
    live *live;       // (beam) by rank
    candidate *taken; // (beam) the best continuations, best first
    node *nodes;      // (limit, beam)
    uint32_t *tokens; // (n_best, limit) of the hypotheses that it comes to
    kept *kept;       // (n_best) best first
} sentence;

typedef struct searching {
    const grus_members *members;
    const grus_decoder *decoder; // of the first member
    const grus_encoded *encoded; // the same
    const grus_search *search;
    const grus_batch *batch;
    const grus_work *work;
    grus_result *results;
    grus_hypothesis *hypotheses; // (records, n_best)
    uint32_t *tokens;            // (steps of the batch, n_best)
    grus_ensemble ensemble;
    size_t max_sentences, n_sentences; // in flight
    grus_sized_sequence *order;        // (records) sequences as they are admitted
    size_t next;                       // in order
    grus_prefixes prefixes;
    size_t next_step, steps; // of the batch's: the first that no sentence has; all
    sentence *sentences;     // (max_sentences), and what they point to
    live *live;
    candidate *taken;
    kept *kept;
    node *nodes; // (steps of the batch, beam)
    grus_row *rows;
    uint32_t *wave;         // (rows) those that are scored together
    uint32_t *place;        // (rows) of a row in its wave
    grus_candidate *of_row; // (beam + banned)
    size_t n_banned;        // suppressed
    uint32_t *banned;       // (n_banned + 1) the end token is the last, banned where the text is too short
    grus_token_rules rules;
    live *new_live; // (beam)
} searching;

static bool keep(const grus_search *search, sentence *s, kept hypothesis)
{
    size_t at = s->n_kept;
    while (at > 0 && s->kept[at - 1].score < hypothesis.score)
        at--;
    if (at == search->n_best)
        return false;
    if (s->n_kept < search->n_best)
        s->n_kept++;
    memmove(s->kept + at + 1, s->kept + at, (s->n_kept - 1 - at) * sizeof *s->kept);
    s->kept[at] = hypothesis;
    return true;
}

// The first `steps` tokens of a hypothesis, found backwards along the nodes from (steps - 1, rank).
static void trace(const searching *g, const sentence *s, size_t steps, uint32_t rank, uint32_t *tokens)
{
    for (size_t step = steps; step-- > 0;) {
        const node *taken = &s->nodes[step * g->search->beam_size + rank];
        tokens[step] = taken->token;
        rank = taken->parent;
    }
}

static grus_hypothesis write_hypothesis(const searching *g, const sentence *s, const kept *from, uint32_t *tokens)
{
    size_t length = from->steps + from->ended;
    GRUS_ASSERT(length <= s->limit);
    if (from->ended)
        tokens[from->steps] = (uint32_t)g->decoder->config->eos;
    trace(g, s, from->steps, from->rank, tokens);
    g->work->stats->tokens_out += length;
    return (grus_hypothesis){
        .length = length, .ended = from->ended, .tokens = tokens, .logprob = from->logprob, .score = from->score};
}

// Puts the sentence's result down.
static void finish(const searching *g, sentence *s)
{
    grus_result *result = &g->results[s->sequence];
    result->finite = s->finite;
    if (!s->finite)
        return;
    result->hypotheses = g->hypotheses + s->sequence * g->search->n_best;
    result->n_hypotheses = s->n_kept;
    for (size_t i = 0; i < s->n_kept; i++)
        result->hypotheses[i] = write_hypothesis(g, s, s->kept + i, s->tokens + i * s->limit);
}

// Best first: higher log-probability, then lower token, then earlier hypothesis.
static bool better(const candidate *a, const candidate *b)
{
    if (a->logprob != b->logprob)
        return a->logprob > b->logprob;
    return a->token != b->token ? a->token < b->token : a->rank < b->rank;
}

static size_t take(candidate *taken, size_t count, size_t most, candidate c)
{
    if (count == most && !better(&c, &taken[most - 1]))
        return count;
    size_t at = count < most ? count++ : most - 1;
    for (; at > 0 && better(&c, &taken[at - 1]); at--)
        taken[at] = taken[at - 1];
    taken[at] = c;
    return count;
}

// The next token of its prefix is all that the only hypothesis may go on with.
static void follow(sentence *s, const grus_unranked *row)
{
    uint32_t token = s->prefix.tokens[s->step];
    float logprob;
    GRUS_ASSERT(s->n_live == 1);
    s->finite = grus_prefix_logprob(row, token, &logprob);
    s->taken[s->n_taken++] = (candidate){s->live[0].logprob + (double)logprob, token, 0};
}

// Ranks the continuations of one hypothesis among those of the ones before it.
static void expand(searching *g, sentence *s, size_t rank, size_t row)
{
    const grus_decoder *decoder = g->decoder;
    size_t beam = g->search->beam_size;
    const grus_banned banned = {g->banned, g->n_banned + (s->step < g->search->min_length)};
    double logprob = s->live[rank].logprob;
    bool follows = s->step < s->prefix.n, ruled = grus_token_rules_any(g->search);
    float floor = s->n_taken == beam ? (float)(s->taken[beam - 1].logprob - logprob) : -INFINITY;
    if (!follows && ruled) {
        trace(g, s, s->step, (uint32_t)rank, g->rules.tokens);
        grus_ensemble_penalise(&g->ensemble, &g->rules, s->step, row);
    }
    const grus_unranked own = follows || ruled
                                  ? grus_ensemble_mean(&g->ensemble, row)
                                  : grus_ensemble_likeliest(&g->ensemble, row, beam + banned.n, floor, g->of_row);
    if (follows) {
        follow(s, &own);
        return;
    }
    if (!own.normalizer->finite) {
        s->finite = false;
        return;
    }
    grus_token_rules_ban(&g->rules, s->step, &own);
    const grus_logits logits = {own.logits, own.top, own.n, own.normalizer};
    size_t n = grus_logits_best(decoder->kernel->vector, &logits, banned, floor, beam, g->of_row);
    for (size_t i = 0; i < n; i++) {
        candidate c = {logprob + (double)g->of_row[i].logprob, g->of_row[i].token, (uint32_t)rank};
        if (s->n_taken == beam && c.logprob < s->taken[beam - 1].logprob)
            break;
        s->n_taken = take(s->taken, s->n_taken, beam, c);
    }
}

// A hypothesis that ranks below all that is taken has no continuation to add, for none is likelier than itself; nor have
// those behind it.
static bool is_beaten(const searching *g, const sentence *s, size_t rank)
{
    size_t beam = g->search->beam_size;
    return s->n_taken == beam && s->live[rank].logprob < s->taken[beam - 1].logprob;
}

// The output product is the dearest of a step where the vocabulary is large. Of a wide beam the better half goes
// through it first; of the others those that are beaten by then are spared it.
#define SPLIT_BEAM 4

// Adds the sentence's hypotheses up to `end` in rank order to the n rows of a wave, until `most` are in it.
static size_t join_wave(searching *g, sentence *s, size_t end, size_t n, size_t most)
{
    for (; s->wave < grus_min(end, s->n_live) && n < most && !is_beaten(g, s, s->wave); s->wave++) {
        uint32_t row = s->live[s->wave].row;
        g->place[row] = (uint32_t)n;
        g->wave[n++] = row;
    }
    return n;
}

static void expand_wave(searching *g, size_t end)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_sentences; i++)
        n = join_wave(g, &g->sentences[i], end, n, SIZE_MAX);
    // Its last tile is filled with hypotheses that would come next.
    size_t whole = grus_whole_tiles(g->decoder->kernel, n);
    for (size_t i = 0; i < g->n_sentences && n < whole; i++)
        n = join_wave(g, &g->sentences[i], SIZE_MAX, n, whole);
    grus_ensemble_score(&g->ensemble, g->wave, n);
    for (size_t i = 0; i < g->n_sentences; i++)
        for (sentence *s = &g->sentences[i]; s->expanded < s->wave; s->expanded++)
            expand(g, s, s->expanded, g->place[s->live[s->expanded].row]);
}

// The best score that a live hypothesis, or one that goes on from it, may come to: its log-probability can only fall,
// and between the lengths at both ends lie only scores between theirs.
static double bound(const grus_search *search, const sentence *s, double logprob)
{
    return fmax(grus_normalize(search, logprob, s->step + 1), grus_normalize(search, logprob, s->limit));
}

// Once n_best are kept, drops the live hypotheses that can no longer beat the worst of them: the last ones, as they are
// in rank order. What would be taken in the place of their continuations ranks lower still, so that nothing that is
// kept depends on it.
static void drop_beaten(const grus_search *search, sentence *s)
{
    while (s->n_kept == search->n_best && s->n_live > 0 &&
           !(bound(search, s, s->live[s->n_live - 1].logprob) > s->kept[s->n_kept - 1].score))
        s->n_live--;
}

static bool ended(const sentence *s)
{
    return s->n_live == 0 || s->step == s->limit;
}

// Moves the taken candidates into the sentence: ended ones are kept, the others live on in rank order; at the limit
// these are kept too, as they are.
static void advance(searching *g, sentence *s)
{
    const grus_search *search = g->search;
    size_t n_live = 0, length = s->step + 1;
    if (s->n_taken == 0 && s->n_kept == 0) // nothing may follow: the best stays as it is
        keep(search, s,
             (kept){s->step ? grus_normalize(search, s->live[0].logprob, s->step) : 0, s->live[0].logprob, s->step, 0,
                    false});
    for (size_t i = 0; i < s->n_taken; i++) {
        const candidate *c = s->taken + i;
        double score = grus_normalize(search, c->logprob, length);
        if (c->token == g->decoder->config->eos) {
            keep(search, s, (kept){score, c->logprob, s->step, c->rank, true});
            continue;
        }
        if (length == s->limit)
            keep(search, s, (kept){score, c->logprob, length, (uint32_t)n_live, false});
        s->nodes[s->step * search->beam_size + n_live] = (node){c->rank, c->token};
        g->new_live[n_live++] = (live){c->logprob, s->live[c->rank].row};
    }
    memcpy(s->live, g->new_live, n_live * sizeof *s->live);
    s->n_live = n_live;
    s->n_taken = s->expanded = s->wave = 0;
    s->step++;
    drop_beaten(search, s);
}

static void admit(searching *g)
{
    size_t beam = g->search->beam_size;
    while (g->n_sentences < g->max_sentences && g->next < g->encoded->n) {
        sentence *s = &g->sentences[g->n_sentences];
        uint32_t sequence = g->order[g->next].sequence;
        size_t limit = grus_search_limit(g->search, g->encoded->length[sequence]), first = g->next_step;
        GRUS_ASSERT(limit <= g->steps - first);
        *s = (sentence){.sequence = sequence,
                        .limit = limit,
                        .n_live = 1,
                        .finite = true,
                        .prefix = grus_prefix_of(&g->prefixes, sequence, limit),
                        .live = s->live,
                        .taken = s->taken,
                        .nodes = g->nodes + first * beam,
                        .tokens = g->tokens + first * g->search->n_best,
                        .kept = s->kept};
        s->live[0] = (live){0, GRUS_NO_ROW};
        g->n_sentences++;
        g->next++;
        g->next_step += limit;
    }
}

// The rows of the next step, in the order of sentences and ranks.
static size_t lay_rows(searching *g)
{
    size_t n = 0, beam = g->search->beam_size;
    for (size_t i = 0; i < g->n_sentences; i++) {
        sentence *s = &g->sentences[i];
        for (size_t rank = 0; rank < s->n_live; rank++) {
            uint32_t token = s->step ? s->nodes[(s->step - 1) * beam + rank].token : g->decoder->first_token;
            g->rows[n] = (grus_row){token, s->live[rank].row, s->sequence, NULL, false};
            s->live[rank].row = (uint32_t)n++;
        }
    }
    return n;
}

static void expand_all(searching *g)
{
    size_t beam = g->search->beam_size;
    expand_wave(g, beam < SPLIT_BEAM ? beam : (beam + 1) / 2);
    if (beam >= SPLIT_BEAM)
        expand_wave(g, beam);
    size_t i = 0;
    while (i < g->n_sentences) {
        sentence *s = &g->sentences[i];
        if (s->finite)
            advance(g, s);
        if (s->finite && !ended(s)) {
            i++;
            continue;
        }
        finish(g, s);
        sentence last = g->sentences[--g->n_sentences];
        g->sentences[g->n_sentences] = *s; // its arrays serve the next one admitted
        *s = last;
    }
}

static grus_decoding_shape shape_of(const searching *g)
{
    size_t beam = g->search->beam_size;
    return (grus_decoding_shape){grus_search_rows(g->decoder->kernel, beam), grus_search_folds(beam)};
}

// What stays when the search is over.
static bool list_results(searching *g, const grus_sizes *sizes, grus_arena *arena)
{
    size_t n_best = g->search->n_best;
    g->hypotheses = grus_arena_alloc(arena, grus_mul_sat(sizes->records, n_best), sizeof *g->hypotheses);
    g->tokens = grus_arena_alloc(arena, grus_mul_sat(sizes->steps, n_best), sizeof *g->tokens);
    return g->hypotheses && g->tokens;
}

static bool list_scratch(searching *g, const grus_sizes *sizes, grus_arena *arena)
{
    size_t beam = g->search->beam_size, rows = grus_search_rows(g->decoder->kernel, beam);
    g->max_sentences = grus_min(grus_max(1, rows / beam), sizes->records);
    g->order = grus_arena_alloc(arena, sizes->records, sizeof *g->order);
    g->rows = grus_arena_alloc(arena, rows, sizeof *g->rows);
    g->wave = grus_arena_alloc(arena, rows, sizeof *g->wave);
    g->place = grus_arena_alloc(arena, rows, sizeof *g->place);
    size_t banned = g->decoder->config->n_suppressed + 2;
    g->banned = grus_arena_alloc(arena, banned, sizeof *g->banned);
    g->of_row = grus_arena_alloc(arena, grus_add_sat(beam, banned), sizeof *g->of_row);
    g->new_live = grus_arena_alloc(arena, beam, sizeof *g->new_live);
    g->sentences = grus_arena_alloc(arena, g->max_sentences, sizeof *g->sentences);
    g->live = grus_arena_alloc(arena, grus_mul_sat(g->max_sentences, beam), sizeof *g->live);
    g->taken = grus_arena_alloc(arena, grus_mul_sat(g->max_sentences, beam), sizeof *g->taken);
    g->kept = grus_arena_alloc(arena, grus_mul_sat(g->max_sentences, g->search->n_best), sizeof *g->kept);
    g->nodes = grus_arena_alloc(arena, grus_mul_sat(sizes->steps, beam), sizeof *g->nodes);
    return g->banned && g->order && g->rows && g->wave && g->place && g->of_row && g->new_live && g->sentences &&
           g->live && g->taken && g->kept && g->nodes && grus_prefixes_list(&g->prefixes, sizes->records, arena) &&
           grus_token_rules_list(&g->rules, g->decoder, g->search, sizes->longest, arena);
}

bool grus_search_list(const grus_members *members, const grus_search *search, const grus_sizes *sizes,
                      grus_arena *arena)
{
    searching g = {.decoder = members->list[0].decoder, .search = search};
    if (!list_results(&g, sizes, arena))
        return false;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = grus_ensemble_list(members, shape_of(&g), false, sizes, arena) && list_scratch(&g, sizes, arena);
    grus_arena_release(arena, mark);
    return listed;
}

static void begin(searching *g)
{
    const grus_decoder_config *config = g->decoder->config;
    for (size_t i = 0; i < config->n_suppressed; i++)
        g->banned[g->n_banned++] = config->suppressed_id[i];
    if (g->search->disable_unk && config->has_unk)
        g->banned[g->n_banned++] = (uint32_t)config->unk;
    g->banned[g->n_banned] = (uint32_t)config->eos;
    grus_token_rules_begin(&g->rules);
    grus_prefixes_begin(&g->prefixes, g->batch);
    for (size_t i = 0; i < g->encoded->n; i++)
        g->order[i] = (grus_sized_sequence){g->encoded->length[i], (uint32_t)i};
    grus_longest_first(g->order, g->encoded->n);
    for (size_t i = 0; i < g->max_sentences; i++)
        g->sentences[i] = (sentence){.live = g->live + i * g->search->beam_size,
                                     .taken = g->taken + i * g->search->beam_size,
                                     .kept = g->kept + i * g->search->n_best};
}

static grus_status run(searching *g)
{
    begin(g);
    admit(g);
    while (g->n_sentences > 0) {
        if (grus_stop_asked(g->work->stop))
            return grus_fail(g->work->error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        size_t n = lay_rows(g);
        grus_ensemble_step(&g->ensemble, g->rows, n);
        expand_all(g);
        admit(g);
    }
    GRUS_ASSERT(g->next == g->encoded->n);
    return GRUS_OK;
}

grus_status grus_search_run(const grus_search_task *task, const grus_sizes *sizes, const grus_work *work,
                            grus_result *results)
{
    searching g = {.members = task->members,
                   .decoder = task->members->list[0].decoder,
                   .encoded = task->members->list[0].encoded,
                   .search = task->search,
                   .batch = task->batch,
                   .work = work,
                   .results = results,
                   .steps = sizes->steps};
    if (!list_results(&g, sizes, work->arena))
        return grus_fail_memory(work->error, 0);
    grus_arena_mark mark = grus_arena_here(work->arena);
    grus_status status = grus_ensemble_start(g.members, shape_of(&g), false, work, &g.ensemble);
    if (!status && !list_scratch(&g, sizes, work->arena))
        status = grus_fail_memory(work->error, 0);
    if (!status)
        status = run(&g);
    grus_arena_release(work->arena, mark);
    return status;
}
