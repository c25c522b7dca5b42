// worker.c: a slot's records to its output.
#include "config.h"

#include "scheduler/worker.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/philox.h"
#include "engine/search_rules.h"
#include "scheduler/clock.h"
#include "scheduler/format.h"

// A key for each sequence, by the seed, the shard and the number of the record.
static bool make_keys(grus_worker *worker, const grus_slot *slot, grus_batch *batch)
{
    void *keys = worker->keys;
    if (!grus_grow(&keys, &worker->keys_capacity, slot->n_sequences, sizeof *worker->keys))
        return false;
    worker->keys = keys;
    grus_slot_place place = {0};
    grus_slot_entry entry;
    for (size_t n = 0; grus_slot_next(slot, &place, &entry);)
        if (!entry.error)
            worker->keys[n++] = grus_philox(worker->job->options->seed, slot->shard_key, entry.number);
    batch->keys = worker->keys;
    return true;
}

grus_status grus_worker_infer(grus_worker *worker, grus_slot *slot, grus_error *error)
{
    const grus_job *job = worker->job;
    if (slot->n_sequences == 0)
        return GRUS_OK;
    void *results = worker->results;
    if (!grus_grow(&results, &worker->results_capacity, slot->n_sequences, sizeof *worker->results))
        return grus_fail_memory(error, slot->n_sequences * sizeof *worker->results);
    worker->results = results;
    if (!worker->arena)
        worker->arena = grus_arena_new(0);
    if (!worker->arena)
        return grus_fail_memory(error, sizeof(void *));
    grus_batch batch = grus_slot_batch(slot);
    if (job->hypotheses && grus_search_samples(&job->infer.search) && !make_keys(worker, slot, &batch))
        return grus_fail_memory(error, slot->n_sequences * sizeof *worker->keys);
    grus_work work = {worker->arena, worker->stop, &slot->stats, error};
    return grus_infer(job->model->engine, &batch, &job->infer, &work, worker->results);
}

void grus_worker_settle(grus_worker *worker, const grus_slot *slot)
{
    if (slot->big && !worker->keeps_big) {
        grus_arena_free(worker->arena);
        worker->arena = NULL;
    }
}

grus_status grus_worker_compute(grus_worker *worker, grus_shard_kind kind, grus_slot *slot, grus_error *error)
{
    grus_status status = grus_worker_infer(worker, slot, error);
    if (status == GRUS_OK)
        status = grus_format_slot(worker->job, kind, slot, worker->results, error);
    grus_worker_settle(worker, slot);
    return status;
}

void grus_worker_free(grus_worker *worker)
{
    grus_arena_free(worker->arena);
    free(worker->results);
    free(worker->keys);
}

void grus_worker_run(grus_shared *shared)
{
    grus_worker worker = {
        .job = shared->job, .stop = shared->stop, .keeps_big = shared->plan->big_slots >= shared->plan->threads};
    for (grus_slot *slot; (slot = grus_queue_take(shared->queue)) != NULL;) {
        const grus_shard *shard = &shared->shards->list[slot->shard];
        grus_error error;
        double from = grus_seconds();
        if (!slot->skip && !slot->failed && grus_worker_compute(&worker, shard->kind, slot, &error) != GRUS_OK) {
            grus_error_in_file(&error, shard->path);
            grus_slot_fail(slot, &error);
        }
        slot->seconds = grus_seconds() - from;
        grus_queue_finish(shared->queue, slot);
    }
    grus_worker_free(&worker);
}
