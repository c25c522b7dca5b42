// case_engine.c: batches through an engine with random weights: a layer, an encoder, a decoder, on any number of threads.
#include "config.h"

#include <omp.h>
#include <stdlib.h>

#include "api/synthetic.h"
#include "base/memory.h"
#include "bench/random_config.h"
#include "engine/search_rules.h"
#include "scheduler/cpus.h"
#include "scheduler/limits.h"
#include "scheduler/plan.h"

#define SEED 11
#define CURVE_POSITIONS 4096
#define CURVE_SEQUENCES 96 // at least, so that all lanes have something to do

typedef struct work {
    grus_config config;
    grus_engine *engine;
    grus_infer_options options;
    size_t n, positions, threads;
    size_t *length, *target_length;
    uint32_t *ids, *targets;
    float *features;
    grus_batch *batches;
    size_t n_batches, most_records; // of a batch
    grus_arena **arenas;            // (threads)
    grus_result *results;           // (threads, most_records)
    grus_infer_stats stats;         // of the last run
    bool failed;
} work;

static void free_work(void *state)
{
    work *w = state;
    for (size_t i = 0; w->arenas && i < w->threads; i++)
        grus_arena_free(w->arenas[i]);
    grus_engine_free(w->engine);
    free(w->length);
    free(w->target_length);
    free(w->ids);
    free(w->targets);
    free(w->features);
    free(w->batches);
    free(w->arenas);
    free(w->results);
    free(w);
}

static void run_work(void *state)
{
    work *w = state;
    bool failed = false;
    w->stats = (grus_infer_stats){0};
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)w->threads) reduction(|| : failed)
    for (size_t i = 0; i < w->n_batches; i++) {
        size_t thread = (size_t)omp_get_thread_num();
        grus_infer_stats stats = {0};
        grus_error error;
        grus_work with = {w->arenas[thread], NULL, &stats, &error};
        grus_result *results = w->results + thread * w->most_records;
        failed = grus_infer(w->engine, &w->batches[i], &w->options, &with, results) != GRUS_OK || failed;
#pragma omp critical
        grus_infer_stats_add(&w->stats, &stats);
    }
    w->failed = w->failed || failed;
}

// ---- the work ----

static bool make_sequences(work *w, const bench_parameters *p)
{
    w->n = p->fill_lanes ? grus_max(CURVE_SEQUENCES, CURVE_POSITIONS / p->length) : p->sequences;
    w->length = grus_alloc(w->n, sizeof *w->length);
    if (!w->length)
        return false;
    bench_lengths(p, w->n, w->length);
    for (size_t i = 0; i < w->n; i++)
        w->positions += w->length[i];
    uint64_t state = SEED;
    if (w->config.features) {
        size_t floats = w->positions * w->config.feature_dim;
        w->features = grus_alloc(floats, sizeof(float));
        for (size_t i = 0; w->features && i < floats; i++)
            w->features[i] = (float)(grus_synthetic_number(&state) >> 40) * 0x1p-23f - 1.0f;
        return w->features != NULL;
    }
    w->ids = grus_alloc(w->positions, sizeof *w->ids);
    if (w->ids)
        grus_synthetic_ids(&state, w->config.source_vocab_size, w->ids, w->positions);
    return w->ids != NULL;
}

// Targets as long as a search would make them.
static bool make_targets(work *w)
{
    size_t total = w->positions + GRUS_SEARCH_MORE_STEPS * w->n;
    uint64_t state = SEED;
    w->target_length = grus_alloc(w->n, sizeof *w->target_length);
    w->targets = grus_alloc(total, sizeof *w->targets);
    if (!w->target_length || !w->targets)
        return false;
    for (size_t i = 0; i < w->n; i++)
        w->target_length[i] = w->length[i] + GRUS_SEARCH_MORE_STEPS;
    grus_synthetic_ids(&state, w->config.decoder.vocab_size, w->targets, total);
    return true;
}

static size_t no_bytes(const void *data, const grus_slot_bounds *bounds)
{
    (void)data;
    (void)bounds;
    return 0;
}

static void add_batch(work *w, size_t records, size_t *first, size_t *first_position, size_t *first_target)
{
    w->batches[w->n_batches++] =
        (grus_batch){.n = records,
                     .length = w->length + *first,
                     .ids = w->ids ? w->ids + *first_position : NULL,
                     .features = w->features ? w->features + *first_position * w->config.feature_dim : NULL,
                     .target_length = w->target_length ? w->target_length + *first : NULL,
                     .targets = w->targets ? w->targets + *first_target : NULL};
    w->most_records = grus_max(w->most_records, records);
    for (size_t end = *first + records; *first < end; ++*first) {
        *first_position += w->length[*first];
        *first_target += w->target_length ? w->target_length[*first] : 0;
    }
}

// Cut as `grus run` cuts them, but at least one for each thread.
// What the batcher is told of a sequence is its length; its ids stay here.
static bool cut_batches(work *w, grus_batcher *batcher, const uint32_t *zeros)
{
    grus_error error;
    grus_slot slot = {0};
    size_t first = 0, first_position = 0, first_target = 0, added = 0;
    bool done = grus_batcher_begin(batcher, &error) == GRUS_OK;
    while (done && first < w->n) {
        grus_slot_entry next = {
            .number = added, .line = "", .n_positions = added < w->n ? w->length[added] : 0, .ids = zeros};
        if (added < w->n && grus_batcher_has_room(batcher, &next)) {
            done = grus_batcher_add(batcher, &next, &error) == GRUS_OK;
            added++;
            continue;
        }
        grus_cut cut = grus_batcher_cut(batcher, added == w->n);
        done = grus_slot_reset(&slot, cut.big ? &batcher->bounds->big : &batcher->bounds->slot, &error) == GRUS_OK &&
               grus_batcher_move(batcher, cut.records, &slot, &error) == GRUS_OK;
        add_batch(w, cut.records, &first, &first_position, &first_target);
    }
    grus_slot_free(&slot);
    return done;
}

static bool make_batches(work *w)
{
    grus_error error;
    grus_plan plan;
    grus_engine_facts facts = grus_engine_describe(w->engine);
    grus_plan_costs costs = {
        .workspace = no_bytes, .output = no_bytes, .tile = facts.tile, .lanes = facts.lanes, .max_record = 1};
    size_t limit = grus_min(GRUS_BATCH_TOKENS, grus_max(1, grus_div_up(w->positions, w->threads)));
    grus_batcher batcher = {.bounds = &plan.bounds};
    uint32_t *zeros = calloc(GRUS_RECORD_POSITIONS, sizeof *zeros);
    w->batches = calloc(w->n, sizeof *w->batches);
    bool done = zeros && w->batches && grus_plan_make(&costs, w->threads, limit, 0, &plan, &error) == GRUS_OK &&
                cut_batches(w, &batcher, zeros);
    grus_batcher_free(&batcher);
    free(zeros);
    return done;
}

static bool make_arenas(work *w)
{
    w->arenas = calloc(w->threads, sizeof(grus_arena *));
    w->results = calloc(w->threads * w->most_records, sizeof *w->results);
    if (!w->arenas || !w->results)
        return false;
    for (size_t i = 0; i < w->threads; i++)
        if (!(w->arenas[i] = grus_arena_new(0)))
            return false;
    return true;
}

static work *make_work(const bench_parameters *p, const grus_config *config, const grus_infer_options *options,
                       const char **why)
{
    if (p->threads > grus_cpus()) {
        *why = "more threads than CPUs";
        return NULL;
    }
    *why = "no kernel, or no memory";
    work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->config = *config;
    w->options = *options;
    w->threads = p->threads;
    w->engine = bench_engine(&w->config, bench_compute(p)); // which the engine keeps a pointer to
    if (!w->engine || !make_sequences(w, p) || (options->force && !make_targets(w)) || !make_batches(w) ||
        !make_arenas(w)) {
        free_work(w);
        return NULL;
    }
    run_work(w);
    if (w->failed) {
        free_work(w);
        return NULL;
    }
    return w;
}

static double share_of_padding(uint64_t asked, uint64_t computed)
{
    return computed ? 1 - (double)asked / (double)computed : 0;
}

static bool make_encoder(const bench_parameters *p, size_t features, bench_case *made, const char **why)
{
    grus_config config;
    bench_encoder_config(p, features, &config);
    work *w = make_work(p, &config, &(grus_infer_options){0}, why);
    if (!w)
        return false;
    *made = (bench_case){BENCH_FLOPS,
                         (double)w->stats.flops,
                         (double)w->positions,
                         "positions",
                         share_of_padding(w->stats.positions, w->stats.positions_computed),
                         p->threads,
                         w,
                         run_work,
                         free_work};
    return true;
}

bool bench_make_layer(const bench_parameters *p, bench_case *made, const char **why)
{
    return make_encoder(p, p->hidden, made, why);
}

bool bench_make_encoder(const bench_parameters *p, bench_case *made, const char **why)
{
    return make_encoder(p, 0, made, why);
}

bool bench_make_decoder(const bench_parameters *p, bench_case *made, const char **why)
{
    grus_config config;
    bench_decoder_config(p, &config);
    // The end token never comes, so that every search goes to its limit: lengths do not hang on random weights.
    grus_infer_options options = {.force = p->forced,
                                  .search = {.repetition_penalty = 1,
                                             .sampling_topk = 1,
                                             .beam_size = p->beam,
                                             .n_best = 1,
                                             .length_norm = GRUS_NORM_NONE,
                                             .max_length_factor = 1,
                                             .max_length = 100000,
                                             .min_length = 100000}};
    work *w = make_work(p, &config, &options, why);
    if (!w)
        return false;
    *made = (bench_case){BENCH_FLOPS,
                         (double)w->stats.flops,
                         (double)w->stats.rows,
                         "rows",
                         share_of_padding(w->stats.rows, w->stats.rows_computed),
                         p->threads,
                         w,
                         run_work,
                         free_work};
    return true;
}
