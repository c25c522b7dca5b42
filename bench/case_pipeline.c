// case_pipeline.c: grus_run over a shard, output and commit included.
#include "config.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "bench/case.h"
#include "scheduler/cpus.h"
#include "scheduler/model.h"

typedef struct pipeline {
    grus_model *model;
    const char *shard;
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
    grus_model_free(p->model);
    free(p);
}

static void run_pipeline(void *state)
{
    pipeline *p = state;
    grus_error error;
    snprintf(p->outdir, sizeof p->outdir, "grus-bench-XXXXXX");
    if (!mkdtemp(p->outdir))
        return;
    if (grus_run(p->model, &p->shard, 1, p->outdir, &p->options, NULL, &p->last, &error) != GRUS_OK)
        p->last = (grus_progress){0};
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
    if (!p || grus_model_load(parameters->model, false, NULL, NULL, &p->model, &error) != GRUS_OK) {
        free(p);
        return false;
    }
    p->shard = parameters->shard;
    grus_run_options_init(&p->options, p->model);
    p->options.threads = parameters->threads;
    run_pipeline(p);
    if (p->last.records == 0) {
        free_pipeline(p);
        return false;
    }
    const grus_engine_facts *facts = &p->model->facts;
    double flops = facts->encoder_flops * (double)p->last.positions + facts->decoder_flops * (double)p->last.rows;
    double computed = (double)(p->last.rows_computed ? p->last.rows_computed : p->last.positions_computed);
    double asked = (double)(p->last.rows_computed ? p->last.rows : p->last.positions);
    // All of its threads count, whatever their number: it has a reader and a writer too.
    *made = (bench_case){BENCH_FLOPS,
                         flops,
                         (double)p->last.records,
                         "records",
                         computed > 0 ? 1 - asked / computed : 0,
                         grus_max(2, parameters->threads),
                         p,
                         run_pipeline,
                         free_pipeline};
    return true;
}
