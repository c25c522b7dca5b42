// annotate.c: grus_annotate: records in memory, batch after batch, without threads or files.
#include "config.h"

#include "base/grus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "scheduler/pack.h"
#include "scheduler/worker.h"

typedef struct grus_annotation {
    grus_job job;
    grus_plan plan;
    grus_slot slot;
    grus_packed packed;
    grus_worker worker;
    grus_buffer output;
} grus_annotation;

// Runs what is in the slot and makes it empty.
static grus_status flush(grus_annotation *state, const grus_slot_bounds *next, grus_error *error)
{
    grus_slot *slot = &state->slot;
    grus_status status = GRUS_OK;
    if (slot->n_records)
        status = grus_worker_compute(&state->worker, GRUS_SHARD_JSONL, slot, error);
    if (status != GRUS_OK)
        return status;
    grus_buffer_append(&state->output, slot->out.data, slot->out.size);
    if (state->output.failed)
        return grus_fail_memory(error, slot->out.size);
    status = grus_slot_reset(slot, next, error);
    slot->big = next == &state->plan.big;
    return status;
}

static grus_status add_line(grus_annotation *state, const char *line, size_t length, uint64_t number, grus_error *error)
{
    const grus_plan *plan = &state->plan;
    grus_packed *packed = &state->packed;
    bool too_long = length > state->job.options->max_record;
    if (too_long)
        length = 0;
    grus_status status = grus_pack_line(&state->job, GRUS_SHARD_JSONL, line, length, too_long, number, packed, error);
    if (status == GRUS_OK && packed->bad && state->job.options->fail_on_error) {
        char place[32];
        snprintf(place, sizeof place, "line %" PRIu64, number);
        return grus_fail(error, GRUS_E_FAILED, NULL, place, "%s", packed->error.cause);
    }
    bool big = grus_pack_is_big(&plan->slot, packed, length);
    if (status == GRUS_OK && !grus_pack_fits(&state->slot, &plan->slot, plan->batch_tokens, packed, length))
        status = flush(state, big ? &plan->big : &plan->slot, error);
    return status == GRUS_OK ? grus_pack_add(&state->slot, &state->job, packed, line, length, number, error) : status;
}

static grus_status annotate(grus_annotation *state, const char *lines, size_t size, grus_error *error)
{
    grus_status status = grus_job_plan(&state->job, 1, &state->plan, error);
    if (status == GRUS_OK)
        status = flush(state, &state->plan.slot, error);
    uint64_t number = 1;
    for (const char *at = lines, *end = lines + size; at < end && status == GRUS_OK; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        size_t length = (size_t)(stop - at);
        if (length && at[length - 1] == '\r')
            length--;
        status = add_line(state, at, length, number, error);
        at = newline ? newline + 1 : end;
    }
    return status == GRUS_OK ? flush(state, &state->plan.slot, error) : status;
}

grus_status grus_annotate(const grus_model *model, const grus_run_options *options, const char *lines, size_t size,
                          char **output, size_t *output_size, grus_error *error)
{
    grus_error unseen;
    if (!error)
        error = &unseen;
    *output = NULL;
    *output_size = 0;
    grus_annotation *state = calloc(1, sizeof *state);
    if (!state)
        return grus_fail_memory(error, sizeof *state);
    grus_status status = grus_job_settle(&state->job, model, options, error);
    state->worker.job = &state->job;
    if (status == GRUS_OK && options->format == GRUS_FORMAT_NPY)
        status = grus_fail(error, GRUS_E_USAGE, NULL, "--format", "npy is a format of whole shards");
    if (status == GRUS_OK)
        status = annotate(state, lines, size, error);
    if (status == GRUS_OK) {
        *output = state->output.data;
        *output_size = state->output.size;
        state->output = (grus_buffer){0};
    }
    grus_buffer_free(&state->output);
    grus_packed_free(&state->packed);
    grus_slot_free(&state->slot);
    grus_worker_free(&state->worker);
    free(state);
    return status;
}
