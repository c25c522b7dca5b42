// annotate.c: grus_annotate: lines in memory to lines in memory, without threads or files.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/batches.h"
#include "base/error.h"
#include "base/names.h"
#include "base/text.h"

typedef struct grus_annotation {
    grus_batches batches;
    grus_buffer output;
} grus_annotation;

static grus_status take_output(void *context, grus_worker *worker, grus_slot *slot, grus_error *error)
{
    grus_buffer *output = context;
    grus_status status = grus_worker_compute(worker, GRUS_SHARD_JSONL, slot, error);
    if (status != GRUS_OK)
        return status;
    grus_buffer_append(output, slot->out.data, slot->out.size);
    return output->failed ? grus_fail_memory(error, slot->out.size) : GRUS_OK;
}

static grus_status add_line(grus_batches *batches, const char *text, size_t length, uint64_t number, grus_error *error)
{
    char place[32];
    bool too_long = length > batches->job.options->max_record;
    grus_raw_line line = {GRUS_SHARD_JSONL, number, text, too_long ? 0 : length, too_long};
    snprintf(place, sizeof place, "line %" PRIu64, number);
    grus_status status = grus_parse_line(&batches->job, &line, &batches->parsed, error);
    return status == GRUS_OK ? grus_batches_add(batches, place, error) : status;
}

static grus_status annotate(grus_batches *batches, const char *lines, size_t size, grus_error *error)
{
    grus_status status = grus_batches_begin(batches, error);
    uint64_t number = 1;
    for (const char *at = lines, *end = lines + size; at < end && status == GRUS_OK; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        size_t length = (size_t)(stop - at);
        if (length && at[length - 1] == '\r')
            length--;
        status = add_line(batches, at, length, number, error);
        at = newline ? newline + 1 : end;
    }
    return status == GRUS_OK ? grus_batches_end(batches, error) : status;
}

static grus_status settle(grus_annotation *state, const grus_model *model, const grus_run_options *options,
                          grus_error *error)
{
    const grus_run_options *run = &state->batches.settings.run;
    state->batches.context = &state->output;
    state->batches.take = take_output;
    grus_status status = grus_batches_settle(&state->batches, model, options, error);
    if (status == GRUS_OK && grus_format_is_numbers(run->format))
        status = grus_fail(error, GRUS_E_USAGE, NULL, "run.format", "%s is a format of whole shards",
                           grus_format_names[run->format]);
    return status;
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
        status = annotate(&state->batches, lines, size, error);
    if (status == GRUS_OK)
        status = grus_text_take(output, &state->output, error);
    grus_batches_free(&state->batches);
    grus_buffer_free(&state->output);
    free(state);
    return status;
}
