// benchmark.c: grus_benchmark: each part of a run by itself, then all of it.
#include "config.h"

#include "grus.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/benchmark_work.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "io/outdir/outdir.h"
#include "io/outdir/output.h"
#include "scheduler/clock.h"
#include "scheduler/costs.h"
#include "scheduler/cpus.h"
#include "scheduler/format.h"
#include "scheduler/parse.h"
#include "scheduler/run_options.h"
#include "scheduler/team.h"

#define MAX_REPETITIONS 1000
#define LEAST_REPETITIONS 3
#define MOST_PARTS 8

typedef struct bench_thread {
    grus_arena *arena;
    grus_result *results; // (most sequences of a slot)
    grus_infer_stats stats;
} bench_thread;

// The public result and what it points into.
typedef struct benchmark_memory {
    grus_benchmark_result result;
    grus_benchmark_part parts[MOST_PARTS];
    const grus_benchmark_part *list[MOST_PARTS];
} benchmark_memory;

typedef struct benchmark {
    grus_run_settings settings;
    grus_job job;
    grus_benchmark_work work;
    size_t n_threads;
    grus_benchmark_options how;
    grus_infer_options infer; // of the part that runs
    bench_thread *threads;    // (n_threads)
    size_t used;              // threads of the part that runs
    double apart, apart_cpu;  // seconds of the repetition that another part counts
    char outdir[PATH_MAX];    // temporary, "" before it is made
    size_t made;              // outputs in it
    grus_progress last;       // of the whole run
    benchmark_memory *memory; // the result's
} benchmark;

typedef grus_status part_function(benchmark *b, grus_error *error);

// ---- repetitions ----

static double process_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static grus_benchmark_part *add_part(benchmark *b, const char *name, double *wall, double *cpu, size_t n)
{
    benchmark_memory *memory = b->memory;
    GRUS_ASSERT(memory->result.n < MOST_PARTS && n >= LEAST_REPETITIONS);
    grus_benchmark_part *part = &memory->parts[memory->result.n];
    *part = (grus_benchmark_part){.size = sizeof *part,
                                  .name = name,
                                  .threads = b->used,
                                  .repetitions = n,
                                  .records = (double)b->work.records,
                                  .tokens = (double)b->work.positions,
                                  .median = median(wall, n),
                                  .cpu = median(cpu, n)};
    part->min = wall[0];
    part->max = wall[n - 1];
    memory->list[memory->result.n++] = part;
    return part;
}

// Repeats function for its time and adds a part, which the caller completes. b->apart is taken from what is counted.
static grus_status measure(benchmark *b, const char *name, size_t threads, part_function *function,
                           grus_benchmark_part **part, grus_error *error)
{
    double wall[MAX_REPETITIONS], cpu[MAX_REPETITIONS], started = grus_seconds();
    size_t n = 0;
    b->used = threads;
    while (n < MAX_REPETITIONS && (n < LEAST_REPETITIONS || grus_seconds() - started < b->how.seconds)) {
        b->apart = b->apart_cpu = 0;
        double from = grus_seconds(), cpu_from = process_seconds();
        grus_status status = function(b, error);
        if (status != GRUS_OK)
            return status;
        wall[n] = grus_seconds() - from - b->apart;
        cpu[n++] = process_seconds() - cpu_from - b->apart_cpu;
    }
    *part = add_part(b, name, wall, cpu, n);
    return GRUS_OK;
}

// ---- text ----

static grus_status read_lines(benchmark *b, grus_error *error)
{
    size_t left = b->work.records;
    for (size_t i = 0; i < b->work.shards.n && left; i++) {
        grus_lines *input;
        const grus_shard *shard = &b->work.shards.list[i];
        grus_status status =
            grus_lines_open(shard->path, b->job.options->max_record, b->job.options->window_log, &input, error);
        for (grus_line_kind kind = GRUS_LINE; status == GRUS_OK && kind != GRUS_LINE_END && left; left--) {
            const char *line;
            size_t length;
            status = grus_lines_next(input, &kind, &line, &length, error);
            left += kind == GRUS_LINE_END;
        }
        if (status != GRUS_OK)
            return status;
        grus_lines_close(input);
    }
    return GRUS_OK;
}

static grus_status parse_lines(benchmark *b, grus_error *error)
{
    grus_parsed parsed = {0};
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < b->work.n_slots; i++) {
        grus_slot_place place = {0};
        grus_slot_entry entry;
        while (status == GRUS_OK && grus_slot_next(&b->work.slots[i], &place, &entry)) {
            grus_raw_line line = {b->work.kinds[i], entry.number, entry.line, entry.length, false};
            status = grus_parse_line(&b->job, &line, &parsed, error);
        }
    }
    grus_parsed_free(&parsed);
    return status;
}

// ---- the engine ----

static grus_status infer_slot(benchmark *b, bench_thread *thread, const grus_slot *slot, grus_error *error)
{
    if (slot->n_sequences == 0)
        return GRUS_OK;
    grus_batch batch = grus_slot_batch(slot);
    grus_work work = {thread->arena, NULL, &thread->stats, error};
    return grus_infer(b->job.model->engine, &batch, &b->infer, &work, thread->results);
}

// What the threads that infer share.
typedef struct infer_team {
    benchmark *b;
    atomic_size_t next;   // slot that none has taken
    pthread_mutex_t lock; // of what follows
    grus_status status;
    grus_error *error;
} infer_team;

static void infer_some(void *argument, size_t number)
{
    infer_team *team = argument;
    benchmark *b = team->b;
    for (size_t i; (i = atomic_fetch_add(&team->next, 1)) < b->work.n_slots;) {
        grus_error unseen;
        grus_status status = infer_slot(b, &b->threads[number], &b->work.slots[i], &unseen);
        if (status == GRUS_OK)
            continue;
        pthread_mutex_lock(&team->lock);
        *team->error = unseen;
        team->status = status;
        pthread_mutex_unlock(&team->lock);
    }
}

static grus_status infer_all(benchmark *b, grus_error *error)
{
    infer_team team = {.b = b, .lock = PTHREAD_MUTEX_INITIALIZER, .error = error};
    for (size_t i = 0; i < b->used; i++)
        b->threads[i].stats = (grus_infer_stats){0};
    grus_status status = grus_team_run(b->used, infer_some, &team, error);
    pthread_mutex_destroy(&team.lock);
    return status == GRUS_OK ? team.status : status;
}

// Results live until the next batch: each batch is run once more, and only what comes after it is counted.
static grus_status format_all(benchmark *b, grus_error *error)
{
    for (size_t i = 0; i < b->work.n_slots; i++) {
        grus_slot *slot = &b->work.slots[i];
        double from = grus_seconds(), cpu_from = process_seconds();
        grus_status status = infer_slot(b, &b->threads[0], slot, error);
        b->apart += grus_seconds() - from;
        b->apart_cpu += process_seconds() - cpu_from;
        grus_buffer_clear(&slot->out);
        if (status == GRUS_OK)
            status = grus_format_slot(&b->job, b->work.kinds[i], slot, b->threads[0].results, error);
        if (status != GRUS_OK)
            return status;
    }
    return GRUS_OK;
}

static double share(uint64_t asked, uint64_t computed)
{
    return computed ? 1 - (double)asked / (double)computed : 0;
}

static void complete(const benchmark *b, grus_benchmark_part *part)
{
    grus_infer_stats all = {0};
    for (size_t i = 0; i < b->used; i++)
        grus_infer_stats_add(&all, &b->threads[i].stats);
    part->flops = (double)all.flops;
    part->padding = share(all.positions, all.positions_computed);
    part->rows_empty = share(all.rows, all.rows_computed);
}

// The encoder alone; behind it, in a model with a decoder, one step, which cannot be left out.
static grus_status measure_encoder(benchmark *b, grus_error *error)
{
    grus_benchmark_part *part;
    b->infer = b->job.infer;
    b->infer.heads = b->infer.force = b->infer.attention = b->infer.token_scores = false;
    b->infer.search.beam_size = b->infer.search.n_best = b->infer.search.max_length = 1;
    grus_status status = measure(b, "encode", 1, infer_all, &part, error);
    if (status == GRUS_OK)
        complete(b, part);
    return status;
}

static grus_status measure_engine(benchmark *b, size_t threads, grus_error *error)
{
    grus_benchmark_part *part;
    b->infer = b->job.infer;
    grus_status status = measure(b, "infer", threads, infer_all, &part, error);
    if (status == GRUS_OK)
        complete(b, part);
    return status;
}

// ---- output ----

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_outdir(benchmark *b)
{
    if (b->outdir[0])
        nftw(b->outdir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    b->outdir[0] = '\0';
}

static grus_status make_outdir(benchmark *b, grus_error *error)
{
    const char *parent = getenv("TMPDIR");
    snprintf(b->outdir, sizeof b->outdir, "%s/grus-bench-XXXXXX", parent && *parent ? parent : "/tmp");
    if (mkdtemp(b->outdir))
        return GRUS_OK;
    grus_status status = grus_fail(error, GRUS_E_OUTPUT, b->outdir, NULL, "cannot be made: %s", strerror(errno));
    b->outdir[0] = '\0';
    return status;
}

static grus_status write_all(benchmark *b, grus_error *error)
{
    char stem[32];
    grus_output *output;
    snprintf(stem, sizeof stem, "part-%zu", b->made++);
    grus_status status = grus_output_open(b->outdir, stem, b->job.suffix, b->job.options->level, &output, error);
    if (status != GRUS_OK)
        return status;
    for (size_t i = 0; i < b->work.n_slots && status == GRUS_OK; i++)
        status = grus_output_write(output, b->work.slots[i].out.data, b->work.slots[i].out.size, error);
    if (status != GRUS_OK) {
        grus_output_discard(output);
        return status;
    }
    grus_manifest manifest = {.input = stem, .kernel = grus_kernel_name(), .version = grus_version()};
    return grus_output_commit(output, &manifest, error);
}

static grus_status run_whole(benchmark *b, grus_error *error)
{
    remove_outdir(b);
    grus_status status = make_outdir(b, error);
    if (status != GRUS_OK)
        return status;
    grus_run_options options = b->settings.run;
    options.outdir = b->outdir;
    options.rank = 0;
    options.world_size = 1;
    options.report = NULL;
    options.dry_run = false;
    status = grus_run(b->job.model, &options, NULL, &b->last, error);
    // Records that are all in error are measured like others.
    return status == GRUS_E_FAILED && b->last.shards_failed == 0 ? GRUS_OK : status;
}

// ---- all of it ----

static grus_status measure_text(benchmark *b, grus_error *error)
{
    grus_benchmark_part *part;
    grus_status status = measure(b, "read", 1, read_lines, &part, error);
    if (status != GRUS_OK)
        return status;
    part->bytes = (double)b->work.bytes;
    status = measure(b, "parse", 1, parse_lines, &part, error);
    if (status == GRUS_OK)
        part->bytes = (double)b->work.bytes;
    return status;
}

static double output_bytes(const benchmark *b)
{
    double bytes = 0;
    for (size_t i = 0; i < b->work.n_slots; i++)
        bytes += (double)b->work.slots[i].out.size;
    return bytes;
}

static grus_status measure_output(benchmark *b, grus_error *error)
{
    grus_benchmark_part *part;
    grus_status status = measure(b, "format", 1, format_all, &part, error);
    if (status != GRUS_OK)
        return status;
    part->bytes = output_bytes(b);
    status = make_outdir(b, error);
    if (status == GRUS_OK)
        status = grus_outdir_prepare(b->outdir, error);
    if (status == GRUS_OK)
        status = measure(b, "write", 1, write_all, &part, error);
    if (status == GRUS_OK)
        part->bytes = output_bytes(b);
    return status;
}

static grus_status measure_run(benchmark *b, grus_error *error)
{
    grus_benchmark_part *part;
    grus_status status = measure(b, "run", b->n_threads, run_whole, &part, error);
    if (status != GRUS_OK)
        return status;
    const grus_progress *last = &b->last;
    part->records = (double)last->records;
    part->tokens = (double)last->tokens_in;
    part->flops = (double)last->flops;
    part->padding = share(last->positions, last->positions_computed);
    part->rows_empty = share(last->rows, last->rows_computed);
    return GRUS_OK;
}

static grus_status make_threads(benchmark *b, grus_error *error)
{
    size_t most = 1;
    for (size_t i = 0; i < b->work.n_slots; i++) {
        most = grus_max(most, b->work.slots[i].n_sequences);
        b->memory->result.records_failed += grus_slot_records_failed(&b->work.slots[i]);
    }
    b->threads = calloc(b->n_threads, sizeof *b->threads);
    for (size_t i = 0; b->threads && i < b->n_threads; i++) {
        b->threads[i].arena = grus_arena_new(0);
        b->threads[i].results = calloc(most, sizeof *b->threads[i].results);
        if (!b->threads[i].arena || !b->threads[i].results)
            return grus_fail_memory(error, most * sizeof *b->threads[i].results);
    }
    return b->threads ? GRUS_OK : grus_fail_memory(error, b->n_threads * sizeof *b->threads);
}

static grus_status prepare(benchmark *b, grus_error *error)
{
    b->work.job = &b->job;
    b->work.batcher.bounds = &b->work.plan.bounds;
    grus_status status = grus_costs_plan(&b->job, b->n_threads, &b->work.plan, error);
    if (status == GRUS_OK)
        status = b->settings.run.n_inputs ? grus_benchmark_read(&b->work, b->settings.run.inputs,
                                                                b->settings.run.n_inputs, b->how.records, error)
                                          : grus_benchmark_invent(&b->work, b->how.records, error);
    b->memory->result.records = b->work.records;
    b->memory->result.positions = b->work.positions;
    return status == GRUS_OK ? make_threads(b, error) : status;
}

static grus_status measure_all(benchmark *b, grus_error *error)
{
    grus_status status = prepare(b, error);
    if (status == GRUS_OK && b->settings.run.n_inputs)
        status = measure_text(b, error);
    if (status == GRUS_OK)
        status = measure_encoder(b, error);
    if (status == GRUS_OK)
        status = measure_engine(b, 1, error);
    if (status == GRUS_OK && b->n_threads > 1)
        status = measure_engine(b, b->n_threads, error);
    if (status == GRUS_OK && b->settings.run.n_inputs)
        status = measure_output(b, error);
    if (status == GRUS_OK && b->settings.run.n_inputs)
        status = measure_run(b, error);
    return status;
}

// ---- the call ----

_Static_assert(sizeof(grus_benchmark_options) == offsetof(grus_benchmark_options, records) + sizeof(size_t), "padding");

static const grus_benchmark_options benchmark_defaults = {.seconds = 2, .records = 20000};

void grus_benchmark_options_init(grus_benchmark_options *options, size_t size)
{
    grus_sized_init(options, size, &benchmark_defaults, sizeof benchmark_defaults);
}

static grus_status settle(benchmark *b, const grus_model *model, const grus_run_options *run,
                          const grus_benchmark_options *how, grus_error *error)
{
    b->how = benchmark_defaults;
    grus_progress_init(&b->last, sizeof b->last);
    b->memory = calloc(1, sizeof *b->memory);
    if (!b->memory)
        return grus_fail_memory(error, sizeof *b->memory);
    b->memory->result.size = sizeof b->memory->result;
    b->memory->result.parts = b->memory->list;
    grus_status status = how ? grus_sized_read(&b->how, sizeof b->how, how, "benchmark", error) : GRUS_OK;
    if (status == GRUS_OK)
        status = grus_run_settings_read(&b->settings, model, run, error);
    if (status == GRUS_OK)
        status = grus_job_settle(&b->job, model, &b->settings.run, error);
    b->n_threads = b->settings.run.threads ? b->settings.run.threads : grus_cpus();
    return status;
}

static void free_benchmark(benchmark *b)
{
    remove_outdir(b);
    for (size_t i = 0; b->threads && i < b->n_threads; i++) {
        grus_arena_free(b->threads[i].arena);
        free(b->threads[i].results);
    }
    free(b->threads);
    grus_benchmark_work_free(&b->work);
    grus_job_free(&b->job);
    free(b->memory);
    free(b);
}

grus_status grus_benchmark(const grus_model *model, const grus_run_options *run, const grus_benchmark_options *how,
                           grus_benchmark_result **result, grus_error *error)
{
    grus_error unseen;
    if (!error)
        error = &unseen;
    *result = NULL;
    benchmark *b = calloc(1, sizeof *b);
    if (!b)
        return grus_fail_memory(error, sizeof *b);
    grus_status status = settle(b, model, run, how, error);
    if (status == GRUS_OK)
        status = measure_all(b, error);
    if (status == GRUS_OK) {
        *result = &b->memory->result;
        b->memory = NULL;
    }
    free_benchmark(b);
    return status;
}

// The result is the first thing in its memory.
void grus_benchmark_result_free(grus_benchmark_result *result)
{
    free(result);
}
