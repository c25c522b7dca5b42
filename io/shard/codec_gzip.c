// codec_gzip.c: gzip (RFC 1952) by zlib: many members, those of bgzip too, each with its CRC and length verified, and zeros
// behind the last one, as tapes leave them. Anything else there is never taken for the end: gzip itself would drop it. What
// is written is one member, without a name or a time.
#include "config.h"

#include "io/shard/codec.h"

#define NOT_BEGUN "is named .gz and does not begin with a gzip member"
#define NO_BYTES "is named .gz and has no bytes: a file that was cut (gzip makes 20 bytes or more of nothing)"

static bool begins(const grus_raw *raw)
{
    const unsigned char *at = raw->data + raw->at;
    return grus_raw_available(raw) >= 2 && at[0] == 0x1f && at[1] == 0x8b;
}

static bool may_begin(const grus_raw *raw)
{
    return grus_raw_available(raw) == 1 && raw->data[raw->at] == 0x1f;
}

#ifdef GRUS_ZLIB

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#define ZLIB_CONST // what is read is never written to
#include <zlib.h>

#include "base/error.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define TEXT_BYTES ((size_t)64) // small inputs have borders too
#else
#define TEXT_BYTES ((size_t)256 << 10)
#endif
#define WINDOW_LOG 15                     // the largest that deflate has
#define GZIP_ONLY 16                      // added to it: no zlib streams, no raw ones
#define MEM_LEVEL 8                       // gzip's own
#define INFLATE_BYTES ((size_t)64 << 10)  // the window, and less than 16 KiB of tables
#define DEFLATE_BYTES ((size_t)512 << 10) // zlib takes 264 KiB, zlib-ng less than this
#define OUT_BYTES ((size_t)128 << 10)

// ---- reading ----

typedef struct gzip_reader {
    z_stream zlib;         // all zero before it is made
    char *text;            // (TEXT_BYTES), decompressed
    bool in_member;        // one was begun and has not ended
    uint64_t member_start; // where the one that is being read began
    grus_codec_counts counts;
} gzip_reader;

static void close_reader(void *state)
{
    gzip_reader *reader = state;
    if (!reader)
        return;
    inflateEnd(&reader->zlib);
    free(reader->text);
    free(reader);
}

static grus_status open_reader(grus_raw *raw, unsigned window_log, void **state, grus_error *error)
{
    (void)raw;
    (void)window_log;
    gzip_reader *reader = *state = calloc(1, sizeof *reader);
    if (!reader)
        return grus_fail_memory(error, sizeof *reader);
    reader->text = malloc(TEXT_BYTES);
    if (!reader->text || inflateInit2(&reader->zlib, WINDOW_LOG + GZIP_ONLY) != Z_OK)
        return grus_fail_memory(error, TEXT_BYTES);
    return GRUS_OK;
}

// *end: zeros alone, or nothing, are left.
static grus_status pass_zeros(grus_raw *raw, bool *end, grus_error *error)
{
    grus_status status = GRUS_OK;
    while (!status && grus_raw_available(raw) > 0) {
        if (raw->data[raw->at] != 0)
            return grus_raw_damaged(raw, error, "bytes that are no gzip member follow the last one", NULL);
        grus_raw_pass(raw, 1);
        status = grus_raw_fill(raw, 1, error);
    }
    *end = !status;
    return status;
}

// *end: there is no further one.
static grus_status begin_member(gzip_reader *reader, grus_raw *raw, bool *end, grus_error *error)
{
    grus_status status = grus_raw_fill(raw, 2, error);
    if (status)
        return status;
    if (!begins(raw))
        return pass_zeros(raw, end, error);
    inflateReset(&reader->zlib);
    reader->counts.frames++;
    reader->member_start = grus_raw_offset(raw);
    reader->in_member = true;
    return GRUS_OK;
}

static grus_status bad_member(const gzip_reader *reader, const grus_raw *raw, const char *how, const char *why,
                              grus_error *error)
{
    char what[120];
    snprintf(what, sizeof what, "the gzip member that began at byte %" PRIu64 " is %s", reader->member_start, how);
    return grus_raw_damaged(raw, error, what, why);
}

// Some of the member's content, possibly none.
static grus_status decompress(gzip_reader *reader, grus_raw *raw, size_t *size, grus_error *error)
{
    grus_status status = grus_raw_fill(raw, 1, error);
    if (status)
        return status;
    z_stream *zlib = &reader->zlib;
    size_t before = grus_raw_available(raw);
    zlib->next_in = raw->data + raw->at;
    zlib->avail_in = (uInt)before;
    zlib->next_out = (Bytef *)reader->text;
    zlib->avail_out = (uInt)TEXT_BYTES;
    int result = inflate(zlib, Z_NO_FLUSH);
    grus_raw_pass(raw, before - zlib->avail_in);
    if (result == Z_MEM_ERROR)
        return grus_fail_memory(error, INFLATE_BYTES);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return bad_member(reader, raw, "damaged here or before", zlib->msg, error);
    *size = TEXT_BYTES - zlib->avail_out;
    reader->in_member = result != Z_STREAM_END;
    if (reader->in_member && *size == 0 && zlib->avail_in == before)
        return bad_member(reader, raw, "cut short: the file ends inside it", NULL, error);
    return GRUS_OK;
}

static grus_status next(void *state, grus_raw *raw, const char **data, size_t *size, grus_error *error)
{
    gzip_reader *reader = state;
    grus_status status = GRUS_OK;
    bool end = false;
    *data = reader->text;
    *size = 0;
    while (!status && *size == 0 && !end)
        status = reader->in_member ? decompress(reader, raw, size, error) : begin_member(reader, raw, &end, error);
    return status;
}

static grus_codec_counts count(const void *state)
{
    const gzip_reader *reader = state;
    return reader->counts;
}

static size_t memory(unsigned window_log)
{
    (void)window_log;
    return TEXT_BYTES + INFLATE_BYTES;
}

// ---- writing ----

static void levels(int *least, int *most)
{
    *least = Z_BEST_SPEED;
    *most = Z_BEST_COMPRESSION;
}

static void free_compressor(void *compressor)
{
    if (compressor)
        deflateEnd(compressor);
    free(compressor);
}

static void *make_compressor(int level)
{
    z_stream *zlib = calloc(1, sizeof *zlib);
    if (zlib && level > Z_BEST_COMPRESSION)
        level = Z_BEST_COMPRESSION;
    if (zlib && level < Z_BEST_SPEED)
        level = Z_BEST_SPEED;
    if (zlib && deflateInit2(zlib, level, Z_DEFLATED, WINDOW_LOG + GZIP_ONLY, MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
        return zlib;
    free(zlib);
    return NULL;
}

static size_t out_capacity(void)
{
    return OUT_BYTES;
}

static const char *compress_step(void *compressor, grus_codec_step *step)
{
    z_stream *zlib = compressor;
    zlib->next_in = (const Bytef *)step->content;
    zlib->avail_in = (uInt)step->content_bytes;
    zlib->next_out = (Bytef *)step->out;
    zlib->avail_out = (uInt)step->out_capacity;
    int result = deflate(zlib, step->end ? Z_FINISH : Z_NO_FLUSH);
    // Z_BUF_ERROR: there was nothing to do.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return zlib->msg ? zlib->msg : "zlib failed";
    step->content += step->content_bytes - zlib->avail_in;
    step->content_bytes = zlib->avail_in;
    step->out_bytes = step->out_capacity - zlib->avail_out;
    step->more = step->end ? result != Z_STREAM_END : step->content_bytes > 0 || zlib->avail_out == 0;
    return NULL;
}

static size_t compressor_memory(int level)
{
    (void)level;
    return DEFLATE_BYTES;
}

const grus_codec grus_codec_gzip = {
    .suffix = ".gz",
    .begins = begins,
    .may_begin = may_begin,
    .not_begun = NOT_BEGUN,
    .no_bytes = NO_BYTES,
    .open = open_reader,
    .next = next,
    .count = count,
    .close = close_reader,
    .memory = memory,
    .levels = levels,
    .compressor = make_compressor,
    .out_capacity = out_capacity,
    .compress = compress_step,
    .free_compressor = free_compressor,
    .compressor_memory = compressor_memory,
};

#else // without zlib such files are known, and refused

static grus_status refuse(grus_raw *raw, unsigned window_log, void **state, grus_error *error)
{
    (void)window_log;
    *state = NULL;
    return grus_raw_damaged(raw, error, "is gzip, and this grus was built without zlib (Debian package: zlib1g-dev)",
                            NULL);
}

static void close_nothing(void *state)
{
    (void)state;
}

static size_t no_memory(unsigned window_log)
{
    (void)window_log;
    return 0;
}

const grus_codec grus_codec_gzip = {
    .suffix = ".gz",
    .begins = begins,
    .may_begin = may_begin,
    .not_begun = NOT_BEGUN,
    .no_bytes = NO_BYTES,
    .open = refuse,
    .close = close_nothing,
    .memory = no_memory,
};

#endif
