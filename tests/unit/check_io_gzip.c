// check_io_gzip.c: lines from shards in gzip, good, cut and damaged, and what is written as gzip. The files were made by
// Python's zlib and by hand.
#include "config.h"

#ifdef GRUS_ZLIB

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "io/shard/codec.h"
#include "io/shard/lines.h"
#include "tests/unit/check_io.h"

#define NO_LIMIT ((size_t)1 << 30)

// What every file of tests/support/files holds.
static void append_squares(grus_buffer *text)
{
    for (int i = 1; i <= 40; i++)
        grus_buffer_printf(text, "{\"id\": %d, \"text\": \"square %d\"}\n", i, i * i);
}

static grus_status read_bytes(const char *name, const char *data, size_t size, grus_buffer *lines, grus_error *error)
{
    *lines = (grus_buffer){0};
    *error = (grus_error){0};
    return read_lines(write_file(name, data, size), NO_LIMIT, lines, error);
}

START_TEST(gzip_good_files)
{
    static const struct {
        const char *name;
        uint64_t members;
    } cases[] = {
        {"good-one-member.jsonl.gz", 1},    {"good-members.jsonl.gz", 4},      {"good-bgzf.jsonl.gz", 5},
        {"good-header-fields.jsonl.gz", 1}, {"good-zeros-behind.jsonl.gz", 1},
    };
    grus_buffer expected = {0};
    append_squares(&expected);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer file = {0}, lines;
        grus_error error;
        grus_stream *stream;
        const char *data;
        size_t size = 1;
        read_file(data_path(cases[i].name), &file);
        // The content decides, not the name.
        static const char *const names[] = {"s.jsonl.gz", "s.jsonl", "s.txt.zst", "S.JSONL.GZ"};
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            ck_assert_int_eq(read_bytes(names[k], file.data, file.size, &lines, &error), GRUS_OK);
            expect_bytes(&lines, expected.data, expected.size);
            grus_buffer_free(&lines);
        }
        ck_assert_int_eq(grus_stream_open(data_path(cases[i].name), GRUS_WINDOW_LOG, &stream, &error), GRUS_OK);
        while (size > 0)
            ck_assert_int_eq(grus_stream_next(stream, &data, &size, &error), GRUS_OK);
        grus_stream_counts counts = grus_stream_count(stream);
        ck_assert(counts.gzip && counts.frames == cases[i].members && counts.skippable_frames == 0);
        ck_assert(counts.bytes_in == file.size && counts.bytes_out == expected.size && counts.window == 0);
        grus_stream_close(stream);
        grus_buffer_free(&file);
    }
    grus_buffer_free(&expected);
}
END_TEST

START_TEST(gzip_bad_files)
{
    static const struct {
        const char *name, *place, *cause;
    } cases[] = {
        {"bad-crc.jsonl.gz", "byte 261",
         "the gzip member that began at byte 0 is damaged here or before: incorrect data check"},
        {"bad-length.jsonl.gz", "byte 265", "is damaged here or before: incorrect length check"},
        {"bad-cut.jsonl.gz", "byte 262", "the gzip member that began at byte 0 is cut short: the file ends inside it"},
        {"bad-garbage-behind.jsonl.gz", "byte 268", "bytes that are no gzip member follow the last one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer lines = {0};
        grus_error error;
        ck_assert_int_eq(read_lines(data_path(cases[i].name), NO_LIMIT, &lines, &error), GRUS_E_INPUT);
        expect_error(&error, cases[i].name, cases[i].place, cases[i].cause);
        grus_buffer_free(&lines);
    }
}
END_TEST

START_TEST(gzip_names)
{
    grus_buffer lines = {0};
    grus_error error;
    ck_assert_int_eq(read_bytes("plain.jsonl.gz", "{}\n", 3, &lines, &error), GRUS_E_INPUT);
    expect_error(&error, "/plain.jsonl.gz", "byte 0", "does not begin with a gzip member");
    ck_assert_int_eq(read_bytes("empty.jsonl.GZ", "", 0, &lines, &error), GRUS_E_INPUT);
    expect_error(&error, "/empty.jsonl.GZ", "byte 0", "has no bytes");
    // A first byte alone is none, by which name soever.
    ck_assert_int_eq(read_bytes("one.jsonl.gz", "\x1f", 1, &lines, &error), GRUS_E_INPUT);
    ck_assert_int_eq(read_bytes("one.txt", "\x1f", 1, &lines, &error), GRUS_OK);
    expect_text(&lines, "\x1f\n");
    grus_buffer_free(&lines);
    ck_assert_int_eq(read_bytes("two.txt", "\x1f\n", 2, &lines, &error), GRUS_OK);
    expect_text(&lines, "\x1f\n");
    grus_buffer_free(&lines);
    ck_assert_int_eq(read_bytes("head.txt", "\x1f\x8b", 2, &lines, &error), GRUS_E_INPUT);
    expect_error(&error, "/head.txt", "byte 2", "cut short");
    ck_assert_int_eq(read_bytes("method.txt", "\x1f\x8b\x07\0\0\0\0\0\0\0\0\0", 12, &lines, &error), GRUS_E_INPUT);
    expect_error(&error, "/method.txt", NULL, "unknown compression method");
}
END_TEST

// Whether the first `size` bytes are whole members.
static bool ends_at_member(const grus_buffer *file, size_t size)
{
    z_stream zlib = {.next_in = (Bytef *)file->data, .avail_in = (uInt)size};
    int result = Z_STREAM_END;
    ck_assert_int_eq(inflateInit2(&zlib, 31), Z_OK);
    while (result == Z_STREAM_END && zlib.avail_in > 0) {
        Bytef text[4096];
        inflateReset(&zlib);
        do {
            zlib.next_out = text;
            zlib.avail_out = sizeof text;
            result = inflate(&zlib, Z_NO_FLUSH);
        } while (result == Z_OK);
    }
    inflateEnd(&zlib);
    return result == Z_STREAM_END;
}

START_TEST(gzip_truncations)
{
    static const struct {
        const char *name;
        size_t boundaries;
    } cases[] = {{"good-one-member.jsonl.gz", 0}, {"good-members.jsonl.gz", 3}, {"good-bgzf.jsonl.gz", 4}};
    grus_buffer expected = {0};
    append_squares(&expected);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer file = {0}, lines;
        grus_error error;
        size_t boundaries = 0;
        read_file(data_path(cases[i].name), &file);
        for (size_t size = 0; size < file.size; size++) {
            grus_status status = read_bytes("cut.jsonl.gz", file.data, size, &lines, &error);
            ck_assert_int_eq(status, size > 0 && ends_at_member(&file, size) ? GRUS_OK : GRUS_E_INPUT);
            if (status)
                expect_error(&error, "/cut.jsonl.gz", NULL, size == 0 ? "has no bytes" : NULL);
            // A cut behind a member that ends inside a line leaves that line's beginning as the last one.
            bool inside = status == GRUS_OK && lines.size > 0 && expected.data[lines.size - 1] != '\n';
            expect_bytes(&(grus_buffer){.data = lines.data, .size = lines.size - inside}, expected.data,
                         lines.size - inside);
            boundaries += status == GRUS_OK;
            grus_buffer_free(&lines);
        }
        ck_assert_uint_eq(boundaries, cases[i].boundaries);
        grus_buffer_free(&file);
    }
    grus_buffer_free(&expected);
}
END_TEST

START_TEST(gzip_bit_flips)
{
    static const char *const names[] = {"good-one-member.jsonl.gz", "good-members.jsonl.gz",
                                        "good-header-fields.jsonl.gz"};
    grus_buffer expected = {0};
    append_squares(&expected);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        grus_buffer file = {0}, lines;
        size_t same = 0;
        read_file(data_path(names[i]), &file);
        for (size_t bit = 0; bit < 8 * file.size; bit++) {
            grus_error error;
            file.data[bit / 8] = (char)(file.data[bit / 8] ^ 1 << bit % 8);
            grus_status status = read_bytes("f.jsonl.gz", file.data, file.size, &lines, &error);
            file.data[bit / 8] = (char)(file.data[bit / 8] ^ 1 << bit % 8);
            if (status == GRUS_OK) {
                expect_bytes(&lines, expected.data, expected.size);
            } else {
                char *end;
                ck_assert_int_eq(status, GRUS_E_INPUT);
                ck_assert(strncmp(error.place, "byte ", 5) == 0);
                ck_assert_uint_le(strtoul(error.place + 5, &end, 10), file.size);
            }
            same += status == GRUS_OK;
            grus_buffer_free(&lines);
        }
        // Where no CRC is over it, a header's time, two hints and what says that it is text tell nothing of the content, nor do
        // the bits that fill up the last byte.
        size_t members = i == 1 ? 4 : 1;
        ck_assert_uint_ge(same, i == 2 ? 0 : 49 * members);
        ck_assert_uint_le(same, 56 * members);
        grus_buffer_free(&file);
    }
    grus_buffer_free(&expected);
}
END_TEST

// Text that hardly compresses and text that does, in pieces of any size, through a small block.
START_TEST(gzip_written)
{
    static const size_t sizes[] = {0, 1, 65535, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        grus_buffer text = {0}, file = {0}, lines;
        grus_error error;
        char out[512];
        unsigned state = 1;
        for (size_t k = 0; k < sizes[i]; k++)
            grus_buffer_byte(
                &text, (char)('a' + (k < sizes[i] / 2 ? k % 7 : ((state = state * 1103515245 + 12345) >> 16) % 26)));
        void *compressor = grus_codec_gzip.compressor(i % 2 ? 9 : 22);
        ck_assert_ptr_nonnull(compressor);
        grus_codec_step step = {.content = text.data ? text.data : "", .out = out, .out_capacity = sizeof out};
        for (size_t left = text.size; left > 0 || !step.end;) {
            step.content_bytes = left < 1000 ? left : 1000;
            left -= step.content_bytes;
            step.end = left == 0;
            do {
                ck_assert_ptr_null(grus_codec_gzip.compress(compressor, &step));
                grus_buffer_append(&file, out, step.out_bytes);
            } while (step.more);
            ck_assert_uint_eq(step.content_bytes, 0);
        }
        grus_codec_gzip.free_compressor(compressor);
        ck_assert(ends_at_member(&file, file.size) && file.size >= 20);
        ck_assert_int_eq(read_bytes("w.txt.gz", file.data, file.size, &lines, &error), GRUS_OK);
        ck_assert_uint_eq(lines.size, text.size + (text.size > 0));
        expect_bytes(&(grus_buffer){.data = lines.data, .size = text.size}, text.data, text.size);
        grus_buffer_free(&lines);
        grus_buffer_free(&file);
        grus_buffer_free(&text);
    }
}
END_TEST

Suite *gzip_suite(void)
{
    Suite *suite = suite_create("io/gzip");
    TCase *tests = tcase_create("gzip");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_test(tests, gzip_good_files);
    tcase_add_test(tests, gzip_bad_files);
    tcase_add_test(tests, gzip_names);
    tcase_add_test(tests, gzip_truncations);
    tcase_add_test(tests, gzip_bit_flips);
    tcase_add_test(tests, gzip_written);
    suite_add_tcase(suite, tests);
    return suite;
}

#else

#include "tests/unit/check_io.h"

Suite *gzip_suite(void)
{
    return suite_create("io/gzip");
}

#endif
