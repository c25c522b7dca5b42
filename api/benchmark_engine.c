// benchmark_engine.c: slots through the engine, by one thread or by all of them, and their results to text.
#include "config.h"

#include "api/benchmark_engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "scheduler/clock.h"
#include "scheduler/format.h"
#include "scheduler/team.h"

// ---- threads ----

grus_status grus_benchmark_threads(grus_benchmark_state *bench, grus_error *error)
{
    size_t most = 1;
    for (size_t i = 0; i < bench->work.n_slots; i++)
        most = grus_max(most, bench->work.slots[i].n_sequences);
    bench->threads = calloc(bench->n_threads, sizeof *bench->threads);
    for (size_t i = 0; bench->threads && i < bench->n_threads; i++) {
        grus_benchmark_thread *thread = &bench->threads[i];
        thread->arena = grus_arena_new(0);
        thread->results = calloc(most, sizeof *thread->results);
        if (!thread->arena || !thread->results)
            return grus_fail_memory(error, most * sizeof *thread->results);
    }
    return bench->threads ? GRUS_OK : grus_fail_memory(error, bench->n_threads * sizeof *bench->threads);
}

void grus_benchmark_threads_free(grus_benchmark_state *bench)
{
    for (size_t i = 0; bench->threads && i < bench->n_threads; i++) {
        grus_arena_free(bench->threads[i].arena);
        free(bench->threads[i].results);
    }
    free(bench->threads);
    bench->threads = NULL;
}

// ---- encode, infer ----

static grus_status infer_slot(const grus_benchmark_state *bench, grus_benchmark_thread *thread, const grus_slot *slot,
                              grus_error *error)
{
    if (slot->n_sequences == 0)
        return GRUS_OK;
    grus_batch batch = grus_slot_batch(slot);
    grus_work work = {thread->arena, NULL, &thread->stats, error};
    return grus_infer(bench->job.model->engine, &batch, &bench->infer, &work, thread->results);
}

// What the threads that infer share.
typedef struct infer_team {
    grus_benchmark_state *bench;
    atomic_size_t next;   // slot that none has taken
    pthread_mutex_t lock; // of what follows
    grus_status status;
    grus_error *error;
} infer_team;

static void infer_some(void *argument, size_t number)
{
    infer_team *team = argument;
    grus_benchmark_state *bench = team->bench;
    for (size_t i; (i = atomic_fetch_add(&team->next, 1)) < bench->work.n_slots;) {
        grus_error unseen;
        grus_status status = infer_slot(bench, &bench->threads[number], &bench->work.slots[i], &unseen);
        if (status == GRUS_OK)
            continue;
        pthread_mutex_lock(&team->lock);
        *team->error = unseen;
        team->status = status;
        pthread_mutex_unlock(&team->lock);
    }
}

static grus_status infer_all(grus_benchmark_state *bench, grus_error *error)
{
    infer_team team = {.bench = bench, .lock = PTHREAD_MUTEX_INITIALIZER, .error = error};
    for (size_t i = 0; i < bench->used; i++)
        bench->threads[i].stats = (grus_infer_stats){0};
    grus_status status = grus_team_run(bench->used, infer_some, &team, error);
    pthread_mutex_destroy(&team.lock);
    return status == GRUS_OK ? team.status : status;
}

static grus_status measure(grus_benchmark_state *bench, const char *name, size_t threads, grus_error *error)
{
    const grus_benchmark_repeated repeated = {name, threads, GRUS_BENCHMARK_LEAST, infer_all};
    grus_benchmark_part *part;
    grus_status status = grus_benchmark_measure(bench, &repeated, &part, error);
    if (status != GRUS_OK)
        return status;
    grus_infer_stats all = {0};
    for (size_t i = 0; i < bench->used; i++)
        grus_infer_stats_add(&all, &bench->threads[i].stats);
    part->flops = (double)all.flops;
    part->padding = grus_benchmark_unasked(all.positions, all.positions_computed);
    part->rows_empty = grus_benchmark_unasked(all.rows, all.rows_computed);
    return GRUS_OK;
}

grus_status grus_benchmark_encode(grus_benchmark_state *bench, grus_error *error)
{
    grus_infer_options *infer = &bench->infer;
    *infer = bench->job.infer;
    infer->heads = 0;
    infer->force = infer->attention = infer->token_scores = false;
    infer->search.beam_size = infer->search.n_best = infer->search.max_length = 1;
    return measure(bench, "encode", 1, error);
}

grus_status grus_benchmark_infer(grus_benchmark_state *bench, size_t threads, grus_error *error)
{
    bench->infer = bench->job.infer;
    return measure(bench, "infer", threads, error);
}

// ---- format ----

// Results live until the next batch: each batch is run once more, and only what comes after it is counted.
static grus_status format_all(grus_benchmark_state *bench, grus_error *error)
{
    for (size_t i = 0; i < bench->work.n_slots; i++) {
        grus_slot *slot = &bench->work.slots[i];
        double from = grus_seconds(), cpu_from = grus_benchmark_cpu_seconds();
        grus_status status = infer_slot(bench, &bench->threads[0], slot, error);
        bench->apart += grus_seconds() - from;
        bench->apart_cpu += grus_benchmark_cpu_seconds() - cpu_from;
        grus_buffer_clear(&slot->out);
        if (status == GRUS_OK)
            status = grus_format_slot(&bench->job, bench->work.kinds[i], slot, bench->threads[0].results, error);
        if (status != GRUS_OK)
            return status;
    }
    return GRUS_OK;
}

grus_status grus_benchmark_format(grus_benchmark_state *bench, grus_error *error)
{
    const grus_benchmark_repeated repeated = {"format", 1, GRUS_BENCHMARK_LEAST, format_all};
    grus_benchmark_part *part;
    bench->infer = bench->job.infer;
    grus_status status = grus_benchmark_measure(bench, &repeated, &part, error);
    if (status == GRUS_OK)
        part->bytes = (double)grus_benchmark_output_bytes(&bench->work);
    return status;
}
