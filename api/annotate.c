// annotate.c: grus_annotate: records in memory, batch after batch, without threads or files.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/text.h"
#include "scheduler/batcher.h"
#include "scheduler/costs.h"
#include "scheduler/job.h"
#include "scheduler/parse.h"
#include "scheduler/run_options.h"
#include "scheduler/stop.h"
#include "scheduler/worker.h"

typedef struct grus_annotation {
    grus_run_settings settings;
    grus_job job;
    grus_plan plan;
    grus_parsed parsed;
    grus_batcher batcher;
    grus_slot slot;
    grus_worker worker;
    grus_buffer output;
} grus_annotation;

// Runs the next batch of the records that wait. ended: no others come behind them.
static grus_status run_batch(grus_annotation *state, bool ended, grus_error *error)
{
    grus_slot *slot = &state->slot;
    grus_cut cut = grus_batcher_cut(&state->batcher, ended);
    grus_status status = grus_slot_reset(slot, cut.big ? &state->plan.bounds.big : &state->plan.bounds.slot, error);
    slot->big = cut.big;
    if (status == GRUS_OK)
        status = grus_batcher_move(&state->batcher, cut.records, slot, error);
    if (status == GRUS_OK)
        status = grus_worker_compute(&state->worker, GRUS_SHARD_JSONL, slot, error);
    if (status != GRUS_OK)
        return status;
    grus_buffer_append(&state->output, slot->out.data, slot->out.size);
    return state->output.failed ? grus_fail_memory(error, slot->out.size) : GRUS_OK;
}

static grus_status add_line(grus_annotation *state, const char *text, size_t length, uint64_t number, grus_error *error)
{
    const grus_job *job = &state->job;
    const grus_slot_entry *entry = &state->parsed.entry;
    bool too_long = length > job->options->max_record;
    grus_raw_line line = {GRUS_SHARD_JSONL, number, text, too_long ? 0 : length, too_long};
    grus_status status = grus_parse_line(job, &line, &state->parsed, error);
    if (status == GRUS_OK && entry->error && job->options->fail_on_error) {
        char place[32];
        snprintf(place, sizeof place, "line %" PRIu64, number);
        return grus_fail(error, GRUS_E_FAILED, NULL, place, "%s", entry->error);
    }
    while (status == GRUS_OK && !grus_batcher_has_room(&state->batcher, entry))
        status = run_batch(state, false, error);
    return status == GRUS_OK ? grus_batcher_add(&state->batcher, entry, error) : status;
}

static grus_status annotate(grus_annotation *state, const char *lines, size_t size, grus_error *error)
{
    grus_status status = grus_costs_plan(&state->job, 1, &state->plan, error);
    if (status == GRUS_OK)
        status = grus_batcher_begin(&state->batcher, error);
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
    while (status == GRUS_OK && grus_batcher_records(&state->batcher) > 0)
        status = run_batch(state, true, error);
    return status;
}

static grus_status settle(grus_annotation *state, const grus_model *model, const grus_run_options *options,
                          grus_error *error)
{
    const grus_run_options *run = &state->settings.run;
    grus_status status = grus_run_settings_read(&state->settings, model, options, error);
    if (status == GRUS_OK)
        status = grus_job_settle(&state->job, model, run, error);
    if (status == GRUS_OK && grus_format_is_numbers(run->format))
        status = grus_fail(error, GRUS_E_USAGE, NULL, "run.format", "%s is a format of whole shards",
                           grus_format_names[run->format]);
    state->worker.job = &state->job;
    state->worker.stop = grus_stop_flag(run->stop);
    state->batcher.bounds = &state->plan.bounds;
    return status;
}

static void free_state(grus_annotation *state)
{
    grus_job_free(&state->job);
    grus_buffer_free(&state->output);
    grus_parsed_free(&state->parsed);
    grus_batcher_free(&state->batcher);
    grus_slot_free(&state->slot);
    grus_worker_free(&state->worker);
    free(state);
}

grus_status grus_annotate(const grus_model *model, const grus_run_options *options, const char *lines, size_t size,
                          grus_text *output, grus_error *error)
{
    grus_error unseen;
    if (!error)
        error = &unseen;
    *output = (grus_text){0};
    grus_annotation *state = calloc(1, sizeof *state);
    if (!state)
        return grus_fail_memory(error, sizeof *state);
    grus_status status = settle(state, model, options, error);
    if (status == GRUS_OK)
        status = annotate(state, lines, size, error);
    if (status == GRUS_OK)
        status = grus_text_take(output, &state->output, error);
    free_state(state);
    return status;
}
