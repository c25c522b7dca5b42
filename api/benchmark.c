// benchmark.c: grus_benchmark: each part of a run by itself, then all of it.
#include "config.h"

#include "grus.h"

#include <stdlib.h>

#include "api/benchmark_engine.h"
#include "api/benchmark_measure.h"
#include "api/benchmark_output.h"
#include "base/error.h"
#include "base/sized.h"
#include "scheduler/clock.h"
#include "scheduler/costs.h"
#include "scheduler/cpus.h"
#include "scheduler/parse.h"

// ---- text ----

static grus_status read_shard(const grus_shard *shard, const grus_run_options *options, size_t *left, grus_error *error)
{
    grus_lines *input;
    grus_status status = grus_lines_open(shard->path, options->max_record, options->window_log, &input, error);
    if (status != GRUS_OK)
        return status;
    for (grus_line_kind kind = GRUS_LINE; status == GRUS_OK && kind != GRUS_LINE_END && *left;) {
        const char *line;
        size_t length;
        status = grus_lines_next(input, &kind, &line, &length, error);
        *left -= kind != GRUS_LINE_END;
    }
    grus_lines_close(input);
    return status;
}

static grus_status read_lines(grus_benchmark_state *bench, grus_error *error)
{
    grus_status status = GRUS_OK;
    size_t left = bench->work.records;
    for (size_t i = 0; i < bench->work.shards.n && left && status == GRUS_OK; i++)
        status = read_shard(&bench->work.shards.list[i], bench->job.options, &left, error);
    return status;
}

static grus_status parse_lines(grus_benchmark_state *bench, grus_error *error)
{
    grus_parsed parsed = {0};
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < bench->work.n_slots; i++) {
        grus_slot_place place = {0};
        grus_slot_entry entry;
        while (status == GRUS_OK && grus_slot_next(&bench->work.slots[i], &place, &entry)) {
            grus_raw_line line = {bench->work.kinds[i], entry.number, entry.line, entry.length, false};
            status = grus_parse_line(&bench->job, &line, &parsed, error);
        }
    }
    grus_parsed_free(&parsed);
    return status;
}

static grus_status measure_text(grus_benchmark_state *bench, grus_error *error)
{
    static const grus_benchmark_repeated parts[] = {{"read", 1, GRUS_BENCHMARK_LEAST, read_lines},
                                                    {"parse", 1, GRUS_BENCHMARK_LEAST, parse_lines}};
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == GRUS_OK; i++) {
        grus_benchmark_part *part;
        status = grus_benchmark_measure(bench, &parts[i], &part, error);
        if (status == GRUS_OK)
            part->bytes = (double)bench->work.bytes;
    }
    return status;
}

// ---- all of it ----

static grus_status prepare(grus_benchmark_state *bench, grus_error *error)
{
    const grus_run_options *run = &bench->settings.run;
    grus_benchmark_work *work = &bench->work;
    grus_benchmark_result *result = &bench->memory->result;
    work->job = &bench->job;
    work->batcher.bounds = &work->plan.bounds;
    grus_status status = grus_costs_plan(&bench->job, bench->n_threads, &work->plan, error);
    if (status == GRUS_OK)
        status = run->n_inputs ? grus_benchmark_read(work, run->inputs, run->n_inputs, bench->how.records, error)
                               : grus_benchmark_invent(work, bench->how.records, error);
    result->records = work->records;
    result->positions = work->positions;
    for (size_t i = 0; i < work->n_slots; i++)
        result->records_failed += grus_slot_records_failed(&work->slots[i]);
    return status == GRUS_OK ? grus_benchmark_threads(bench, error) : status;
}

static grus_status measure_all(grus_benchmark_state *bench, grus_error *error)
{
    bool has_text = bench->settings.run.n_inputs > 0;
    grus_benchmark_tell(bench, NULL);
    grus_status status = prepare(bench, error);
    bench->now.parts = GRUS_BENCHMARK_PARTS - (has_text ? 0u : 5u) - (bench->n_threads == 1);
    if (status == GRUS_OK && has_text)
        status = measure_text(bench, error);
    if (status == GRUS_OK)
        status = grus_benchmark_encode(bench, error);
    if (status == GRUS_OK)
        status = grus_benchmark_infer(bench, 1, error);
    if (status == GRUS_OK && bench->n_threads > 1)
        status = grus_benchmark_infer(bench, bench->n_threads, error);
    if (status == GRUS_OK && has_text)
        status = grus_benchmark_format(bench, error);
    if (status == GRUS_OK && has_text)
        status = grus_benchmark_write(bench, error);
    if (status == GRUS_OK && has_text)
        status = grus_benchmark_run(bench, error);
    return status;
}

// ---- the call ----

_Static_assert(sizeof(grus_benchmark_options) == offsetof(grus_benchmark_options, on_progress) + sizeof(void (*)(void)),
               "padding");

static const grus_benchmark_options benchmark_defaults = {
    .seconds = 2, .records = 20000, .run_repetitions = GRUS_BENCHMARK_LEAST};

void grus_benchmark_options_init(grus_benchmark_options *options, size_t size)
{
    grus_sized_init(options, size, &benchmark_defaults, sizeof benchmark_defaults);
}

static grus_status settle(grus_benchmark_state *bench, const grus_model *model, const grus_run_options *run,
                          const grus_benchmark_options *how, grus_error *error)
{
    bench->how = benchmark_defaults;
    bench->started = grus_seconds();
    bench->now.size = sizeof bench->now;
    grus_progress_init(&bench->last, sizeof bench->last);
    bench->memory = calloc(1, sizeof *bench->memory);
    if (!bench->memory)
        return grus_fail_memory(error, sizeof *bench->memory);
    bench->memory->result.size = sizeof bench->memory->result;
    bench->memory->result.parts = bench->memory->list;
    grus_status status = how ? grus_sized_read(&bench->how, sizeof bench->how, how, "benchmark", error) : GRUS_OK;
    if (status == GRUS_OK)
        status = grus_run_settings_read(&bench->settings, model, run, error);
    if (status == GRUS_OK)
        status = grus_job_settle(&bench->job, model, &bench->settings.run, error);
    bench->memory->result.cores = grus_cpus();
    bench->n_threads = bench->settings.run.threads ? bench->settings.run.threads : bench->memory->result.cores;
    return status;
}

static void free_state(grus_benchmark_state *bench)
{
    grus_benchmark_inputs_free(&bench->inputs);
    grus_benchmark_remove_dir(bench);
    grus_benchmark_threads_free(bench);
    grus_benchmark_work_free(&bench->work);
    grus_job_free(&bench->job);
    free(bench->memory);
    free(bench);
}

grus_status grus_benchmark(const grus_model *model, const grus_run_options *run, const grus_benchmark_options *how,
                           grus_benchmark_result **result, grus_error *error)
{
    grus_error unseen;
    if (!error)
        error = &unseen;
    *result = NULL;
    grus_benchmark_state *bench = calloc(1, sizeof *bench);
    if (!bench)
        return grus_fail_memory(error, sizeof *bench);
    grus_status status = settle(bench, model, run, how, error);
    if (status == GRUS_OK)
        status = measure_all(bench, error);
    if (status == GRUS_OK) {
        *result = &bench->memory->result;
        bench->memory = NULL;
    }
    free_state(bench);
    return status;
}

// The result is the first thing in its memory.
void grus_benchmark_result_free(grus_benchmark_result *result)
{
    free(result);
}
