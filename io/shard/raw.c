// raw.c: reads into one block.
#include "config.h"

#include "io/shard/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "io/file.h"

grus_status grus_raw_open(const char *path, grus_raw *raw, grus_error *error)
{
    *raw = (grus_raw){.fd = -1, .standard = strcmp(path, "-") == 0};
    raw->fd = raw->standard ? STDIN_FILENO : grus_fd_open_regular(path, GRUS_E_INPUT, error);
    if (raw->fd < 0)
        return GRUS_E_INPUT;
    raw->path = strdup(path);
    raw->data = malloc(GRUS_RAW_BYTES);
    raw->hash = XXH64_createState();
    if (!raw->path || !raw->data || !raw->hash || XXH64_reset(raw->hash, 0) != XXH_OK)
        return grus_fail_memory(error, GRUS_RAW_BYTES);
    if (!raw->standard && !grus_fd_facts(raw->fd, &raw->facts))
        return grus_fail_errno(error, GRUS_E_INPUT, path, "cannot be examined");
    posix_fadvise(raw->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return GRUS_OK;
}

void grus_raw_close(grus_raw *raw)
{
    XXH64_freeState(raw->hash);
    if (!raw->standard && raw->fd >= 0)
        close(raw->fd);
    free(raw->data);
    free(raw->path);
}

grus_status grus_raw_damaged(const grus_raw *raw, grus_error *error, const char *what, const char *why)
{
    char place[40];
    snprintf(place, sizeof place, "byte %" PRIu64, grus_raw_offset(raw));
    return grus_fail(error, GRUS_E_INPUT, raw->path, place, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

// Takes in the bytes that were read just now. A hash that is expected inside them is compared on the way.
static void count_bytes(grus_raw *raw, const unsigned char *data, size_t size)
{
    uint64_t before = raw->bytes, until = raw->expected_bytes;
    raw->bytes += size;
    if (until > before && until - before <= size) {
        size_t part = (size_t)(until - before);
        XXH64_update(raw->hash, data, part);
        raw->met = XXH64_digest(raw->hash) == raw->expected_xxh64;
        data += part;
        size -= part;
    }
    XXH64_update(raw->hash, data, size);
}

// At the end of a regular file: what was read must be what it was when it was opened, and must be so still.
static grus_status check_facts(const grus_raw *raw, grus_error *error)
{
    const grus_file_facts *before = &raw->facts;
    if (!before->regular)
        return GRUS_OK;
    grus_file_facts after;
    if (!grus_fd_facts(raw->fd, &after))
        return grus_fail_errno(error, GRUS_E_INPUT, raw->path, "cannot be examined");
    if (before->bytes != after.bytes || before->bytes != raw->bytes)
        return grus_fail(error, GRUS_E_INPUT, raw->path, NULL,
                         "changed while it was read: it had %" PRIu64 " bytes when it was opened and has %" PRIu64
                         " at its end; %" PRIu64 " were read",
                         before->bytes, after.bytes, raw->bytes);
    if (before->modified != after.modified)
        return grus_fail(error, GRUS_E_INPUT, raw->path, NULL,
                         "changed while it was read: its %" PRIu64
                         " bytes were written to (time %.3f when it was opened, %.3f at its end)",
                         before->bytes, (double)before->modified / 1e9, (double)after.modified / 1e9);
    return GRUS_OK;
}

grus_status grus_raw_fill(grus_raw *raw, size_t need, grus_error *error)
{
    GRUS_ASSERT(need <= GRUS_RAW_BYTES && raw->at <= raw->size);
    if (grus_raw_available(raw) >= need || raw->end)
        return GRUS_OK;
    memmove(raw->data, raw->data + raw->at, grus_raw_available(raw));
    raw->size = grus_raw_available(raw);
    raw->at = 0;
    while (raw->size < need && !raw->end) {
        ssize_t n = read(raw->fd, raw->data + raw->size, GRUS_RAW_BYTES - raw->size);
        size_t got = n > 0 ? (size_t)n : 0;
        // Anything but data goes through the reader that knows what may be tried again.
        if (n < 0 && !grus_fd_read(raw->fd, raw->data + raw->size, 1, &got))
            return grus_raw_damaged(raw, error, "cannot be read", strerror(errno));
        raw->end = got == 0;
        count_bytes(raw, raw->data + raw->size, got);
        raw->size += got;
    }
    return raw->end ? check_facts(raw, error) : GRUS_OK;
}

void grus_raw_pass(grus_raw *raw, size_t size)
{
    GRUS_ASSERT(size <= grus_raw_available(raw));
    raw->at += size;
}

void grus_raw_expect(grus_raw *raw, uint64_t bytes, uint64_t xxh64)
{
    raw->expected_bytes = bytes;
    raw->expected_xxh64 = xxh64;
    raw->met = raw->bytes == bytes && XXH64_digest(raw->hash) == xxh64;
}
