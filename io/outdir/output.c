// output.c: the bytes of an output shard: gathered into blocks of one size, so that the compressed bytes depend on the
// content alone and not on how it was handed over; compressed, hashed, written. The commit is spread over temporary.c
// (files) and manifest.c; the order of its steps is in grus_output_commit.
#include "config.h"

#include "io/outdir/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/outdir/aside.h"
#include "io/outdir/outdir.h"
#include "io/outdir/spool.h"
#include "io/outdir/temporary.h"
#include "io/shard/codec.h"

#define ATTEMPTS 4 // at a place that others take in between

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define BLOCK_BYTES ((size_t)96) // small outputs have borders too
#else
#define BLOCK_BYTES ((size_t)128 << 10)
#endif

struct grus_output {
    char *outdir, *stem, *suffix;
    bool standard;         // to standard output, never committed
    const grus_hold *hold; // NULL: none is asked for
    grus_on_changed on_done;
    grus_error *note; // NULL: nobody asks
    bool failed;      // a write was refused; nothing more is tried
    bool ended;       // the frame is
    grus_temp temp;   // fd is standard output's with standard
    const grus_codec *codec;
    void *compressor; // the codec's; NULL: not compressed
    char *block;      // (BLOCK_BYTES), block_size of them waiting
    size_t block_size;
    grus_spool *spool; // what is written goes there while `spooling`; NULL: it was not asked for
    bool spooling;
    char *out; // (out_capacity), compressed
    size_t out_capacity;
    XXH64_state_t *hash;         // of the bytes written
    uint64_t bytes;              // written
    XXH64_state_t *content_hash; // of what they were compressed from; with a compressor alone
    uint64_t content_bytes;
};

// What is needed for writing alone.
static void free_buffers(grus_output *output)
{
    if (output->compressor)
        output->codec->free_compressor(output->compressor);
    output->compressor = NULL;
    free(output->out);
    free(output->block);
    output->out = output->block = NULL;
}

static void free_output(grus_output *output)
{
    if (output->standard)
        output->temp.fd = -1;
    grus_temp_discard(&output->temp);
    free_buffers(output);
    grus_spool_free(output->spool);
    XXH64_freeState(output->content_hash);
    XXH64_freeState(output->hash);
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
    output->content_hash = XXH64_createState();
    if (!output->out || !output->compressor || !output->content_hash)
        return grus_fail_memory(error, output->out_capacity);
    XXH64_reset(output->content_hash, 0);
    return GRUS_OK;
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
    XXH64_update(output->content_hash, output->block, output->block_size);
    output->content_bytes += output->block_size;
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

grus_status grus_output_spool(grus_output *output, grus_error *error)
{
    GRUS_ASSERT(!output->standard && output->bytes == 0 && output->block_size == 0);
    grus_status status = grus_spool_open(output->outdir, output->stem, &output->spool, error);
    output->spooling = status == GRUS_OK;
    return status;
}

grus_spool *grus_output_unspool(grus_output *output)
{
    output->spooling = false;
    return output->spool;
}

grus_status grus_output_write(grus_output *output, const char *data, size_t size, grus_error *error)
{
    if (output->spooling)
        return grus_spool_write(output->spool, data, size, error);
    while (grus_block_fill(output->block, BLOCK_BYTES, &output->block_size, &data, &size)) {
        grus_status status = flush_block(output, false, error);
        if (status)
            return status;
    }
    return GRUS_OK;
}

grus_status grus_output_flush(grus_output *output, grus_error *error)
{
    bool waits = output->standard && !output->compressor && output->block_size > 0;
    return waits ? flush_block(output, false, error) : GRUS_OK;
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

// ---- the commit ----

static void tell(const grus_output *output, const char *path, const char *what)
{
    if (output->note)
        grus_fail(output->note, GRUS_OK, path, NULL, "%s", what);
}

// Where the finished shard's place is taken by what holds the same, that stays, and the manifest is to speak of it.
static grus_status adopt(grus_output *output, const char *path, bool *same, grus_manifest *manifest, grus_error *error)
{
    grus_extent content = {output->bytes, XXH64_digest(output->hash)}, file;
    if (output->content_hash)
        content = (grus_extent){output->content_bytes, XXH64_digest(output->content_hash)};
    free_buffers(output); // reading takes no more than they did
    grus_status status = grus_taken_compare(path, &content, same, &file, error);
    if (status || !*same)
        return status;
    manifest->output_bytes = file.bytes;
    manifest->output_xxh64 = file.xxh64;
    return grus_dir_sync_of(path, error);
}

static grus_status ask_done(const grus_output *output, const char *run, bool *done, grus_error *error)
{
    grus_manifest found;
    grus_status status = grus_manifest_ask_done(output->outdir, output->stem, output->suffix, &found, done, error);
    *done = *done && strcmp(found.run, run) == 0;
    grus_manifest_free(&found);
    return status;
}

// The place is taken by what holds something else: it is set aside, unless it is the done shard and is to stay; *stays
// tells.
static grus_status clear(grus_output *output, const char *path, const char *run, bool *stays, grus_error *error)
{
    bool done;
    grus_status status = ask_done(output, run, &done, error);
    if (status)
        return status;
    *stays = done && output->on_done == GRUS_CHANGED_KEEP;
    if (*stays) {
        tell(output, path, "is done already, of other content, and is kept; this result is dropped");
        return GRUS_OK;
    }
    if (done && output->on_done != GRUS_CHANGED_REDO)
        return grus_fail(error, GRUS_E_FAILED, path, NULL,
                         "is done already, of other content; it is left as it was, and this result is dropped; "
                         "run.on_changed redo sets it aside");
    status = grus_aside_move(output->outdir, output->stem, output->suffix, output->hold, error);
    if (!status)
        tell(output, path,
             done ? "was done already, of other content; it was set aside to .grus/aside"
                  : "was there already with other content, or not to be read, and no manifest; it was set aside to "
                    ".grus/aside");
    return status;
}

// *stays: what is there is done, and this output goes.
static grus_status place(grus_output *output, const char *path, bool *stays, grus_manifest *manifest, grus_error *error)
{
    GRUS_ASSERT(output->temp.fd < 0 && output->temp.path); // on the disk, and not placed before
    grus_status status = output->hold ? grus_hold_check(output->hold, error) : GRUS_OK;
    if (!status)
        status = grus_manifest_drop_stale(output->outdir, output->stem, output->suffix, manifest, error);
    if (!status)
        status = grus_hold_folders(output->hold, path, output->stem, error);
    for (int attempt = 0; !status && !*stays && attempt < ATTEMPTS; attempt++) {
        bool exists = false, same = false;
        status = grus_temp_place(&output->temp, path, &exists, error);
        if (!status && exists)
            status = adopt(output, path, &same, manifest, error);
        if (status || !exists || same)
            return status;
        status = clear(output, path, manifest->run, stays, error);
    }
    if (status || *stays)
        return status;
    return grus_fail(error, GRUS_E_FAILED, path, NULL, "is put there by others again and again, with other content");
}

// The manifest of what is in its place. One who put the same there meanwhile is adopted in turn.
static grus_status prove(grus_output *output, char *path, grus_manifest *manifest, grus_error *error)
{
    grus_placed placed = {.path = path};
    grus_status status = GRUS_E_FAILED;
    for (int attempt = 0; status == GRUS_E_FAILED && attempt < ATTEMPTS; attempt++) {
        bool same = true;
        grus_error unread;
        if (attempt > 0 && (adopt(output, path, &same, manifest, &unread) != GRUS_OK || !same))
            return status;
        status = grus_placed_note(&placed, error);
        if (!status)
            status = grus_manifest_write(output->outdir, output->stem, output->hold, &placed, manifest, error);
    }
    return status;
}

static grus_status commit_file(grus_output *output, grus_manifest *manifest, grus_error *error)
{
    char *path = grus_outdir_output(output->outdir, output->stem, output->suffix);
    if (!path)
        return grus_fail_memory(error, strlen(output->outdir));
    bool stays = false;
    grus_status status = grus_temp_sync(&output->temp, error);
    if (!status)
        status = place(output, path, &stays, manifest, error);
    if (!status && !stays)
        status = prove(output, path, manifest, error);
    free(path);
    return status;
}

grus_status grus_output_end(grus_output *output, grus_error *error)
{
    grus_status status = flush_block(output, true, error);
    output->ended = true;
    free_buffers(output);
    return status;
}

bool grus_output_is_new(const grus_output *output)
{
    struct stat about;
    char *path = grus_outdir_output(output->outdir, output->stem, output->suffix);
    bool is_new = path && lstat(path, &about) != 0 && errno == ENOENT;
    free(path);
    return is_new;
}

grus_status grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error)
{
    grus_status status = output->ended ? GRUS_OK : flush_block(output, true, error);
    if (!status && manifest) {
        manifest->output_bytes = output->bytes;
        manifest->output_xxh64 = XXH64_digest(output->hash);
    }
    if (!status && !output->standard)
        status = commit_file(output, manifest, error);
    free_output(output);
    return status;
}

void grus_output_on_done(grus_output *output, grus_on_changed on_done, grus_error *note)
{
    output->on_done = on_done;
    output->note = note;
    if (note)
        *note = (grus_error){0};
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
