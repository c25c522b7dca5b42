// fuzz_stream.c: shards as streams of bytes; the oracle is ZSTD_decompressDCtx on the whole file.
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/shard/lines.h"
#include "tests/fuzz/faults.h"
#include "tests/fuzz/fuzz.h"

#define OUTPUT_MAX ((size_t)3 << 17) // more than a reader's buffer; a bomb is not looked into further

static char expected[OUTPUT_MAX];

// ---- files made of frames ----

static void add_frame(fuzz_bytes *bytes, grus_buffer *file)
{
    static ZSTD_CCtx *zstd;
    static char packed[8192];
    uint8_t flags = fuzz_byte(bytes);
    size_t size = fuzz_byte(bytes), repeat = 1 + (flags & 3);
    size = size < bytes->size ? size : bytes->size;
    grus_buffer text = {0};
    for (size_t i = 0; i < repeat; i++)
        grus_buffer_append(&text, bytes->data, size);
    bytes->data += size;
    bytes->size -= size;
    if (!zstd)
        zstd = ZSTD_createCCtx();
    ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, (flags & 4) != 0);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, (flags & 8) != 0);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, 1 + (flags >> 4) % 4);
    if (flags & 128)
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, 10 + (flags >> 4) % 8);
    ZSTD_outBuffer out = {packed, sizeof packed, 0};
    ZSTD_inBuffer in = {text.data ? text.data : "", text.size, 0};
    size_t left = ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end);
    FUZZ_CHECK(left == 0);
    grus_buffer_append(file, packed, out.pos);
    grus_buffer_free(&text);
}

static void add_skippable(fuzz_bytes *bytes, grus_buffer *file)
{
    uint8_t kind = fuzz_byte(bytes), said = fuzz_byte(bytes);
    char head[8] = {(char)(0x50 | (kind & 15)), 0x2A, 0x4D, 0x18, (char)said, 0, 0, 0};
    grus_buffer_append(file, head, sizeof head);
    for (size_t i = 0; i < said; i++)
        grus_buffer_byte(file, (char)i);
}

// The input is a list of frames to make, and of bytes to put over or behind them.
static void make_file(fuzz_bytes *bytes, grus_buffer *file)
{
    while (bytes->size > 0) {
        switch (fuzz_byte(bytes) % 5) {
        case 0:
        case 1:
            add_frame(bytes, file);
            break;
        case 2:
            add_skippable(bytes, file);
            break;
        case 3:
            grus_buffer_byte(file, (char)fuzz_byte(bytes));
            break;
        default:
            if (file->size > 0) {
                size_t at = fuzz_word(bytes) % file->size;
                if (fuzz_byte(bytes) & 1)
                    file->size = at;
                else
                    file->data[at] = (char)fuzz_byte(bytes);
            }
        }
    }
}

// ---- the two readings ----

static bool begins_as_zstd(const char *data, size_t size)
{
    static const unsigned char frame[] = {0x28, 0xB5, 0x2F, 0xFD}, skippable[] = {0x2A, 0x4D, 0x18};
    if (size < 4)
        return false;
    return memcmp(data, frame, 4) == 0 ||
           (((unsigned char)data[0] & 0xF0) == 0x50 && memcmp(data + 1, skippable, 3) == 0);
}

// Reads the whole stream, or text_size bytes of it; *whole is false then. What comes has to be text (NULL: anything).
static grus_status read_stream(const char *path, const char *text, size_t text_size, bool *whole,
                               grus_stream_counts *counts, grus_error *error)
{
    grus_stream *stream;
    grus_status status = grus_stream_open(path, GRUS_WINDOW_LOG, &stream, error);
    size_t at = 0, size;
    FUZZ_CHECK(!status);
    do {
        const char *data;
        status = grus_stream_next(stream, &data, &size, error);
        *whole = size <= text_size - at;
        if (*whole && text)
            FUZZ_CHECK(memcmp(data, text + at, size) == 0);
        at += size;
    } while (!status && size > 0 && *whole);
    *counts = grus_stream_count(stream);
    grus_stream_close(stream);
    fuzz_check_error(status, error);
    return status;
}

// The lines of the same file are the lines of that text.
static void check_lines(const char *path, const char *text, size_t text_size, size_t max_record)
{
    grus_lines *input;
    grus_error error = {0};
    FUZZ_CHECK(!grus_lines_open(path, max_record, GRUS_WINDOW_LOG, &input, &error));
    size_t at = 0;
    for (;;) {
        grus_line_kind kind;
        const char *line;
        size_t length;
        FUZZ_CHECK(!grus_lines_next(input, &kind, &line, &length, &error));
        if (kind == GRUS_LINE_END)
            break;
        FUZZ_CHECK(at < text_size);
        const char *start = text + at, *end = memchr(start, '\n', text_size - at);
        size_t size = end ? (size_t)(end - start) : text_size - at;
        at += size + (end != NULL);
        size -= end && size > 0 && start[size - 1] == '\r';
        FUZZ_CHECK((kind == GRUS_LINE_TOO_LONG) == (size > max_record));
        FUZZ_CHECK(kind == GRUS_LINE_TOO_LONG ? length == 0 : length == size && memcmp(line, start, size) == 0);
    }
    FUZZ_CHECK(at == text_size && grus_lines_count(input).bytes_out == text_size);
    grus_lines_close(input);
}

// As lines, a damaged file ends with the same error.
static void check_damaged(const char *path, const grus_error *wanted, size_t max_record)
{
    grus_lines *input;
    grus_error error = {0};
    grus_line_kind kind = GRUS_LINE;
    const char *line;
    size_t length;
    FUZZ_CHECK(!grus_lines_open(path, max_record, GRUS_WINDOW_LOG, &input, &error));
    while (kind != GRUS_LINE_END && !grus_lines_next(input, &kind, &line, &length, &error))
        ;
    FUZZ_CHECK(error.status == wanted->status && !strcmp(error.place, wanted->place) &&
               !strcmp(error.cause, wanted->cause));
    grus_lines_close(input);
}

// Appends the lines of the file, each behind a byte of its kind; no more than a few where the file grows.
static grus_status append_lines(const char *path, size_t max_record, grus_buffer *lines, grus_error *error)
{
    grus_lines *input = NULL;
    grus_line_kind kind = GRUS_LINE;
    const char *line;
    size_t length;
    grus_status status = grus_lines_open(path, max_record, GRUS_WINDOW_LOG, &input, error);
    while (!status && kind != GRUS_LINE_END && lines->size < OUTPUT_MAX) {
        status = grus_lines_next(input, &kind, &line, &length, error);
        if (status || kind == GRUS_LINE_END)
            break;
        grus_buffer_byte(lines, kind == GRUS_LINE_TOO_LONG ? '!' : ' ');
        grus_buffer_append(lines, line, length);
    }
    grus_lines_close(input);
    return status;
}

// With a call refused, lines are those that come without, as far as they come; what ends them early is told.
static void check_refused(const char *path, size_t max_record, unsigned call)
{
    static grus_buffer lines, found; // their memory stays: that of the second is there before
    grus_error error = {0}, wanted = {0};
    grus_buffer_clear(&lines);
    grus_buffer_clear(&found);
    grus_status expected_status = append_lines(path, max_record, &lines, &wanted);
    grus_buffer_append(&found, lines.data, lines.size);
    grus_buffer_clear(&found);
    fuzz_refuse(call);
    grus_status status = append_lines(path, max_record, &found, &error);
    bool refused = fuzz_refuse_end();
    fuzz_check_error(status, &error);
    FUZZ_CHECK(found.size <= lines.size && (found.size == 0 || !memcmp(found.data, lines.data, found.size)));
    bool told = refused && (status == GRUS_E_MEMORY || (status == GRUS_E_INPUT && strstr(error.cause, "be read")));
    if (!told) {
        FUZZ_CHECK(status == expected_status && found.size == lines.size);
        // A read that is tried again brings other pieces, and damage is met elsewhere in them.
        FUZZ_CHECK(!status || refused || (!strcmp(error.place, wanted.place) && !strcmp(error.cause, wanted.cause)));
    }
}

static void check_absent(void)
{
    char path[512];
    grus_lines *input;
    grus_error error = {0};
    snprintf(path, sizeof path, "%s/absent", fuzz_dir());
    FUZZ_CHECK(grus_lines_open(path, 1, GRUS_WINDOW_LOG, &input, &error) == GRUS_E_INPUT);
    fuzz_check_error(GRUS_E_INPUT, &error);
}

// In one call zstd accepts runs that are longer than the frame's window, and refuses compressed blocks of no bytes; as a
// stream, like the zstd tool, it is the other way round.
static bool refused_as_stream(const char *data, size_t size)
{
    static char text[OUTPUT_MAX];
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    ZSTD_outBuffer out = {text, sizeof text, 0};
    ZSTD_inBuffer in = {data, size, 0};
    size_t result = 0;
    while (in.pos < in.size && out.pos < out.size && !ZSTD_isError(result))
        result = ZSTD_decompressStream(zstd, &out, &in);
    ZSTD_freeDCtx(zstd);
    return ZSTD_isError(result);
}

static void check_zstd(const char *path, const char *data, size_t size, size_t max_record)
{
    static ZSTD_DCtx *zstd;
    if (!zstd)
        zstd = ZSTD_createDCtx();
    size_t result = ZSTD_decompressDCtx(zstd, expected, sizeof expected, data, size);
    bool whole, refused = ZSTD_isError(result);
    grus_stream_counts counts;
    grus_error error = {0};
    grus_status status = refused ? read_stream(path, NULL, OUTPUT_MAX, &whole, &counts, &error)
                                 : read_stream(path, expected, result, &whole, &counts, &error);
    bool wide = status && strstr(error.cause, "128 MiB");
    if (!whole) {
        FUZZ_CHECK(refused);
        return;
    }
    if (!wide && (status != GRUS_OK) != refused)
        FUZZ_CHECK((status != GRUS_OK) == refused_as_stream(data, size));
    if (status) {
        FUZZ_CHECK(strncmp(error.place, "byte ", 5) == 0);
        check_damaged(path, &error, max_record);
    } else {
        FUZZ_CHECK(counts.bytes_in == size && (refused || counts.bytes_out == result));
        if (!refused)
            check_lines(path, expected, result, max_record);
    }
}

static void check_stream(const char *path, const char *data, size_t size, bool named_zst, size_t max_record)
{
    if (begins_as_zstd(data, size)) {
        check_zstd(path, data, size, max_record);
        return;
    }
    bool whole;
    grus_stream_counts counts;
    grus_error error = {0};
    grus_status status = read_stream(path, data, size, &whole, &counts, &error);
    FUZZ_CHECK((status != GRUS_OK) == (named_zst && size > 0));
    if (!status) {
        FUZZ_CHECK(whole && counts.bytes_out == size);
        check_lines(path, data, size, max_record);
    }
}

// The hash of the file's beginning is met where so many bytes are read and it is theirs.
static void check_expectation(const char *path, const char *data, size_t size, size_t bytes, bool right)
{
    grus_stream *stream;
    grus_error error = {0};
    uint64_t hash = XXH64(data, bytes < size ? bytes : size, 0);
    FUZZ_CHECK(!grus_stream_open(path, GRUS_WINDOW_LOG, &stream, &error));
    grus_stream_expect(stream, bytes, right ? hash : ~hash);
    const char *text;
    size_t n = 1, all = 0;
    while (n > 0 && all < OUTPUT_MAX && !grus_stream_next(stream, &text, &n, &error))
        all += n;
    FUZZ_CHECK(grus_stream_met(stream) == (right && bytes <= grus_stream_count(stream).bytes_in));
    grus_stream_close(stream);
}

void fuzz_stream(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    unsigned call = flags & 128 ? fuzz_byte(&bytes) : 0;
    size_t max_record = (size_t)1 << (flags >> 2) % 16;
    grus_buffer file = {0};
    if (size == 0)
        check_absent();
    if (flags & 1)
        make_file(&bytes, &file);
    else
        grus_buffer_append(&file, bytes.data, bytes.size);
    const char *content = file.data ? file.data : "";
    const char *path = fuzz_put(flags & 2 ? "shard.jsonl.zst" : "shard.jsonl", content, file.size);
    check_stream(path, content, file.size, flags & 2, max_record);
    check_expectation(path, content, file.size, file.size / 4 * (flags % 5), !(flags & 64));
    if (flags & 128)
        check_refused(path, max_record, call);
    grus_buffer_free(&file);
}
