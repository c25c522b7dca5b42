// output.c: the bytes of an output shard: gathered into blocks of one size, so that the compressed bytes depend on the
// content alone and not on how it was handed over; compressed, hashed, written. The commit is spread over temporary.c
// (files) and manifest.c; the order of its steps is in grus_output_commit.
#include "config.h"

#include "io/outdir/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/outdir/outdir.h"
#include "io/outdir/temporary.h"
#include "io/shard/codec.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define BLOCK_BYTES ((size_t)96) // small outputs have borders too
#else
#define BLOCK_BYTES ((size_t)128 << 10)
#endif

struct grus_output {
    char *outdir, *stem, *suffix;
    bool standard;         // to standard output, never committed
    const grus_hold *hold; // NULL: none is asked for
    bool failed;           // a write was refused; nothing more is tried
    grus_temp temp;        // fd is standard output's with standard
    const grus_codec *codec;
    void *compressor; // the codec's; NULL: not compressed
    char *block;      // (BLOCK_BYTES), block_size of them waiting
    size_t block_size;
    char *out; // (out_capacity), compressed
    size_t out_capacity;
    XXH64_state_t *hash; // of the bytes written
    uint64_t bytes;      // written
};

static void free_output(grus_output *output)
{
    if (output->standard)
        output->temp.fd = -1;
    grus_temp_discard(&output->temp);
    if (output->compressor)
        output->codec->free_compressor(output->compressor);
    XXH64_freeState(output->hash);
    free(output->out);
    free(output->block);
    free(output->suffix);
    free(output->stem);
    free(output->outdir);
    free(output);
}

static grus_status make_parts(grus_output *output, const char *outdir, const char *stem, const char *suffix, int level,
                              grus_error *error)
{
    output->standard = grus_outdir_is_stdout(outdir);
    output->outdir = strdup(outdir);
    output->stem = strdup(stem);
    output->suffix = strdup(suffix);
    output->block = malloc(BLOCK_BYTES);
    output->hash = XXH64_createState();
    if (!output->outdir || !output->stem || !output->suffix || !output->block || !output->hash)
        return grus_fail_memory(error, BLOCK_BYTES);
    XXH64_reset(output->hash, 0);
    output->codec = grus_codec_of_name(suffix);
    if (!output->codec->compressor)
        return GRUS_OK;
    output->out_capacity = output->codec->out_capacity();
    output->out = malloc(output->out_capacity);
    output->compressor = output->codec->compressor(level);
    return output->out && output->compressor ? GRUS_OK : grus_fail_memory(error, output->out_capacity);
}

static grus_status open_file(grus_output *output, grus_error *error)
{
    if (output->standard) {
        output->temp.fd = STDOUT_FILENO;
        return GRUS_OK;
    }
    char *partial = grus_outdir_partials(output->outdir);
    if (!partial)
        return grus_fail_memory(error, strlen(output->outdir));
    grus_status status = grus_temp_open(partial, output->stem, "", &output->temp, error);
    free(partial);
    return status;
}

grus_status grus_output_open(const char *outdir, const char *stem, const char *suffix, int level,
                             grus_output **output_out, grus_error *error)
{
    grus_status status = grus_codec_check_level(level, error);
    if (status)
        return status;
    grus_output *output = calloc(1, sizeof *output);
    if (!output)
        return grus_fail_memory(error, sizeof *output);
    output->temp.fd = -1;
    status = make_parts(output, outdir, stem, suffix, level, error);
    if (!status)
        status = open_file(output, error);
    if (status) {
        free_output(output);
        return status;
    }
    *output_out = output;
    return GRUS_OK;
}

static grus_status write_bytes(grus_output *output, const void *data, size_t size, grus_error *error)
{
    if (!grus_fd_write(output->temp.fd, data, size))
        return grus_fail_errno(error, GRUS_E_OUTPUT, output->standard ? "standard output" : output->temp.path,
                               "cannot be written");
    XXH64_update(output->hash, data, size);
    output->bytes += size;
    return GRUS_OK;
}

// Compresses and writes the waiting block, and with end the frame's end.
static grus_status compress_block(grus_output *output, bool end, grus_error *error)
{
    grus_codec_step step = {.content = output->block,
                            .content_bytes = output->block_size,
                            .end = end,
                            .out = output->out,
                            .out_capacity = output->out_capacity};
    do {
        const char *reason = output->codec->compress(output->compressor, &step);
        if (reason)
            return grus_fail(error, GRUS_E_OUTPUT, output->temp.path, NULL, "cannot be compressed: %s", reason);
        grus_status status = write_bytes(output, output->out, step.out_bytes, error);
        if (status)
            return status;
    } while (step.more);
    output->block_size = 0;
    return GRUS_OK;
}

static grus_status flush_block(grus_output *output, bool end, grus_error *error)
{
    grus_status status;
    if (output->failed) {
        status = grus_fail(error, GRUS_E_OUTPUT, output->temp.path, NULL, "cannot go on: an earlier write failed");
    } else if (output->compressor) {
        status = compress_block(output, end, error);
    } else {
        status = write_bytes(output, output->block, output->block_size, error);
        output->block_size = 0;
    }
    output->failed = status != GRUS_OK;
    return status;
}

grus_status grus_output_write(grus_output *output, const char *data, size_t size, grus_error *error)
{
    while (grus_block_fill(output->block, BLOCK_BYTES, &output->block_size, &data, &size)) {
        grus_status status = flush_block(output, false, error);
        if (status)
            return status;
    }
    return GRUS_OK;
}

// Hashes what the file holds now, in output->block.
static grus_status hash_file(grus_output *output, grus_error *error)
{
    const char *path = output->temp.path;
    int fd = grus_fd_open_regular(path, GRUS_E_OUTPUT, error);
    if (fd < 0)
        return GRUS_E_OUTPUT;
    grus_status status = GRUS_OK;
    uint64_t bytes = 0;
    XXH64_reset(output->hash, 0);
    for (size_t got = BLOCK_BYTES; got == BLOCK_BYTES && !status; bytes += got) {
        if (!grus_fd_read(fd, output->block, BLOCK_BYTES, &got))
            status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be read");
        XXH64_update(output->hash, output->block, got);
    }
    close(fd);
    if (!status && bytes != output->bytes)
        status = grus_fail(error, GRUS_E_OUTPUT, path, NULL, "changed while it was written");
    return status;
}

grus_status grus_output_rewrite_head(grus_output *output, const char *data, size_t size, grus_error *error)
{
    grus_status status = flush_block(output, false, error);
    if (status)
        return status;
    if (lseek(output->temp.fd, 0, SEEK_SET) != 0 || !grus_fd_write(output->temp.fd, data, size))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, output->temp.path, "cannot be written");
    else
        status = hash_file(output, error);
    output->failed = status != GRUS_OK;
    return status;
}

// The finished shard exists: from another process, or from a run that was killed before it wrote the manifest.
static grus_status adopt(grus_output *output, const char *path, grus_error *error)
{
    bool equal;
    grus_status status = grus_file_equal(output->temp.path, path, &equal, error);
    if (status)
        return status;
    if (!equal)
        return grus_fail(error, GRUS_E_OUTPUT, path, NULL,
                         "is there already with other content; it is left as it was, and this result is dropped");
    return grus_dir_sync_of(path, error);
}

static grus_status place(grus_output *output, const grus_manifest *manifest, grus_error *error)
{
    GRUS_ASSERT(output->temp.fd < 0 && output->temp.path); // on the disk, and not placed before
    grus_status status = output->hold ? grus_hold_check(output->hold, error) : GRUS_OK;
    if (!status)
        status = grus_manifest_drop_stale(output->outdir, output->stem, output->suffix, manifest, error);
    if (status)
        return status;
    char *path = grus_outdir_output(output->outdir, output->stem, output->suffix);
    if (!path)
        return grus_fail_memory(error, strlen(output->outdir));
    bool exists = false;
    status = grus_temp_place(&output->temp, path, &exists, error);
    if (!status && exists)
        status = adopt(output, path, error);
    free(path);
    return status;
}

grus_status grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error)
{
    grus_status status = flush_block(output, true, error);
    if (!status && manifest) {
        manifest->output_bytes = output->bytes;
        manifest->output_xxh64 = XXH64_digest(output->hash);
    }
    if (!output->standard) {
        if (!status)
            status = grus_temp_sync(&output->temp, error);
        if (!status)
            status = place(output, manifest, error);
        if (!status)
            status = grus_manifest_write(output->outdir, output->stem, output->hold, manifest, error);
    }
    free_output(output);
    return status;
}

void grus_output_guard(grus_output *output, const grus_hold *hold)
{
    output->hold = hold;
    grus_hold_target(hold, &output->temp);
}

void grus_output_discard(grus_output *output)
{
    if (output)
        free_output(output);
}

size_t grus_output_memory(int level)
{
    return grus_add_sat(sizeof(grus_output) + BLOCK_BYTES, grus_codec_compressor_memory(level));
}
