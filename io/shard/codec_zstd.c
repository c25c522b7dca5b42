// codec_zstd.c: zstd by libzstd: many frames, skippable frames, checksums verified. Frame boundaries are watched here, so
// that a cut frame, or garbage behind the last one, is never taken for the end. What is written is one frame.
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZSTD_ESTIMATECSTREAMSIZE_USINGCCTXPARAMS
#define ZSTD_STATIC_LINKING_ONLY // for the estimate of memory alone
#endif
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "io/shard/codec.h"
#include "io/shard/stream.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define TEXT_BYTES ((size_t)64) // small inputs have borders too
#else
#define TEXT_BYTES ((size_t)256 << 10)
#endif
#define FRAME_HEADER_MOST 18 // bytes
#define LONG_DISTANCE_BYTES ((size_t)16 << 20)

// ---- reading ----

typedef struct zstd_reader {
    ZSTD_DCtx *zstd;
    char *text;           // (TEXT_BYTES), decompressed
    bool in_frame;        // a frame was begun and has not ended
    unsigned window_log;  // at most
    uint64_t window;      // of that frame, bytes
    uint64_t frame_start; // where the frame that is being read began
    uint64_t frame_text;  // bytes that its header promises, or ZSTD_CONTENTSIZE_…
    uint64_t frame_given; // bytes of it so far
    grus_codec_counts counts;
} zstd_reader;

enum magic { MAGIC_NONE, MAGIC_FRAME, MAGIC_SKIPPABLE };

static enum magic magic_ahead(const grus_raw *raw)
{
    if (grus_raw_available(raw) < GRUS_CODEC_MAGIC_BYTES)
        return MAGIC_NONE;
    const unsigned char *at = raw->data + raw->at;
    uint32_t magic = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    if (magic == ZSTD_MAGICNUMBER)
        return MAGIC_FRAME;
    return (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START ? MAGIC_SKIPPABLE : MAGIC_NONE;
}

static bool may_begin(const grus_raw *raw)
{
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f}, skippable[] = {0x50, 0x2a, 0x4d};
    size_t n = grus_raw_available(raw);
    const unsigned char *at = raw->data + raw->at;
    if (n == 0 || n >= GRUS_CODEC_MAGIC_BYTES)
        return false;
    return memcmp(at, frame, n) == 0 || ((at[0] & 0xf0) == skippable[0] && memcmp(at + 1, skippable + 1, n - 1) == 0);
}

static bool begins(const grus_raw *raw)
{
    return magic_ahead(raw) != MAGIC_NONE;
}

static void close_reader(void *state)
{
    zstd_reader *reader = state;
    if (!reader)
        return;
    ZSTD_freeDCtx(reader->zstd);
    free(reader->text);
    free(reader);
}

static grus_status open_reader(grus_raw *raw, unsigned window_log, void **state, grus_error *error)
{
    zstd_reader *reader = *state = calloc(1, sizeof *reader);
    if (!reader)
        return grus_fail_memory(error, sizeof *reader);
    reader->text = malloc(TEXT_BYTES);
    reader->zstd = ZSTD_createDCtx();
    if (!reader->text || !reader->zstd)
        return grus_fail_memory(error, TEXT_BYTES);
    reader->window_log = window_log;
    size_t result = ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, (int)window_log);
    if (ZSTD_isError(result))
        return grus_raw_damaged(raw, error, "zstd", ZSTD_getErrorName(result));
    return GRUS_OK;
}

// The window that the frame header ahead asks for: RFC 8878, 3.1.1.1.2. 0 where it has none (a single segment needs as much as
// it holds) or is cut.
static uint64_t window_ahead(const grus_raw *raw)
{
    const unsigned char *at = raw->data + raw->at + GRUS_CODEC_MAGIC_BYTES;
    if (grus_raw_available(raw) < GRUS_CODEC_MAGIC_BYTES + 2)
        return 0;
    bool single_segment = at[0] & 0x20;
    unsigned exponent = at[1] >> 3, mantissa = at[1] & 7;
    uint64_t base = (uint64_t)1 << (10 + exponent);
    return single_segment ? 0 : base + base / 8 * mantissa;
}

// *end: there is no further one.
static grus_status begin_frame(zstd_reader *reader, grus_raw *raw, bool *end, grus_error *error)
{
    grus_status status = grus_raw_fill(raw, FRAME_HEADER_MOST, error);
    if (status)
        return status;
    switch (magic_ahead(raw)) {
    case MAGIC_FRAME:
        reader->counts.frames++;
        break;
    case MAGIC_SKIPPABLE:
        reader->counts.skippable_frames++;
        break;
    case MAGIC_NONE:
        if (grus_raw_available(raw) > 0)
            return grus_raw_damaged(raw, error, "bytes that are no zstd frame follow the last one", NULL);
        *end = true;
        return GRUS_OK;
    }
    reader->frame_start = grus_raw_offset(raw);
    reader->frame_text = ZSTD_getFrameContentSize(raw->data + raw->at, grus_raw_available(raw));
    reader->frame_given = 0;
    reader->window = magic_ahead(raw) == MAGIC_FRAME ? window_ahead(raw) : 0;
    if (reader->window == 0 && reader->frame_text < ZSTD_CONTENTSIZE_ERROR)
        reader->window = reader->frame_text;
    reader->counts.window = reader->window > reader->counts.window ? reader->window : reader->counts.window;
    reader->in_frame = true;
    return GRUS_OK;
}

static grus_status too_large(const zstd_reader *reader, const grus_raw *raw, grus_error *error)
{
    char what[200];
    unsigned needed = reader->window_log;
    while (needed <= GRUS_WINDOW_LOG_MOST && (uint64_t)1 << needed < reader->window)
        needed++;
    if (needed > GRUS_WINDOW_LOG_MOST)
        snprintf(what, sizeof what,
                 "the zstd frame asks for a window of %" PRIu64 " bytes, more than zstd takes itself", reader->window);
    else
        snprintf(what, sizeof what,
                 "the zstd frame asks for a window of %" PRIu64 " bytes, of which %" PRIu64
                 " are granted; run.window_log %u grants as many",
                 reader->window, (uint64_t)1 << reader->window_log, needed);
    return grus_raw_damaged(raw, error, what, NULL);
}

static grus_status bad_frame(const zstd_reader *reader, const grus_raw *raw, size_t result, grus_error *error)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
        return grus_fail_memory(error, (size_t)1 << reader->window_log);
    if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
        return too_large(reader, raw, error);
    char what[120];
    snprintf(what, sizeof what, "the zstd frame that began at byte %" PRIu64 " is damaged here or soon after",
             reader->frame_start);
    return grus_raw_damaged(raw, error, what, ZSTD_getErrorName(result));
}

// libzstd 1.5.4 does not see a frame that ends before its promised size with an empty block.
static bool keeps_promise(const zstd_reader *reader)
{
    return reader->frame_text == ZSTD_CONTENTSIZE_UNKNOWN || reader->frame_text == ZSTD_CONTENTSIZE_ERROR ||
           reader->frame_text == reader->frame_given;
}

// Some of the frame's content, possibly none.
static grus_status decompress(zstd_reader *reader, grus_raw *raw, size_t *size, grus_error *error)
{
    grus_status status = grus_raw_fill(raw, 1, error);
    if (status)
        return status;
    ZSTD_inBuffer in = {raw->data, raw->size, raw->at};
    ZSTD_outBuffer out = {reader->text, TEXT_BYTES, 0};
    size_t before = in.pos, result = ZSTD_decompressStream(reader->zstd, &out, &in);
    if (ZSTD_isError(result))
        return bad_frame(reader, raw, result, error);
    grus_raw_pass(raw, in.pos - before);
    *size = out.pos;
    reader->frame_given += out.pos;
    if (result == 0 && !keeps_promise(reader))
        return grus_raw_damaged(raw, error, "the zstd frame has not the size that its header promises", NULL);
    if (result == 0)
        reader->in_frame = false;
    else if (out.pos == 0 && in.pos == before)
        return grus_raw_damaged(raw, error, "the zstd frame is cut short: the file ends inside it", NULL);
    return GRUS_OK;
}

static grus_status next(void *state, grus_raw *raw, const char **data, size_t *size, grus_error *error)
{
    zstd_reader *reader = state;
    grus_status status = GRUS_OK;
    bool end = false;
    *data = reader->text;
    *size = 0;
    while (!status && *size == 0 && !end)
        status = reader->in_frame ? decompress(reader, raw, size, error) : begin_frame(reader, raw, &end, error);
    return status;
}

static grus_codec_counts count(const void *state)
{
    const zstd_reader *reader = state;
    return reader->counts;
}

static size_t memory(unsigned window_log)
{
    // The window, and what zstd keeps beside it: tables, one block of input, one of output.
    return TEXT_BYTES + ((size_t)1 << window_log) + ((size_t)1 << 20);
}

// ---- writing ----

static void levels(int *least, int *most)
{
    *least = ZSTD_minCLevel();
    *most = ZSTD_maxCLevel();
}

static void free_compressor(void *compressor)
{
    ZSTD_freeCCtx(compressor);
}

static void *make_compressor(int level)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (zstd && !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)))
        return zstd;
    ZSTD_freeCCtx(zstd);
    return NULL;
}

static const char *compress(void *compressor, grus_codec_step *step)
{
    ZSTD_inBuffer in = {step->content, step->content_bytes, 0};
    ZSTD_outBuffer out = {step->out, step->out_capacity, 0};
    size_t left = ZSTD_compressStream2(compressor, &out, &in, step->end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left))
        return ZSTD_getErrorName(left);
    step->content += in.pos;
    step->content_bytes -= in.pos;
    step->out_bytes = out.pos;
    step->more = step->end ? left > 0 : step->content_bytes > 0;
    return NULL;
}

#ifdef HAVE_ZSTD_ESTIMATECSTREAMSIZE_USINGCCTXPARAMS
// Without making one: at level 22 that alone takes 800 MB.
static size_t compressor_memory(int level)
{
    ZSTD_CCtx_params *parameters = ZSTD_createCCtxParams();
    size_t bytes = SIZE_MAX;
    if (parameters && !ZSTD_isError(ZSTD_CCtxParams_init(parameters, level)))
        bytes = ZSTD_estimateCStreamSize_usingCCtxParams(parameters);
    ZSTD_freeCCtxParams(parameters);
    if (ZSTD_isError(bytes))
        return SIZE_MAX;
    // At such a window zstd matches over long distances unasked, and does not say so in its estimate.
    return ZSTD_getCParams(level, ZSTD_CONTENTSIZE_UNKNOWN, 0).windowLog < 27 ? bytes : bytes + LONG_DISTANCE_BYTES;
}
#else
static size_t compressor_memory(int level)
{
    ZSTD_CCtx *zstd = make_compressor(level);
    if (!zstd)
        return SIZE_MAX;
    // What zstd takes at its first byte is all it ever takes.
    ZSTD_inBuffer in = {"", 1, 0};
    char out_bytes[64];
    ZSTD_outBuffer out = {out_bytes, sizeof out_bytes, 0};
    ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_continue);
    size_t bytes = ZSTD_sizeof_CCtx(zstd);
    ZSTD_freeCCtx(zstd);
    return bytes;
}
#endif

const grus_codec grus_codec_zstd = {
    .suffix = ".zst",
    .begins = begins,
    .may_begin = may_begin,
    .not_begun = "is named .zst and does not begin with a zstd frame",
    .no_bytes = "is named .zst and has no bytes: a file that was cut (zstd makes 9 bytes or more of nothing)",
    .open = open_reader,
    .next = next,
    .count = count,
    .close = close_reader,
    .memory = memory,
    .levels = levels,
    .compressor = make_compressor,
    .out_capacity = ZSTD_CStreamOutSize,
    .compress = compress,
    .free_compressor = free_compressor,
    .compressor_memory = compressor_memory,
};
