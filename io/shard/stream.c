// stream.c: plain and zstd byte streams. Frame boundaries are watched here, so that a cut frame, or garbage behind the
// last one, is never taken for the end.
#include "config.h"

#include "io/shard/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define RAW_BYTES ((size_t)96) // small inputs have borders too
#define TEXT_BYTES ((size_t)64)
#else
#define RAW_BYTES ((size_t)256 << 10)
#define TEXT_BYTES ((size_t)256 << 10)
#endif
#define WINDOW_LOG_MAX 27 // 128 MiB, what `zstd -d` accepts unasked
#define MAGIC_BYTES 4
#define FRAME_HEADER_MOST 18 // bytes

enum state { STATE_START, STATE_PLAIN, STATE_BETWEEN, STATE_FRAME, STATE_END };

struct grus_stream {
    char *path;
    int fd;
    bool standard; // standard input, not ours to close
    enum state state;
    unsigned char *raw; // (RAW_BYTES), read but not consumed: raw_at … raw_size
    size_t raw_at, raw_size;
    bool raw_end;         // nothing is left to read
    uint64_t frame_start; // where the frame that is being read began
    uint64_t frame_text;  // bytes that its header promises, or ZSTD_CONTENTSIZE_…
    uint64_t frame_given; // bytes of it so far
    char *text;           // (TEXT_BYTES), decompressed; NULL for plain
    ZSTD_DCtx *zstd;      // NULL for plain
    XXH64_state_t *hash;
    grus_stream_counts counts;
    uint64_t expected_bytes, expected_xxh64; // of the file's beginning; 0 bytes: nothing is expected
    bool met;
};

static bool named_zst(const char *path)
{
    size_t length = strlen(path);
    return length >= 4 && strcmp(path + length - 4, ".zst") == 0;
}

grus_status grus_stream_open(const char *path, grus_stream **stream_out, grus_error *error)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : grus_fd_open(path, GRUS_E_INPUT, error);
    if (fd < 0)
        return GRUS_E_INPUT;
    grus_stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        if (!standard)
            close(fd);
        return grus_fail_memory(error, sizeof *stream);
    }
    stream->fd = fd;
    stream->standard = standard;
    stream->path = strdup(path);
    stream->raw = malloc(RAW_BYTES);
    stream->hash = XXH64_createState();
    if (!stream->path || !stream->raw || !stream->hash || XXH64_reset(stream->hash, 0) != XXH_OK) {
        grus_stream_close(stream);
        return grus_fail_memory(error, RAW_BYTES);
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *stream_out = stream;
    return GRUS_OK;
}

void grus_stream_close(grus_stream *stream)
{
    if (!stream)
        return;
    ZSTD_freeDCtx(stream->zstd);
    XXH64_freeState(stream->hash);
    if (!stream->standard)
        close(stream->fd);
    free(stream->text);
    free(stream->raw);
    free(stream->path);
    free(stream);
}

static uint64_t offset(const grus_stream *stream)
{
    return stream->counts.bytes_in - (stream->raw_size - stream->raw_at);
}

static grus_status damaged(const grus_stream *stream, grus_error *error, const char *what, const char *why)
{
    char place[40];
    snprintf(place, sizeof place, "byte %" PRIu64, offset(stream));
    return grus_fail(error, GRUS_E_INPUT, stream->path, place, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

static size_t available(const grus_stream *stream)
{
    return stream->raw_size - stream->raw_at;
}

// Takes in the bytes that were read just now. A hash that is expected inside them is compared on the way.
static void count_bytes(grus_stream *stream, const unsigned char *data, size_t size)
{
    uint64_t before = stream->counts.bytes_in, until = stream->expected_bytes;
    stream->counts.bytes_in += size;
    if (until > before && until - before <= size) {
        size_t part = (size_t)(until - before);
        XXH64_update(stream->hash, data, part);
        stream->met = XXH64_digest(stream->hash) == stream->expected_xxh64;
        data += part;
        size -= part;
    }
    XXH64_update(stream->hash, data, size);
}

// Makes at least need bytes available, unless the file ends before.
static grus_status fill(grus_stream *stream, size_t need, grus_error *error)
{
    if (available(stream) >= need || stream->raw_end)
        return GRUS_OK;
    memmove(stream->raw, stream->raw + stream->raw_at, available(stream));
    stream->raw_size = available(stream);
    stream->raw_at = 0;
    while (stream->raw_size < need && !stream->raw_end) {
        ssize_t n = read(stream->fd, stream->raw + stream->raw_size, RAW_BYTES - stream->raw_size);
        size_t got = n > 0 ? (size_t)n : 0;
        // Anything but data goes through the reader that knows what may be tried again.
        if (n < 0 && !grus_fd_read(stream->fd, stream->raw + stream->raw_size, 1, &got))
            return damaged(stream, error, "cannot be read", strerror(errno));
        stream->raw_end = got == 0;
        count_bytes(stream, stream->raw + stream->raw_size, got);
        stream->raw_size += got;
    }
    return GRUS_OK;
}

enum magic { MAGIC_NONE, MAGIC_FRAME, MAGIC_SKIPPABLE };

static enum magic magic_ahead(const grus_stream *stream)
{
    if (available(stream) < MAGIC_BYTES)
        return MAGIC_NONE;
    const unsigned char *at = stream->raw + stream->raw_at;
    uint32_t magic = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    if (magic == ZSTD_MAGICNUMBER)
        return MAGIC_FRAME;
    return (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START ? MAGIC_SKIPPABLE : MAGIC_NONE;
}

static grus_status begin_zstd(grus_stream *stream, grus_error *error)
{
    stream->text = malloc(TEXT_BYTES);
    stream->zstd = ZSTD_createDCtx();
    if (!stream->text || !stream->zstd)
        return grus_fail_memory(error, TEXT_BYTES);
    size_t result = ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    if (ZSTD_isError(result))
        return damaged(stream, error, "zstd", ZSTD_getErrorName(result));
    stream->state = STATE_BETWEEN;
    return GRUS_OK;
}

static grus_status start(grus_stream *stream, grus_error *error)
{
    grus_status status = fill(stream, MAGIC_BYTES, error);
    if (status)
        return status;
    if (magic_ahead(stream) != MAGIC_NONE)
        return begin_zstd(stream, error);
    if (available(stream) > 0 && named_zst(stream->path))
        return damaged(stream, error, "is named .zst and does not begin with a zstd frame", NULL);
    stream->state = STATE_PLAIN;
    return GRUS_OK;
}

static grus_status begin_frame(grus_stream *stream, grus_error *error)
{
    grus_status status = fill(stream, FRAME_HEADER_MOST, error);
    if (status)
        return status;
    switch (magic_ahead(stream)) {
    case MAGIC_FRAME:
        stream->counts.frames++;
        break;
    case MAGIC_SKIPPABLE:
        stream->counts.skippable_frames++;
        break;
    case MAGIC_NONE:
        if (available(stream) > 0)
            return damaged(stream, error, "bytes that are no zstd frame follow the last one", NULL);
        stream->state = STATE_END;
        return GRUS_OK;
    }
    stream->frame_start = offset(stream);
    stream->frame_text = ZSTD_getFrameContentSize(stream->raw + stream->raw_at, available(stream));
    stream->frame_given = 0;
    stream->state = STATE_FRAME;
    return GRUS_OK;
}

static grus_status bad_frame(const grus_stream *stream, size_t result, grus_error *error)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
        return grus_fail_memory(error, (size_t)1 << WINDOW_LOG_MAX);
    if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
        return damaged(stream, error, "the zstd frame asks for a window of more than 128 MiB", NULL);
    char what[120];
    snprintf(what, sizeof what, "the zstd frame that began at byte %" PRIu64 " is damaged here or soon after",
             stream->frame_start);
    return damaged(stream, error, what, ZSTD_getErrorName(result));
}

// libzstd 1.5.4 does not see a frame that ends before its promised size with an empty block.
static bool keeps_promise(const grus_stream *stream)
{
    return stream->frame_text == ZSTD_CONTENTSIZE_UNKNOWN || stream->frame_text == ZSTD_CONTENTSIZE_ERROR ||
           stream->frame_text == stream->frame_given;
}

// Some of the frame's content, possibly none.
static grus_status decompress(grus_stream *stream, size_t *size, grus_error *error)
{
    grus_status status = fill(stream, 1, error);
    if (status)
        return status;
    ZSTD_inBuffer in = {stream->raw, stream->raw_size, stream->raw_at};
    ZSTD_outBuffer out = {stream->text, TEXT_BYTES, 0};
    size_t before = in.pos, result = ZSTD_decompressStream(stream->zstd, &out, &in);
    if (ZSTD_isError(result))
        return bad_frame(stream, result, error);
    stream->raw_at = in.pos;
    *size = out.pos;
    stream->frame_given += out.pos;
    if (result == 0 && !keeps_promise(stream))
        return damaged(stream, error, "the zstd frame has not the size that its header promises", NULL);
    if (result == 0)
        stream->state = STATE_BETWEEN;
    else if (out.pos == 0 && in.pos == before)
        return damaged(stream, error, "the zstd frame is cut short: the file ends inside it", NULL);
    return GRUS_OK;
}

grus_status grus_stream_next(grus_stream *stream, const char **data, size_t *size, grus_error *error)
{
    *data = "";
    *size = 0;
    grus_status status = GRUS_OK;
    while (!status && *size == 0 && stream->state != STATE_END) {
        switch (stream->state) {
        case STATE_START:
            status = start(stream, error);
            break;
        case STATE_PLAIN:
            status = fill(stream, 1, error);
            *data = (const char *)stream->raw + stream->raw_at;
            *size = available(stream);
            stream->raw_at = stream->raw_size;
            if (*size == 0)
                stream->state = STATE_END;
            break;
        case STATE_BETWEEN:
            status = begin_frame(stream, error);
            break;
        case STATE_FRAME:
            status = decompress(stream, size, error);
            *data = stream->text;
            break;
        case STATE_END:
            break;
        }
    }
    if (status)
        *size = 0;
    stream->counts.bytes_out += *size;
    return status;
}

grus_stream_counts grus_stream_count(const grus_stream *stream)
{
    grus_stream_counts counts = stream->counts;
    counts.xxh64 = XXH64_digest(stream->hash);
    return counts;
}

void grus_stream_expect(grus_stream *stream, uint64_t bytes, uint64_t xxh64)
{
    stream->expected_bytes = bytes;
    stream->expected_xxh64 = xxh64;
    stream->met = stream->counts.bytes_in == bytes && XXH64_digest(stream->hash) == xxh64;
}

bool grus_stream_met(const grus_stream *stream)
{
    return stream->met;
}

size_t grus_stream_memory(void)
{
    // The window, and what zstd keeps beside it: tables, one block of input, one of output.
    return RAW_BYTES + TEXT_BYTES + ((size_t)1 << WINDOW_LOG_MAX) + ((size_t)1 << 20);
}
