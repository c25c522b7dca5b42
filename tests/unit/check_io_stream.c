// check_io_stream.c: lines from plain and zstd shards, good, cut and damaged.
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/shard/lines.h"
#include "tests/unit/check_io.h"

#define NO_LIMIT ((size_t)1 << 30)

// What every file of tests/support/files holds.
static void append_squares(grus_buffer *text, int from, int to)
{
    for (int i = from; i <= to; i++)
        grus_buffer_printf(text, "{\"id\": %d, \"text\": \"square %d\"}\n", i, i * i);
}

static void expect_lines(const char *path, size_t max_record, const char *expected)
{
    grus_buffer lines = {0};
    grus_error error = {0};
    grus_status status = read_lines(path, max_record, &lines, &error);
    ck_assert_msg(status == GRUS_OK, "%s: %s: %s", error.file, error.place, error.cause);
    expect_text(&lines, expected);
    grus_buffer_free(&lines);
}

// Wraps data into a frame with checksum.
static void compress(const void *data, size_t size, grus_buffer *frame)
{
    size_t capacity = ZSTD_compressBound(size);
    char *packed = malloc(capacity);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ck_assert(packed && zstd);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    size_t length = ZSTD_compress2(zstd, packed, capacity, data, size);
    ck_assert(!ZSTD_isError(length));
    grus_buffer_append(frame, packed, length);
    ZSTD_freeCCtx(zstd);
    free(packed);
}

START_TEST(line_ends)
{
    static const struct {
        const char *content, *lines;
    } cases[] = {
        {"", ""},
        {"a", "a\n"},
        {"a\n", "a\n"},
        {"\n", "\n"},
        {"\n\n", "\n\n"},
        {"a\nb", "a\nb\n"},
        {"a\r\nb\r\n", "a\nb\n"},
        {"\r\n", "\n"},
        {"a\r\r\n", "a\r\n"},
        {"a\rb\n", "a\rb\n"},
        {"a\r", "a\r\n"},
        {"a\n\r", "a\n\r\n"},
        {"(\xB5/", "(\xB5/\n"},
        {"123456789\n1234567890\n12345678901\n1\n", "123456789\n1234567890\n<long>\n1\n"},
        {"1234567890\r\n12345678901\r\n1", "1234567890\n<long>\n1\n"},
        {"12345678901", "<long>\n"},
        {"1234567890\r", "<long>\n"},
        {"12345678901\n12345678901", "<long>\n<long>\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = strlen(cases[i].content);
        expect_lines(write_file("shard.jsonl", cases[i].content, size), 10, cases[i].lines);
        grus_buffer frame = {0};
        compress(cases[i].content, size, &frame);
        expect_lines(write_file("shard.jsonl.zst", frame.data, frame.size), 10, cases[i].lines);
        // The content decides, not the name.
        expect_lines(write_file("shard.txt", frame.data, frame.size), 10, cases[i].lines);
        grus_buffer_free(&frame);
    }
}
END_TEST

START_TEST(nul_bytes)
{
    grus_buffer lines = {0};
    grus_error error;
    ck_assert_int_eq(read_lines(write_file("shard.txt", "a\0b\n\0\n", 6), 10, &lines, &error), GRUS_OK);
    expect_bytes(&lines, "a\0b\n\0\n", 6);
    grus_buffer_free(&lines);
}
END_TEST

// Lines whose ends fall before, on and behind the borders of any buffer.
START_TEST(borders)
{
    static const size_t sizes[] = {131071, 131072, 131073, 262142, 262143, 262144, 262145, 524287, 524288, 1000003};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        grus_buffer text = {0}, expected = {0}, frame = {0}, lines = {0};
        for (size_t k = 0; k < sizes[i]; k++)
            grus_buffer_byte(&text, (char)('a' + k % 26));
        grus_buffer_append(&expected, text.data, text.size);
        grus_buffer_append(&text, "\r\nshort\n\n", 9);
        grus_buffer_append(&expected, "\nshort\n\n", 8);
        grus_error error;
        ck_assert_int_eq(read_lines(write_file("s.txt", text.data, text.size), NO_LIMIT, &lines, &error), GRUS_OK);
        expect_bytes(&lines, expected.data, expected.size);
        compress(text.data, text.size, &frame);
        grus_buffer_clear(&lines);
        ck_assert_int_eq(read_lines(write_file("s.zst", frame.data, frame.size), sizes[i], &lines, &error), GRUS_OK);
        expect_bytes(&lines, expected.data, expected.size);
        grus_buffer_clear(&lines);
        ck_assert_int_eq(read_lines(write_file("s.zst", frame.data, frame.size), sizes[i] - 1, &lines, &error),
                         GRUS_OK);
        expect_text(&lines, "<long>\nshort\n\n");
        grus_buffer_free(&text);
        grus_buffer_free(&expected);
        grus_buffer_free(&frame);
        grus_buffer_free(&lines);
    }
}
END_TEST

START_TEST(long_line_in_the_middle)
{
    size_t size = (size_t)20 << 20;
    grus_buffer text = {0}, frame = {0};
    grus_buffer_text(&text, "before\n");
    for (size_t i = 0; i < size; i++)
        grus_buffer_byte(&text, 'x');
    grus_buffer_text(&text, "\nbehind\n");
    ck_assert(!text.failed);
    expect_lines(write_file("long.txt", text.data, text.size), (size_t)16 << 20, "before\n<long>\nbehind\n");
    compress(text.data, text.size, &frame);
    expect_lines(write_file("long.txt.zst", frame.data, frame.size), (size_t)16 << 20, "before\n<long>\nbehind\n");
    grus_buffer_free(&text);
    grus_buffer_free(&frame);
}
END_TEST

START_TEST(good_files)
{
    static const char *const names[] = {"good-one-frame.jsonl.zst", "good-frames.jsonl.zst",
                                        "good-no-checksum.jsonl.zst", "good-skippable.jsonl.zst"};
    grus_buffer expected = {0};
    append_squares(&expected, 1, 40);
    grus_buffer_byte(&expected, '\0');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_lines(data_path(names[i]), NO_LIMIT, expected.data);
    grus_buffer_free(&expected);
}
END_TEST

START_TEST(bad_files)
{
    static const struct {
        const char *name, *cause;
    } cases[] = {
        {"bad-checksum.jsonl.zst", "checksum"},
        {"bad-cut.jsonl.zst", "cut short"},
        {"bad-garbage-behind.jsonl.zst", "no zstd frame"},
        {"unsupported-window-2g.jsonl.zst",
         "window of 2147483648 bytes, of which 134217728 are granted; run.window_log 31 grants as many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer lines = {0};
        grus_error error;
        ck_assert_int_eq(read_lines(data_path(cases[i].name), NO_LIMIT, &lines, &error), GRUS_E_INPUT);
        expect_error(&error, cases[i].name, NULL, cases[i].cause);
        ck_assert_int_eq(strncmp(error.place, "byte ", 5), 0);
        grus_buffer_free(&lines);
    }
}
END_TEST

// Whether the first `size` bytes are whole frames.
static bool ends_at_frame(const grus_buffer *file, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t frame = ZSTD_findFrameCompressedSize(file->data + at, file->size - at);
        ck_assert(!ZSTD_isError(frame));
        at += frame;
    }
    return at == size;
}

START_TEST(every_truncation)
{
    static const char *const names[] = {"good-one-frame.jsonl.zst", "good-frames.jsonl.zst",
                                        "good-skippable.jsonl.zst"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        grus_buffer file = {0}, expected = {0};
        read_file(data_path(names[i]), &file);
        append_squares(&expected, 1, 40);
        size_t boundaries = 0;
        for (size_t size = 0; size < file.size; size++) {
            grus_buffer lines = {0};
            grus_error error;
            const char *path = write_file("cut.jsonl.zst", file.data, size);
            grus_status status = read_lines(path, NO_LIMIT, &lines, &error);
            ck_assert_int_eq(status, size > 0 && ends_at_frame(&file, size) ? GRUS_OK : GRUS_E_INPUT);
            // A cut behind a frame that ends inside a line leaves that line's beginning as the last one.
            bool inside = status == GRUS_OK && lines.size > 0 && expected.data[lines.size - 1] != '\n';
            ck_assert_uint_le(lines.size, expected.size);
            expect_bytes(&(grus_buffer){.data = lines.data, .size = lines.size - inside}, expected.data,
                         lines.size - inside);
            boundaries += status == GRUS_OK;
            grus_buffer_free(&lines);
        }
        ck_assert_uint_eq(boundaries, i == 0 ? 0 : i == 1 ? 3 : 5);
        grus_buffer_free(&file);
        grus_buffer_free(&expected);
    }
}
END_TEST

START_TEST(every_bit_flip)
{
    grus_buffer file = {0}, expected = {0};
    read_file(data_path("good-one-frame.jsonl.zst"), &file);
    append_squares(&expected, 1, 40);
    size_t same = 0;
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        grus_buffer lines = {0};
        grus_error error;
        file.data[bit / 8] = (char)(file.data[bit / 8] ^ 1 << bit % 8);
        grus_status status = read_lines(write_file("f.jsonl.zst", file.data, file.size), NO_LIMIT, &lines, &error);
        file.data[bit / 8] = (char)(file.data[bit / 8] ^ 1 << bit % 8);
        if (status == GRUS_OK)
            expect_bytes(&lines, expected.data, expected.size);
        else
            ck_assert_int_eq(status, GRUS_E_INPUT);
        same += status == GRUS_OK;
        grus_buffer_free(&lines);
    }
    ck_assert_uint_lt(same, file.size);
    grus_buffer_free(&file);
    grus_buffer_free(&expected);
}
END_TEST

// A frame of 384 KiB in three runs of a letter, then an empty last block, and a header that says `size`.
static void make_runs(uint32_t size, bool checksum, grus_buffer *frame)
{
    const char head[] = {0x28, (char)0xB5, 0x2F, (char)0xFD, (char)(checksum ? 0x84 : 0x80), 0x38};
    grus_buffer_append(frame, head, sizeof head);
    for (int i = 0; i < 4; i++)
        grus_buffer_byte(frame, (char)(size >> 8 * i & 0xff));
    for (int i = 0; i < 3; i++)
        grus_buffer_append(frame, "\x02\x00\x10x", 4); // a run of 1 << 17
    grus_buffer_append(frame, "\x01\x00\x00", 3);
    if (!checksum)
        return;
    char *text = malloc((size_t)3 << 17);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', (size_t)3 << 17);
    uint64_t hash = XXH64(text, (size_t)3 << 17, 0);
    for (int i = 0; i < 4; i++)
        grus_buffer_byte(frame, (char)(hash >> 8 * i & 0xff));
    free(text);
}

// libzstd lets the greater one pass, checksum and all.
START_TEST(promised_size)
{
    static const uint32_t sizes[] = {(3 << 17) - 1, 3 << 17, (3 << 17) + 1, 4 << 17, UINT32_MAX};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        uint32_t size = sizes[i / 2];
        grus_buffer frame = {0}, lines = {0};
        grus_error error = {0};
        make_runs(size, i % 2, &frame);
        grus_status status = read_lines(write_file("s.jsonl.zst", frame.data, frame.size), NO_LIMIT, &lines, &error);
        ck_assert_int_eq(status, size == 3 << 17 ? GRUS_OK : GRUS_E_INPUT);
        if (status)
            expect_error(&error, "/s.jsonl.zst", NULL, size < 3 << 17 ? "damaged" : "promises");
        else
            ck_assert_uint_eq(lines.size, (3 << 17) + 1);
        grus_buffer_free(&frame);
        grus_buffer_free(&lines);
    }
}
END_TEST

START_TEST(refused_files)
{
    grus_lines *input;
    grus_error error;
    ck_assert_int_eq(grus_lines_open(test_path("none.jsonl"), 10, GRUS_WINDOW_LOG, &input, &error), GRUS_E_INPUT);
    expect_error(&error, "/none.jsonl", "", "No such file");
    mkdir(test_path("dir.jsonl"), 0777);
    ck_assert_int_eq(grus_lines_open(test_path("dir.jsonl"), 10, GRUS_WINDOW_LOG, &input, &error), GRUS_E_INPUT);
    expect_error(&error, "/dir.jsonl", "", "is a directory");
    grus_buffer lines = {0};
    ck_assert_int_eq(read_lines(write_text("plain.jsonl.zst", "{}\n"), 10, &lines, &error), GRUS_E_INPUT);
    expect_error(&error, "/plain.jsonl.zst", "byte 0", "does not begin with a zstd frame");
    // A plain file of nothing is a shard of no records; a .zst of nothing is no frame, as `zstd -t` says too.
    ck_assert_int_eq(read_lines(write_text("empty.jsonl", ""), 10, &lines, &error), GRUS_OK);
    ck_assert_uint_eq(lines.size, 0);
    ck_assert_int_eq(read_lines(write_text("empty.jsonl.zst", ""), 10, &lines, &error), GRUS_E_INPUT);
    expect_error(&error, "/empty.jsonl.zst", "byte 0", "has no bytes");
    grus_buffer_free(&lines);
}
END_TEST

START_TEST(counted)
{
    grus_buffer file = {0};
    read_file(data_path("good-skippable.jsonl.zst"), &file);
    grus_lines *input;
    grus_error error;
    ck_assert_int_eq(grus_lines_open(data_path("good-skippable.jsonl.zst"), 100, GRUS_WINDOW_LOG, &input, &error),
                     GRUS_OK);
    grus_line_kind kind;
    const char *line;
    size_t length, bytes = 0;
    do {
        ck_assert_int_eq(grus_lines_next(input, &kind, &line, &length, &error), GRUS_OK);
        bytes += kind == GRUS_LINE ? length + 1 : 0;
    } while (kind != GRUS_LINE_END);
    grus_stream_counts counts = grus_lines_count(input);
    ck_assert_uint_eq(counts.bytes_in, file.size);
    ck_assert_uint_eq(counts.bytes_out, bytes);
    ck_assert_uint_eq(counts.frames, 3);
    ck_assert_uint_eq(counts.skippable_frames, 3);
    ck_assert_uint_eq(counts.xxh64, XXH64(file.data, file.size, 0));
    grus_lines_close(input);
    grus_buffer_free(&file);
}
END_TEST

static void on_alarm(int number)
{
    (void)number;
}

// A pipe that gives a few bytes at a time while signals come in.
START_TEST(slow_standard_input)
{
    grus_buffer file = {0}, expected = {0}, lines = {0};
    read_file(data_path("good-frames.jsonl.zst"), &file);
    append_squares(&expected, 1, 40);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t writer = fork();
    if (writer == 0) {
        for (size_t at = 0; at < file.size; at += 7) {
            usleep(500);
            if (write(ends[1], file.data + at, file.size - at < 7 ? file.size - at : 7) < 0)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    grus_error error;
    grus_status status = read_lines("-", NO_LIMIT, &lines, &error);
    setitimer(ITIMER_REAL, &never, NULL);
    waitpid(writer, NULL, 0);
    ck_assert_int_eq(status, GRUS_OK);
    expect_bytes(&lines, expected.data, expected.size);
    grus_buffer_free(&file);
    grus_buffer_free(&expected);
    grus_buffer_free(&lines);
}
END_TEST

// What zstd holds for the largest window, read in the same pieces, is within what is announced.
START_TEST(memory)
{
    size_t size = (size_t)160 << 20, packed_size = 0;
    char *zeros = calloc(size, 1), *packed = malloc((size_t)1 << 20), *text = malloc((size_t)256 << 10);
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ck_assert(zeros && packed && text && compressor);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_windowLog, 27);
    ZSTD_inBuffer in = {zeros, size, 0};
    ZSTD_outBuffer out = {packed, (size_t)1 << 20, 0};
    while (in.pos < in.size)
        ck_assert(!ZSTD_isError(ZSTD_compressStream2(compressor, &out, &in, ZSTD_e_continue)));
    ck_assert_uint_eq(ZSTD_compressStream2(compressor, &out, &in, ZSTD_e_end), 0);
    packed_size = out.pos;
    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    in = (ZSTD_inBuffer){packed, packed_size, 0};
    do {
        out = (ZSTD_outBuffer){text, (size_t)256 << 10, 0};
        ck_assert(!ZSTD_isError(ZSTD_decompressStream(decompressor, &out, &in)));
    } while (in.pos < in.size);
    ck_assert_uint_gt(ZSTD_sizeof_DCtx(decompressor), (size_t)1 << 27);
    ck_assert_uint_le(ZSTD_sizeof_DCtx(decompressor), grus_stream_memory(GRUS_WINDOW_LOG));
    ck_assert_uint_eq(grus_lines_memory(1000, GRUS_WINDOW_LOG) - grus_lines_memory(0, GRUS_WINDOW_LOG), 1000);
    ck_assert_uint_eq(grus_lines_memory(SIZE_MAX, GRUS_WINDOW_LOG), SIZE_MAX);
    ZSTD_freeDCtx(decompressor);
    // The same frame through grus is one line that is too long.
    expect_lines(write_file("zeros.txt.zst", packed, packed_size), 1000, "<long>\n");
    ZSTD_freeCCtx(compressor);
    free(zeros);
    free(packed);
    free(text);
}
END_TEST

// The same of the largest window that there is: magic, no flags, window descriptor, a last raw block of one byte.
START_TEST(memory_of_the_largest)
{
    static const char frame[] = "\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x";
    char text[8];
    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    ZSTD_DCtx_setParameter(decompressor, ZSTD_d_windowLogMax, GRUS_WINDOW_LOG_MOST);
    ZSTD_inBuffer in = {frame, sizeof frame - 1, 0};
    ZSTD_outBuffer out = {text, sizeof text, 0};
    ck_assert_uint_eq(ZSTD_decompressStream(decompressor, &out, &in), 0);
    ck_assert_uint_gt(ZSTD_sizeof_DCtx(decompressor), (size_t)1 << GRUS_WINDOW_LOG_MOST);
    ck_assert_uint_le(ZSTD_sizeof_DCtx(decompressor), grus_stream_memory(GRUS_WINDOW_LOG_MOST));
    ZSTD_freeDCtx(decompressor);
}
END_TEST

Suite *stream_suite(void)
{
    Suite *suite = suite_create("io/stream");
    TCase *tests = tcase_create("lines");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_test(tests, line_ends);
    tcase_add_test(tests, nul_bytes);
    tcase_add_test(tests, borders);
    tcase_add_test(tests, long_line_in_the_middle);
    tcase_add_test(tests, good_files);
    tcase_add_test(tests, bad_files);
    tcase_add_test(tests, every_truncation);
    tcase_add_test(tests, every_bit_flip);
    tcase_add_test(tests, promised_size);
    tcase_add_test(tests, refused_files);
    tcase_add_test(tests, counted);
    tcase_add_test(tests, slow_standard_input);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, memory_of_the_largest);
    suite_add_tcase(suite, tests);
    return suite;
}
