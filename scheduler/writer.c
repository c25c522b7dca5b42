// writer.c: slots to output shards.
#include "config.h"

#include "scheduler/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/npy.h"
#include "io/output.h"
#include "scheduler/clock.h"

typedef struct grus_writer {
    grus_context *context;
    grus_output *output; // of the shard being written; NULL between shards and after a failure
    bool failed;         // this shard has
    bool interrupted;    // the engine gave up a batch because the run is to stop
    uint64_t records, records_failed;
} grus_writer;

static void fail_shard(grus_writer *writer, const grus_slot *slot, const grus_error *error)
{
    if (writer->output)
        grus_output_discard(writer->output);
    writer->output = NULL;
    writer->failed = true;
    grus_queue_abandon(writer->context->queue, slot->shard);
    if (error->status == GRUS_E_INTERRUPTED) {
        writer->interrupted = true;
        grus_queue_stop(writer->context->queue);
        return;
    }
    if (error->status != GRUS_E_OUTPUT) {
        grus_context_shard_error(writer->context, error);
        return;
    }
    writer->context->has_fatal = true;
    writer->context->fatal = *error;
    grus_queue_stop(writer->context->queue);
}

static grus_status open_output(grus_writer *writer, const grus_shard *shard, grus_error *error)
{
    const grus_job *job = writer->context->job;
    const char *outdir = writer->context->outdir;
    char suffix[32];
    size_t length = strlen(job->suffix);
    // Standard output is not compressed.
    if (strcmp(outdir, "-") == 0)
        length -= strlen(".zst");
    memcpy(suffix, job->suffix, length);
    suffix[length] = '\0';
    grus_status status = grus_output_open(outdir, shard->stem, suffix, job->options->level, &writer->output, error);
    if (status != GRUS_OK || job->options->format != GRUS_FORMAT_NPY)
        return status;
    char header[GRUS_NPY_HEADER_BYTES];
    grus_npy_header(header, 0, grus_config_output_size(&job->model->config));
    return grus_output_write(writer->output, header, sizeof header, error);
}

// Only now the number of rows is known.
static grus_status finish_npy(grus_writer *writer, grus_error *error)
{
    char header[GRUS_NPY_HEADER_BYTES];
    grus_npy_header(header, writer->records, grus_config_output_size(&writer->context->job->model->config));
    return grus_output_rewrite_head(writer->output, header, sizeof header, error);
}

static grus_status commit(grus_writer *writer, const grus_shard *shard, const grus_slot *slot, grus_error *error)
{
    grus_manifest manifest = {
        .input = strdup(shard->name),
        .input_bytes = slot->input.bytes_in,
        .input_xxh64 = slot->input.xxh64,
        .records_in = writer->records,
        .records_out = writer->records,
        .records_failed = writer->records_failed,
        .kernel = grus_kernel_name(),
        .version = grus_version(),
    };
    if (!manifest.input)
        return grus_fail_memory(error, strlen(shard->name) + 1);
    grus_status status = grus_output_commit(writer->output, &manifest, error);
    writer->output = NULL;
    free(manifest.input);
    return status;
}

static grus_status write_slot(grus_writer *writer, const grus_slot *slot, grus_error *error)
{
    const grus_shard *shard = &writer->context->shards->list[slot->shard];
    grus_status status = GRUS_OK;
    if (slot->failed) {
        *error = slot->error;
        return error->status;
    }
    if (slot->first)
        status = open_output(writer, shard, error);
    if (status == GRUS_OK && slot->out.size)
        status = grus_output_write(writer->output, slot->out.data, slot->out.size, error);
    if (status != GRUS_OK)
        return status;
    writer->records += slot->n_records;
    writer->records_failed += grus_slot_records_failed(slot);
    if (slot->last && writer->context->job->options->format == GRUS_FORMAT_NPY)
        status = finish_npy(writer, error);
    return slot->last && status == GRUS_OK ? commit(writer, shard, slot, error) : status;
}

static void take_slot(grus_writer *writer, grus_slot *slot)
{
    grus_error error;
    double from = grus_seconds();
    if (slot->first) {
        writer->failed = false;
        writer->records = writer->records_failed = 0;
    }
    bool wanted = !writer->failed;
    if (wanted && write_slot(writer, slot, &error) != GRUS_OK)
        fail_shard(writer, slot, &error);
    grus_context_add_slot(writer->context, slot, wanted, grus_seconds() - from);
    if (slot->last && !writer->interrupted)
        grus_context_add_shard(writer->context, writer->failed);
}

void *grus_writer_main(void *argument)
{
    grus_context *context = argument;
    grus_writer writer = {.context = context};
    for (grus_slot *slot; (slot = grus_queue_next(context->queue)) != NULL;) {
        take_slot(&writer, slot);
        grus_queue_release(context->queue, slot);
    }
    if (writer.output)
        grus_output_discard(writer.output);
    return NULL;
}
