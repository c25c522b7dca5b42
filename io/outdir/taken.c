// taken.c: compares by what was compressed: another version of the compressor gives other bytes for the same results.
#include "config.h"

#include "io/outdir/taken.h"

#include <errno.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/error.h"
#include "io/shard/stream.h"

static grus_status digest(grus_stream *stream, XXH64_state_t *hash, grus_error *error)
{
    grus_status status;
    const char *data;
    size_t size;
    XXH64_reset(hash, 0);
    while ((status = grus_stream_next(stream, &data, &size, error)) == GRUS_OK && size > 0)
        XXH64_update(hash, data, size);
    return status;
}

static grus_status digest_file(const char *path, grus_extent *content, grus_extent *file, grus_error *error)
{
    grus_stream *stream;
    XXH64_state_t *hash = XXH64_createState();
    if (!hash)
        return grus_fail_memory(error, sizeof(grus_extent));
    errno = 0;
    grus_status status = grus_stream_open(path, GRUS_WINDOW_LOG, &stream, error);
    if (status && grus_errno_is_want())
        status = grus_fail_errno(error, GRUS_E_FAILED, path, "lies there already, and cannot be looked at");
    if (!status) {
        status = digest(stream, hash, error);
        grus_stream_counts counts = grus_stream_count(stream);
        *content = (grus_extent){counts.bytes_out, XXH64_digest(hash)};
        *file = (grus_extent){counts.bytes_in, counts.xxh64};
        grus_stream_close(stream);
    }
    XXH64_freeState(hash);
    return status;
}

// What is not there has the facts of no regular file.
static grus_status find_file(const char *path, grus_file_facts *facts, grus_error *error)
{
    struct stat about;
    bool found = lstat(path, &about) == 0;
    *facts = found ? grus_file_facts_of(&about) : (grus_file_facts){0};
    return found || errno == ENOENT ? GRUS_OK : grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be examined");
}

grus_status grus_taken_compare(const char *path, const grus_extent *content, bool *same, grus_extent *file,
                               grus_error *error)
{
    grus_file_facts facts;
    grus_extent found = {0};
    *same = false;
    grus_status status = find_file(path, &facts, error);
    if (status || !facts.regular)
        return status;
    status = digest_file(path, &found, file, error);
    if (status == GRUS_E_MEMORY || status == GRUS_E_FAILED)
        return status;
    *same = !status && found.bytes == content->bytes && found.xxh64 == content->xxh64;
    return GRUS_OK;
}

static grus_status replaced(const grus_placed *placed, grus_error *error)
{
    return grus_fail(error, GRUS_E_FAILED, placed->path, NULL,
                     "was removed or replaced by another process before its manifest was written");
}

grus_status grus_placed_note(grus_placed *placed, grus_error *error)
{
    grus_status status = find_file(placed->path, &placed->file, error);
    return status || placed->file.regular ? status : replaced(placed, error);
}

// Some file systems give a file another inode when it is asked for again.
grus_status grus_placed_check(const grus_placed *placed, grus_error *error)
{
    grus_file_facts found;
    grus_status status = find_file(placed->path, &found, error);
    bool same = found.regular && found.bytes == placed->file.bytes &&
                (found.inode == placed->file.inode || found.modified == placed->file.modified);
    return status || same ? status : replaced(placed, error);
}
