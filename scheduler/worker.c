// worker.c: a slot's records to its output.
#include "config.h"

#include "scheduler/worker.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "scheduler/clock.h"
#include "scheduler/format.h"

typedef struct grus_worker {
    grus_context *context;
    grus_workspace *workspace; // made at the first slot, made anew behind a big one, whose memory goes back
    grus_result *results;
    size_t results_capacity;
} grus_worker;

static grus_status infer(grus_worker *worker, grus_slot *slot, grus_error *error)
{
    const grus_job *job = worker->context->job;
    if (slot->n_sequences == 0)
        return GRUS_OK;
    void *results = worker->results;
    if (!grus_grow(&results, &worker->results_capacity, slot->n_sequences, sizeof *worker->results))
        return grus_fail_memory(error, slot->n_sequences * sizeof *worker->results);
    worker->results = results;
    if (!worker->workspace)
        worker->workspace = grus_workspace_new(job->model->engine);
    if (!worker->workspace)
        return grus_fail_memory(error, sizeof(void *));
    grus_batch batch = {
        .n = slot->n_sequences,
        .length = slot->length,
        .ids = job->record.want_features ? NULL : slot->ids.data,
        .features = job->record.want_features ? slot->features : NULL,
        .target_length = job->infer.force ? slot->target_length : NULL,
        .targets = job->infer.force ? slot->targets.data : NULL,
    };
    return grus_infer(job->model->engine, worker->workspace, &batch, &job->infer, worker->context->stop,
                      worker->results, &slot->stats, error);
}

static void work(grus_worker *worker, grus_slot *slot)
{
    grus_context *context = worker->context;
    const grus_shard *shard = &context->shards->list[slot->shard];
    grus_error error;
    double from = grus_seconds();
    grus_status status = infer(worker, slot, &error);
    if (status == GRUS_OK)
        status = grus_format_slot(context->job, shard->kind, slot, worker->results, &error);
    if (status != GRUS_OK) {
        grus_error_in_file(&error, shard->path);
        grus_slot_fail(slot, &error);
    }
    if (slot->big) {
        grus_workspace_free(worker->workspace);
        worker->workspace = NULL;
    }
    slot->seconds = grus_seconds() - from;
}

void grus_worker_run(grus_context *context)
{
    grus_worker worker = {.context = context};
    for (grus_slot *slot; (slot = grus_queue_take(context->queue)) != NULL;) {
        if (!slot->skip && !slot->failed)
            work(&worker, slot);
        grus_queue_finish(context->queue, slot);
    }
    if (worker.workspace)
        grus_workspace_free(worker.workspace);
    free(worker.results);
}
