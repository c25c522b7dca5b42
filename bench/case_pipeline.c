// case_pipeline.c: grus_run over a shard, output and commit included.
#include "config.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench/case.h"
#include "io/shard/lines.h"
#include "scheduler/cpus.h"
#include "scheduler/model.h"

typedef struct pipeline {
    grus_model *model;
    const char *shard;
    char part[64]; // a file of its first records, "" where all are wanted
    grus_run_options options;
    char outdir[64];
    grus_progress last;
} pipeline;

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *where)
{
    (void)facts;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_outdir(const pipeline *p)
{
    nftw(p->outdir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void free_pipeline(void *state)
{
    pipeline *p = state;
    if (p->part[0])
        remove(p->part);
    grus_model_free(p->model);
    free(p);
}

static bool copy_lines(grus_lines *input, FILE *file, size_t records)
{
    grus_error error;
    grus_line_kind kind;
    const char *line;
    size_t length;
    for (size_t i = 0; i < records; i++) {
        if (grus_lines_next(input, &kind, &line, &length, &error) != GRUS_OK || kind != GRUS_LINE)
            return false;
        if (fwrite(line, 1, length, file) != length || fputc('\n', file) == EOF)
            return false;
    }
    return true;
}

// Makes p->part of the shard's first records and takes it for the shard. false: it has not as many, or is no JSONL.
static bool take_part(pipeline *p, size_t records)
{
    grus_lines *input;
    grus_error error;
    if (!strstr(p->shard, ".jsonl") ||
        grus_lines_open(p->shard, p->options.max_record, GRUS_WINDOW_LOG, &input, &error) != GRUS_OK)
        return false;
    snprintf(p->part, sizeof p->part, "grus-bench-part-XXXXXX.jsonl");
    int fd = mkstemps(p->part, (int)strlen(".jsonl"));
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (fd < 0)
        p->part[0] = '\0';
    else if (!file)
        close(fd);
    bool copied = file && copy_lines(input, file, records);
    grus_lines_close(input);
    p->shard = p->part;
    return file && fclose(file) == 0 && copied;
}

static void run_pipeline(void *state)
{
    pipeline *p = state;
    grus_error error;
    snprintf(p->outdir, sizeof p->outdir, "grus-bench-XXXXXX");
    if (!mkdtemp(p->outdir))
        return;
    if (grus_run(p->model, &p->options, NULL, &p->last, &error) != GRUS_OK)
        grus_progress_init(&p->last, sizeof p->last);
    remove_outdir(p);
}

bool bench_make_pipeline(const bench_parameters *parameters, bench_case *made, const char **why)
{
    *why = parameters->threads > grus_cpus() ? "more threads than CPUs" : "no --model and SHARD were given";
    if (!parameters->model || !parameters->shard || parameters->threads > grus_cpus())
        return false;
    *why = "the model or the shard cannot be used";
    pipeline *p = calloc(1, sizeof *p);
    grus_error error;
    if (!p || grus_model_load(parameters->model, NULL, &p->model, &error) != GRUS_OK) {
        free(p);
        return false;
    }
    p->shard = parameters->shard;
    grus_run_options_init(&p->options, sizeof p->options);
    grus_progress_init(&p->last, sizeof p->last);
    p->options.inputs = &p->shard;
    p->options.n_inputs = 1;
    p->options.outdir = p->outdir;
    p->options.threads = parameters->threads;
    if (!parameters->records || take_part(p, parameters->records))
        run_pipeline(p);
    if (p->last.records == 0) {
        free_pipeline(p);
        return false;
    }
    double computed = (double)(p->last.rows_computed ? p->last.rows_computed : p->last.positions_computed);
    double asked = (double)(p->last.rows_computed ? p->last.rows : p->last.positions);
    // All of its threads count, whatever their number: it has a reader and a writer too.
    *made = (bench_case){BENCH_FLOPS,
                         (double)p->last.flops,
                         (double)p->last.records,
                         "records",
                         computed > 0 ? 1 - asked / computed : 0,
                         grus_max(2, parameters->threads),
                         p,
                         run_pipeline,
                         free_pipeline};
    return true;
}
