// benchmark_cut.c: shards as far as they are wanted, and a copy of the beginning of the one that is wanted in part.
#include "config.h"

#include "api/benchmark_cut.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/outdir/outdir.h"
#include "io/outdir/output.h"

// Bytes up to the end of the last of `left` lines, or all; left is counted down.
static size_t bytes_of_lines(const char *data, size_t size, size_t *left)
{
    const char *at = data, *end;
    for (; *left && (end = memchr(at, '\n', size - (size_t)(at - data))) != NULL; (*left)--)
        at = end + 1;
    return *left ? size : (size_t)(at - data);
}

// *whole: the shard ended before there was more than `left` records; these are counted down.
static grus_status copy_lines(grus_stream *stream, grus_output *output, size_t *left, bool *whole, grus_error *error)
{
    bool open_line = false;
    for (;;) {
        const char *data;
        size_t size;
        grus_status status = grus_stream_next(stream, &data, &size, error);
        if (status != GRUS_OK)
            return status;
        *whole = size == 0;
        if (*whole || *left == 0)
            break;
        size_t bytes = bytes_of_lines(data, size, left);
        status = grus_output_write(output, data, bytes, error);
        if (status != GRUS_OK || bytes < size)
            return status;
        open_line = data[size - 1] != '\n';
    }
    *left -= *whole && open_line;
    return GRUS_OK;
}

static grus_status copy_shard(const grus_benchmark_work *work, const grus_shard *shard, const char *dir, size_t *left,
                              bool *whole, grus_error *error)
{
    const char *suffix = shard->name + strlen(shard->stem);
    grus_stream *stream;
    grus_output *output;
    grus_status status = grus_stream_open(shard->path, work->job->options->window_log, &stream, error);
    if (status != GRUS_OK)
        return status;
    status = grus_output_open(dir, shard->stem, suffix, work->job->options->level, &output, error);
    if (status == GRUS_OK) {
        status = copy_lines(stream, output, left, whole, error);
        grus_manifest manifest = {
            .input = shard->stem, .kernel = work->job->model->facts.kernel, .version = grus_version()};
        if (status == GRUS_OK && !*whole)
            status = grus_output_commit(output, &manifest, error);
        else
            grus_output_discard(output);
    }
    grus_stream_close(stream);
    return status;
}

grus_status grus_benchmark_cut(const grus_benchmark_work *work, size_t records, const char *dir,
                               grus_benchmark_inputs *inputs, grus_error *error)
{
    const grus_shards *shards = &work->shards;
    inputs->list = calloc(grus_max(shards->n, 1), sizeof *inputs->list);
    if (!inputs->list)
        return grus_fail_memory(error, shards->n * sizeof *inputs->list);
    grus_status status = grus_outdir_prepare(dir, error);
    while (status == GRUS_OK && inputs->n < shards->n && records) {
        const grus_shard *shard = &shards->list[inputs->n];
        bool whole = true;
        status = shard->fault ? grus_shard_fault(shard, error) : copy_shard(work, shard, dir, &records, &whole, error);
        if (status == GRUS_OK && !whole && !(inputs->copy = grus_outdir_output(dir, shard->name, "")))
            status = grus_fail_memory(error, strlen(dir));
        inputs->list[inputs->n++] = whole ? shard->path : inputs->copy;
    }
    inputs->is_cut = inputs->copy || inputs->n < shards->n;
    return status;
}

void grus_benchmark_inputs_free(grus_benchmark_inputs *inputs)
{
    free(inputs->list);
    free(inputs->copy);
    *inputs = (grus_benchmark_inputs){0};
}
