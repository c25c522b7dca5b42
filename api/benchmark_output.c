// benchmark_output.c: outputs in a temporary directory (TMPDIR, else /tmp), which goes when the benchmark ends.
#include "config.h"

#include "api/benchmark_output.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/outdir/outdir.h"
#include "io/outdir/output.h"
#include "scheduler/clock.h"

// ---- the directory ----

#define IN "/in"   // a copy of an input, where one is taken in part
#define OUT "/out" // outputs

typedef char path_text[PATH_MAX + sizeof OUT];

static const char *below(const grus_benchmark_state *bench, const char *name, path_text text)
{
    snprintf(text, sizeof(path_text), "%s%s", bench->dir, name);
    return text;
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_all(const char *dir)
{
    nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void grus_benchmark_remove_dir(grus_benchmark_state *bench)
{
    if (bench->dir[0])
        remove_all(bench->dir);
    bench->dir[0] = '\0';
}

static grus_status make_dir(grus_benchmark_state *bench, grus_error *error)
{
    if (bench->dir[0])
        return GRUS_OK;
    const char *parent = getenv("TMPDIR");
    snprintf(bench->dir, sizeof bench->dir, "%s/grus-bench-XXXXXX", parent && *parent ? parent : "/tmp");
    if (mkdtemp(bench->dir))
        return GRUS_OK;
    grus_status status = grus_fail_errno(error, GRUS_E_OUTPUT, bench->dir, "cannot be made");
    bench->dir[0] = '\0';
    return status;
}

// ---- write ----

static grus_status write_all(grus_benchmark_state *bench, grus_error *error)
{
    const grus_job *job = &bench->job;
    char stem[32];
    path_text out;
    grus_output *output;
    snprintf(stem, sizeof stem, "part-%zu", bench->made++);
    grus_status status =
        grus_output_open(below(bench, OUT, out), stem, job->suffix, job->options->level, &output, error);
    if (status != GRUS_OK)
        return status;
    for (size_t i = 0; i < bench->work.n_slots && status == GRUS_OK; i++)
        status = grus_output_write(output, bench->work.slots[i].out.data, bench->work.slots[i].out.size, error);
    if (status != GRUS_OK) {
        grus_output_discard(output);
        return status;
    }
    grus_manifest manifest = {.input = stem, .kernel = bench->job.model->facts.kernel, .version = grus_version()};
    return grus_output_commit(output, &manifest, error);
}

grus_status grus_benchmark_write(grus_benchmark_state *bench, grus_error *error)
{
    const grus_benchmark_repeated repeated = {"write", 1, GRUS_BENCHMARK_LEAST, write_all};
    path_text out;
    grus_benchmark_part *part;
    grus_status status = make_dir(bench, error);
    if (status == GRUS_OK)
        status = grus_outdir_prepare(below(bench, OUT, out), error);
    if (status == GRUS_OK)
        status = grus_benchmark_measure(bench, &repeated, &part, error);
    if (status == GRUS_OK)
        part->bytes = (double)grus_benchmark_output_bytes(&bench->work);
    return status;
}

// ---- run ----

static void on_progress(void *context, const grus_progress *progress, bool final)
{
    if (!final)
        grus_benchmark_tell(context, progress);
}

static grus_status run_whole(grus_benchmark_state *bench, grus_error *error)
{
    path_text out;
    double from = grus_seconds(), cpu_from = grus_benchmark_cpu_seconds();
    remove_all(below(bench, OUT, out));
    bench->apart = grus_seconds() - from;
    bench->apart_cpu = grus_benchmark_cpu_seconds() - cpu_from;
    grus_run_events events;
    grus_run_events_init(&events, sizeof events);
    events.context = bench;
    events.on_progress = on_progress;
    grus_run_options options = bench->settings.run;
    if (bench->inputs.n) {
        options.inputs = bench->inputs.list;
        options.n_inputs = bench->inputs.n;
    }
    options.outdir = out;
    options.rank = 0;
    options.world_size = 1;
    options.report = NULL;
    options.dry_run = false;
    grus_status status =
        grus_run(bench->job.model, &options, bench->how.on_progress ? &events : NULL, &bench->last, error);
    // Records that are all in error are measured like others.
    return status == GRUS_E_FAILED && bench->last.shards_failed == 0 ? GRUS_OK : status;
}

grus_status grus_benchmark_run(grus_benchmark_state *bench, grus_error *error)
{
    size_t least = grus_min(grus_max(bench->how.run_repetitions, 1), GRUS_BENCHMARK_MOST);
    const grus_benchmark_repeated repeated = {"run", bench->n_threads, least, run_whole};
    const grus_progress *last = &bench->last;
    path_text in;
    grus_benchmark_part *part;
    grus_status status = make_dir(bench, error);
    if (status == GRUS_OK && bench->how.run_records)
        status = grus_benchmark_cut(&bench->work, bench->how.run_records, below(bench, IN, in), &bench->inputs, error);
    bench->memory->result.run_is_cut = bench->inputs.is_cut;
    if (status == GRUS_OK)
        status = grus_benchmark_measure(bench, &repeated, &part, error);
    if (status != GRUS_OK)
        return status;
    part->records = (double)last->records;
    part->tokens = (double)last->tokens_in;
    part->flops = (double)last->flops;
    part->padding = grus_benchmark_unasked(last->positions, last->positions_computed);
    part->rows_empty = grus_benchmark_unasked(last->rows, last->rows_computed);
    return GRUS_OK;
}
