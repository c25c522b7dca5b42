// fuzz_gzip.c: shards in gzip; the oracle reads headers and trailers itself, with a CRC of its own, and leaves to zlib what is
// between them.
#include "config.h"

#include "tests/fuzz/fuzz.h"

#ifdef GRUS_ZLIB

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "io/shard/stream.h"

#define OUTPUT_MAX ((size_t)3 << 17) // a bomb is not looked into further

enum field { TEXT = 1, HEADER_CRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16, RESERVED = 0xe0 };

static uint32_t crc_of(const unsigned char *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put_number(grus_buffer *to, uint32_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        grus_buffer_byte(to, (char)(number >> 8 * i));
}

static uint32_t number_at(const unsigned char *at, int bytes)
{
    uint32_t number = 0;
    for (int i = 0; i < bytes; i++)
        number |= (uint32_t)at[i] << 8 * i;
    return number;
}

// ---- files made of members ----

static void put_header(fuzz_bytes *bytes, uint8_t fields, grus_buffer *file)
{
    size_t start = file->size;
    grus_buffer_append(file, "\x1f\x8b\x08", 3);
    grus_buffer_byte(file, (char)(fields & ~RESERVED));
    put_number(file, fuzz_word(bytes), 4);
    grus_buffer_append(file, "\0\xff", 2);
    if (fields & EXTRA) {
        uint8_t length = fuzz_byte(bytes) % 40;
        put_number(file, length, 2);
        for (uint8_t i = 0; i < length; i++)
            grus_buffer_byte(file, (char)i);
    }
    if (fields & NAME)
        grus_buffer_append(file, "name", 5);
    if (fields & COMMENT)
        grus_buffer_append(file, "", 1);
    if (fields & HEADER_CRC)
        put_number(file, crc_of((unsigned char *)file->data + start, file->size - start) & 0xffff, 2);
}

static void put_member(fuzz_bytes *bytes, grus_buffer *file)
{
    static unsigned char packed[8192];
    uint8_t fields = fuzz_byte(bytes), how = fuzz_byte(bytes);
    size_t size = fuzz_byte(bytes), repeat = 1 + (how & 3);
    grus_buffer text = {0};
    put_header(bytes, fields, file);
    size = size < bytes->size ? size : bytes->size;
    for (size_t i = 0; i < repeat; i++)
        grus_buffer_append(&text, bytes->data, size);
    bytes->data += size;
    bytes->size -= size;
    z_stream zlib = {
        .next_in = (Bytef *)text.data, .avail_in = (uInt)text.size, .next_out = packed, .avail_out = sizeof packed};
    FUZZ_CHECK(deflateInit2(&zlib, (how >> 2) % 10, Z_DEFLATED, -15, 1 + (how >> 5),
                            how & 64 ? Z_FIXED : Z_DEFAULT_STRATEGY) == Z_OK);
    FUZZ_CHECK(deflate(&zlib, Z_FINISH) == Z_STREAM_END);
    grus_buffer_append(file, packed, zlib.total_out);
    deflateEnd(&zlib);
    put_number(file, crc_of((unsigned char *)text.data, text.size), 4);
    put_number(file, (uint32_t)text.size, 4);
    grus_buffer_free(&text);
}

// The input is a list of members to make, and of bytes to put over or behind them.
static void make_file(fuzz_bytes *bytes, grus_buffer *file)
{
    while (bytes->size > 0) {
        uint8_t what = fuzz_byte(bytes) % 6;
        if (what < 3)
            put_member(bytes, file);
        else if (what == 3)
            grus_buffer_byte(file, (char)fuzz_byte(bytes));
        else if (what == 4)
            for (uint8_t i = fuzz_byte(bytes); i > 0; i--)
                grus_buffer_byte(file, 0);
        else if (file->size > 0) {
            size_t at = fuzz_word(bytes) % file->size;
            uint8_t how = fuzz_byte(bytes);
            if (how & 1)
                file->size = at;
            else
                file->data[at] = (char)fuzz_byte(bytes);
        }
    }
}

// ---- the oracle ----

typedef struct gzip_file {
    const unsigned char *data; // (size), read up to at
    size_t size, at;
    unsigned char text[OUTPUT_MAX];
    size_t text_size;
    bool large; // it holds more than that
} gzip_file;

static bool pass_text(gzip_file *file)
{
    const unsigned char *end = memchr(file->data + file->at, 0, file->size - file->at);
    if (end)
        file->at = (size_t)(end - file->data) + 1;
    return end;
}

static bool take_header(gzip_file *file)
{
    size_t start = file->at;
    const unsigned char *head = file->data + start;
    if (file->size - start < 10 || head[2] != 8 || (head[3] & RESERVED))
        return false;
    uint8_t fields = head[3];
    file->at += 10;
    if (fields & EXTRA) {
        if (file->size - file->at < 2)
            return false;
        size_t length = 2 + number_at(file->data + file->at, 2);
        if (file->size - file->at < length)
            return false;
        file->at += length;
    }
    if (((fields & NAME) && !pass_text(file)) || ((fields & COMMENT) && !pass_text(file)))
        return false;
    if (!(fields & HEADER_CRC))
        return true;
    size_t covered = file->at - start;
    file->at += 2;
    return file->size >= file->at && (crc_of(head, covered) & 0xffff) == number_at(head + covered, 2);
}

static bool take_content(gzip_file *file)
{
    z_stream zlib = {.next_in = (Bytef *)(uintptr_t)(file->data + file->at),
                     .avail_in = (uInt)(file->size - file->at),
                     .next_out = file->text + file->text_size,
                     .avail_out = (uInt)(OUTPUT_MAX - file->text_size)};
    FUZZ_CHECK(inflateInit2(&zlib, -15) == Z_OK);
    int result = inflate(&zlib, Z_SYNC_FLUSH);
    file->large = result != Z_STREAM_END && zlib.avail_out == 0;
    size_t size = zlib.total_out, used = zlib.total_in;
    inflateEnd(&zlib);
    file->at += used;
    if (result != Z_STREAM_END || file->size - file->at < 8)
        return false;
    const unsigned char *trailer = file->data + file->at;
    file->at += 8;
    file->text_size += size;
    return number_at(trailer, 4) == crc_of(file->text + file->text_size - size, size) &&
           number_at(trailer + 4, 4) == size;
}

// Whether the file is sound to its end.
static bool take_file(gzip_file *file)
{
    bool sound = true;
    while (sound && file->size - file->at >= 2 && file->data[file->at] == 0x1f && file->data[file->at + 1] == 0x8b)
        sound = take_header(file) && take_content(file);
    while (sound && file->at < file->size && file->data[file->at] == 0)
        file->at++;
    return sound && file->at == file->size;
}

// ---- the two readings ----

// The stream holds the file's text, all of it where the file is sound; else the error has its place.
static void check_stream(const char *path, const gzip_file *file, bool sound)
{
    grus_stream *stream;
    grus_error error = {0};
    const char *data;
    size_t size, at = 0;
    grus_status status = grus_stream_open(path, GRUS_WINDOW_LOG, &stream, &error);
    FUZZ_CHECK(!status);
    do {
        status = grus_stream_next(stream, &data, &size, &error);
        size_t known = at < file->text_size ? file->text_size - at : 0;
        FUZZ_CHECK(size == 0 || known == 0 || !memcmp(data, file->text + at, size < known ? size : known));
        at += size;
    } while (!status && size > 0 && at < OUTPUT_MAX);
    grus_stream_counts counts = grus_stream_count(stream);
    grus_stream_close(stream);
    fuzz_check_error(status, &error);
    if (file->large)
        return;
    FUZZ_CHECK((status == GRUS_OK) == sound);
    if (sound)
        FUZZ_CHECK(at == file->text_size && counts.bytes_in == file->size && counts.gzip);
    else
        FUZZ_CHECK(strncmp(error.place, "byte ", 5) == 0 && strtoul(error.place + 5, NULL, 10) <= file->size);
}

void fuzz_gzip(const uint8_t *data, size_t size)
{
    static gzip_file file;
    fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    grus_buffer content = {0};
    if (flags & 1)
        make_file(&bytes, &content);
    else
        grus_buffer_append(&content, bytes.data, bytes.size);
    file.data = (const unsigned char *)(content.data ? content.data : "");
    file.size = content.size;
    file.at = file.text_size = 0;
    file.large = false;
    if (file.size >= 2 && file.data[0] == 0x1f && file.data[1] == 0x8b) {
        bool sound = take_file(&file);
        check_stream(fuzz_put(flags & 2 ? "shard.jsonl.gz" : "shard.jsonl", file.data, file.size), &file, sound);
    }
    grus_buffer_free(&content);
}

#else

void fuzz_gzip(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
}

#endif
