// case_engine.c: batches through an engine with random weights: a layer, an encoder, a decoder, on any number of threads.
#include "config.h"

#include <omp.h>
#include <stdlib.h>

#include "base/memory.h"
#include "bench/random_config.h"
#include "scheduler/cpus.h"
#include "scheduler/synthetic.h"

#define BATCH_POSITIONS 16384
#define BATCH_RECORDS 4096
#define SEED 11
#define EXTRA_STEPS 10 // that a search takes beyond the source's length, see grus_search_limit
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
    size_t n_batches;
    grus_workspace **workspaces; // (threads)
    grus_result *results;        // (threads, BATCH_RECORDS)
    grus_infer_stats stats;      // of the last run
    bool failed;
} work;

static void free_work(void *state)
{
    work *w = state;
    for (size_t i = 0; w->workspaces && i < w->threads; i++)
        grus_workspace_free(w->workspaces[i]);
    grus_engine_free(w->engine);
    free(w->length);
    free(w->target_length);
    free(w->ids);
    free(w->targets);
    free(w->features);
    free(w->batches);
    free(w->workspaces);
    free(w->results);
    free(w);
}

static void run_work(void *state)
{
    work *w = state;
    uint64_t positions = 0, positions_computed = 0, rows = 0, rows_computed = 0;
    bool failed = false;
#pragma omp parallel for schedule(dynamic, 1) num_threads((int)w->threads) reduction(|| : failed) \
    reduction(+ : positions, positions_computed, rows, rows_computed)
    for (size_t i = 0; i < w->n_batches; i++) {
        size_t thread = (size_t)omp_get_thread_num();
        grus_infer_stats stats = {0};
        grus_error error;
        failed = grus_infer(w->engine, w->workspaces[thread], &w->batches[i], &w->options, NULL,
                            w->results + thread * BATCH_RECORDS, &stats, &error) != GRUS_OK ||
                 failed;
        positions += stats.positions;
        positions_computed += stats.positions_computed;
        rows += stats.rows;
        rows_computed += stats.rows_computed;
    }
    w->stats = (grus_infer_stats){positions, positions_computed, rows, rows_computed, 0};
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
    size_t total = w->positions + EXTRA_STEPS * w->n;
    uint64_t state = SEED;
    w->target_length = grus_alloc(w->n, sizeof *w->target_length);
    w->targets = grus_alloc(total, sizeof *w->targets);
    if (!w->target_length || !w->targets)
        return false;
    for (size_t i = 0; i < w->n; i++)
        w->target_length[i] = w->length[i] + EXTRA_STEPS;
    grus_synthetic_ids(&state, w->config.decoder.vocab_size, w->targets, total);
    return true;
}

// As `grus run` would cut them, but at least one for each thread.
static bool make_batches(work *w)
{
    size_t limit = grus_min(BATCH_POSITIONS, grus_div_up(w->positions, w->threads));
    size_t first = 0, first_target = 0, i = 0;
    w->batches = calloc(w->n, sizeof *w->batches);
    while (w->batches && i < w->n) {
        grus_batch *b = &w->batches[w->n_batches++];
        *b = (grus_batch){.length = w->length + i,
                          .ids = w->ids ? w->ids + first : NULL,
                          .features = w->features ? w->features + first * w->config.feature_dim : NULL,
                          .target_length = w->target_length ? w->target_length + i : NULL,
                          .targets = w->targets ? w->targets + first_target : NULL};
        size_t positions = 0;
        do {
            positions += w->length[i];
            first_target += w->target_length ? w->target_length[i] : 0;
            i++;
            b->n++;
        } while (i < w->n && b->n < BATCH_RECORDS && positions + w->length[i] <= limit);
        first += positions;
    }
    return w->batches != NULL;
}

static bool make_workspaces(work *w)
{
    w->engine = bench_engine(&w->config);
    w->workspaces = calloc(w->threads, sizeof(grus_workspace *));
    w->results = calloc(w->threads * BATCH_RECORDS, sizeof *w->results);
    if (!w->engine || !w->workspaces || !w->results)
        return false;
    for (size_t i = 0; i < w->threads; i++)
        if (!(w->workspaces[i] = grus_workspace_new(w->engine)))
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
    if (!make_sequences(w, p) || (options->force && !make_targets(w)) || !make_batches(w) || !make_workspaces(w)) {
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
    double flops = grus_engine_describe(w->engine).encoder_flops * (double)w->positions;
    *made = (bench_case){BENCH_FLOPS,
                         flops,
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

// What describe leaves out: the query's projection (D, H), and scores and sum over every source position.
static double attention_flops(const work *w, size_t beam)
{
    double values = (double)grus_config_output_size(&w->config), cells = 0;
    for (size_t i = 0; i < w->n; i++)
        cells += (double)(w->length[i] * (w->length[i] + EXTRA_STEPS) * beam);
    return 2 * values * (double)w->config.decoder.hidden_size * (double)w->stats.rows + 4 * values * cells;
}

bool bench_make_decoder(const bench_parameters *p, bench_case *made, const char **why)
{
    grus_config config;
    bench_decoder_config(p, &config);
    // The end token never comes, so that every search goes to its limit: lengths do not hang on random weights.
    grus_infer_options options = {.force = p->forced,
                                  .search = {.beam_size = p->beam,
                                             .n_best = 1,
                                             .length_norm = GRUS_NORM_NONE,
                                             .max_length_factor = 1,
                                             .max_length = 100000,
                                             .min_length = 100000}};
    work *w = make_work(p, &config, &options, why);
    if (!w)
        return false;
    grus_engine_facts facts = grus_engine_describe(w->engine);
    double flops = facts.encoder_flops * (double)w->positions + facts.decoder_flops * (double)w->stats.rows +
                   attention_flops(w, p->forced ? 1 : p->beam);
    *made = (bench_case){BENCH_FLOPS,
                         flops,
                         (double)w->stats.rows,
                         "rows",
                         share_of_padding(w->stats.rows, w->stats.rows_computed),
                         p->threads,
                         w,
                         run_work,
                         free_work};
    return true;
}
