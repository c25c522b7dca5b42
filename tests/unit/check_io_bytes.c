// check_io_bytes.c: the verdicts of RFC 8259 case by case, and a 4 KiB shard with every bit flipped and cut at every byte.
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "io/json/scan.h"
#include "io/shard/record_parse.h"
#include "tests/unit/check_io.h"

// ---- JSON ----

// y: the grammar has it; n: it has not; i: the grammar has it, and parsers may differ. All of those are taken here: a number
// is a span of text until somebody wants its value.
#define CASE(verdict, text)             \
    {                                   \
        verdict, text, sizeof(text) - 1 \
    }

// Sections of RFC 8259 and what they rule. The texts are of this project.
// clang-format off
static const struct json_case {
    const char *verdict;
    const char *text;
    size_t length;
} cases[] = {
    // section 2: JSON text = ws value ws
    CASE("y", "null"), CASE("y", "true"), CASE("y", "false"), CASE("y", "0"), CASE("y", "\"\""), CASE("y", "[]"),
    CASE("y", "{}"), CASE("y", " \t\r\n0 \t\r\n"), CASE("y", "\n[ ]\n"), CASE("n", ""), CASE("n", " "), CASE("n", "\n"),
    CASE("n", "0 0"), CASE("n", "[] []"), CASE("n", "{}{}"), CASE("n", "null,"), CASE("n", ",null"), CASE("n", "\v0"),
    CASE("n", "\f0"), CASE("n", "0\f"), CASE("n", "\xC2\xA0" "0"), CASE("n", "\xE2\x80\xA8" "0"), CASE("n", "0\0"),
    CASE("n", "\0"), CASE("n", "[0]\0"), CASE("n", "\xEF\xBB\xBF" "0"), CASE("n", "\xEF\xBB\xBF"), CASE("n", "\xEF\xBB"),
    CASE("n", "/**/0"), CASE("n", "0//"), CASE("n", "#0"), CASE("n", "0;"), CASE("n", "\x1A"), CASE("n", "[0]#"),
    // structural characters
    CASE("n", "["), CASE("n", "]"), CASE("n", "{"), CASE("n", "}"), CASE("n", ":"), CASE("n", ","), CASE("n", "[}"),
    CASE("n", "{]"), CASE("n", "[[]"), CASE("n", "[]]"), CASE("n", "{}}"), CASE("n", "{{}}"), CASE("n", "[0}"),
    CASE("n", "{\"a\":0]"), CASE("n", "([])"), CASE("n", "<0>"),
    // section 3: the three literal names, in lower case
    CASE("n", "nul"), CASE("n", "nulll"), CASE("n", "NULL"), CASE("n", "Null"), CASE("n", "tru"), CASE("n", "truE"),
    CASE("n", "TRUE"), CASE("n", "fals"), CASE("n", "False"), CASE("n", "undefined"), CASE("n", "nan"), CASE("n", "NaN"),
    CASE("n", "Infinity"), CASE("n", "-Infinity"), CASE("n", "-nan"), CASE("n", "inf"), CASE("n", "[nul]"),
    CASE("n", "[true false]"), CASE("n", "truefalse"), CASE("n", "n"), CASE("n", "t"), CASE("n", "[f"),
    // section 4: objects
    CASE("y", "{\"a\":0}"), CASE("y", "{\"\":0}"), CASE("y", " { \"a\" : 0 , \"b\" : 1 } "), CASE("y", "{\"a\":{\"a\":{}}}"),
    CASE("y", "{\"a\":0,\"a\":1}"), CASE("y", "{\"a\":0,\"a\":0}"), CASE("y", "{\"\\u0000\":0}"), CASE("y", "{\"\\\"\":0}"),
    CASE("n", "{a:0}"), CASE("n", "{'a':0}"), CASE("n", "{0:0}"), CASE("n", "{null:0}"), CASE("n", "{\"a\"}"),
    CASE("n", "{\"a\":}"), CASE("n", "{\"a\" 0}"), CASE("n", "{:0}"), CASE("n", "{\"a\"::0}"), CASE("n", "{\"a\":0,}"),
    CASE("n", "{,}"), CASE("n", "{,\"a\":0}"), CASE("n", "{\"a\":0,,\"b\":0}"), CASE("n", "{\"a\":0 \"b\":0}"),
    CASE("n", "{\"a\":0;\"b\":0}"), CASE("n", "{\"a\",\"b\"}"), CASE("n", "{\"a\":0"), CASE("n", "{\"a\":"), CASE("n", "{\"a\""),
    CASE("n", "{\"a"), CASE("n", "{[]:0}"), CASE("n", "{\"a\"=0}"), CASE("n", "{\"a\":0 0}"), CASE("n", "{\"a\":\"b\""),
    CASE("n", "{\"a\":0}x"), CASE("n", "{\"a\":0}\"b\":0"),
    // section 5: arrays
    CASE("y", "[0]"), CASE("y", "[0,1]"), CASE("y", "[ 0 , 1 ]"), CASE("y", "[[],[[]]]"), CASE("y", "[null,true,\"\",{},0]"),
    CASE("n", "[,]"), CASE("n", "[0,]"), CASE("n", "[,0]"), CASE("n", "[0,,1]"), CASE("n", "[0 1]"), CASE("n", "[0;1]"),
    CASE("n", "[0:1]"), CASE("n", "[\"a\":1]"), CASE("n", "[0"), CASE("n", "[0,"), CASE("n", "[0,\n"), CASE("n", "[\"a\""),
    CASE("n", "[*]"), CASE("n", "[...]"), CASE("n", "[0]]"), CASE("n", "[0],"), CASE("n", "[\"\"\"\"]"),
    // section 6: numbers
    CASE("y", "-0"), CASE("y", "-1"), CASE("y", "10"), CASE("y", "1234567890"), CASE("y", "0.0"), CASE("y", "-0.5"),
    CASE("y", "1e1"), CASE("y", "1E1"), CASE("y", "1e+1"), CASE("y", "1e-1"), CASE("y", "0e0"), CASE("y", "0e+00"),
    CASE("y", "1.50E-007"), CASE("y", "-0.0e-0"), CASE("y", "1e0001"), CASE("y", "100000000000000000000000000000000000000"),
    CASE("y", "-9223372036854775809"), CASE("y", "18446744073709551616"), CASE("y", "0.3333333333333333333333333333333333"),
    CASE("i", "1e400"), CASE("i", "-1e400"), CASE("i", "1e-400"), CASE("i", "123e99999999999999999999"), CASE("i", "0e99999"),
    CASE("n", "+1"), CASE("n", "-"), CASE("n", "+"), CASE("n", "--1"), CASE("n", "- 1"), CASE("n", "-a"), CASE("n", "00"),
    CASE("n", "01"), CASE("n", "-01"), CASE("n", "-00"), CASE("n", "0x1"), CASE("n", "0b1"), CASE("n", "1_000"),
    CASE("n", "1,000"), CASE("n", ".5"), CASE("n", "-.5"), CASE("n", "5."), CASE("n", "5.e1"), CASE("n", "1e"), CASE("n", "1e+"),
    CASE("n", "1E-"), CASE("n", "1e1.5"), CASE("n", "1.5.5"), CASE("n", "1ee1"), CASE("n", "1e++1"), CASE("n", "e1"),
    CASE("n", "0.e"), CASE("n", "1 .5"), CASE("n", "1. 5"), CASE("n", "1f"), CASE("n", "1L"), CASE("n", "1/2"),
    CASE("n", "\xEF\xBC\x91"), CASE("n", "[1\xC2\xB2]"), CASE("n", "0 1"), CASE("n", "1e1e1"), CASE("n", "0.1.2"), CASE("n", "0E"),
    CASE("n", "[-]"), CASE("n", "[1.]"), CASE("n", "[.1]"), CASE("n", "012.3"), CASE("n", "1a"), CASE("n", "-1x"),
    // section 7: strings
    CASE("y", "\"a\""), CASE("y", "\" \""), CASE("y", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), CASE("y", "\"\\u0041\""),
    CASE("y", "\"\\u00e9\\u00E9\""), CASE("y", "\"\\u0000\""), CASE("y", "\"\\u001f\""), CASE("y", "\"\x7F\""), CASE("y", "\"/\""),
    CASE("y", "\"'\""), CASE("y", "\"\\ud83d\\ude00\""), CASE("y", "\"\\uD800\\uDC00\""), CASE("y", "\"\\udbff\\udfff\""),
    CASE("y", "\"\\uFFFF\""), CASE("y", "\"\\uFDD0\""), CASE("y", "\"\\u2028\""), CASE("y", "\"\\\\u0041\""), CASE("y", "\"//\""),
    CASE("n", "\"\\uD800\""), CASE("n", "\"\\uDC00\""), CASE("n", "\"\\uDC00\\uD800\""), CASE("n", "\"\\uD800\\uD800\""),
    CASE("n", "\"\\uD800a\""), CASE("n", "\"\\uD800\\n\""), CASE("n", "\"\\uD800\\u0041\""), CASE("n", "\"\\uD800\\\""),
    CASE("n", "\"\\uD800\\u\""), CASE("n", "\"\\uD800\\uDC0\""), CASE("n", "\"\\uDBFF\\uE000\""),
    CASE("n", "\""), CASE("n", "\"a"), CASE("n", "a\""), CASE("n", "'a'"), CASE("n", "\"\\\""), CASE("n", "\"\\"),
    CASE("n", "\"\\a\""), CASE("n", "\"\\x41\""), CASE("n", "\"\\0\""), CASE("n", "\"\\'\""), CASE("n", "\"\\U0041\""),
    CASE("n", "\"\\u\""), CASE("n", "\"\\u0\""), CASE("n", "\"\\u00\""), CASE("n", "\"\\u004\""), CASE("n", "\"\\u004g\""),
    CASE("n", "\"\\u 041\""), CASE("n", "\"\\u+041\""), CASE("n", "\"\\u{41}\""), CASE("n", "\"\\u004\\u0041\""),
    CASE("n", "\"\n\""), CASE("n", "\"\t\""), CASE("n", "\"\0\""), CASE("n", "\"\x1F\""), CASE("n", "\"\r\""), CASE("n", "\"a\nb\""),
    CASE("n", "\"\\\n\""), CASE("n", "\"\\\xC3\xA9\""), CASE("n", "\\u0022a\""), CASE("n", "\"a\"b"), CASE("n", "\"a\"\"b\""),
    CASE("n", "\"\\ \""), CASE("n", "\"\\\0\""), CASE("n", "\"\\N\""), CASE("n", "\"\\v\""), CASE("n", "\"\\u00A\""),
    // section 8.1: UTF-8
    CASE("y", "\"\xC2\x80\""), CASE("y", "\"\xDF\xBF\""), CASE("y", "\"\xE0\xA0\x80\""), CASE("y", "\"\xED\x9F\xBF\""),
    CASE("y", "\"\xEE\x80\x80\""), CASE("y", "\"\xEF\xBF\xBF\""), CASE("y", "\"\xEF\xBF\xBE\""), CASE("y", "\"\xF0\x90\x80\x80\""),
    CASE("y", "\"\xF4\x8F\xBF\xBF\""), CASE("y", "\"\xEF\xBB\xBF\""), CASE("y", "\"\xE2\x80\xA8\""),
    CASE("n", "\"\x80\""), CASE("n", "\"\xBF\""), CASE("n", "\"\xC0\x80\""), CASE("n", "\"\xC1\xBF\""), CASE("n", "\"\xC2\""),
    CASE("n", "\"\xC2 \""), CASE("n", "\"\xE0\x80\x80\""), CASE("n", "\"\xE0\x9F\xBF\""), CASE("n", "\"\xE2\x82\""),
    CASE("n", "\"\xED\xA0\x80\""), CASE("n", "\"\xED\xBF\xBF\""), CASE("n", "\"\xED\xA0\x80\xED\xB0\x80\""),
    CASE("n", "\"\xF0\x80\x80\x80\""), CASE("n", "\"\xF0\x8F\xBF\xBF\""), CASE("n", "\"\xF0\x90\x80\""), CASE("n", "\"\xF4\x90\x80\x80\""),
    CASE("n", "\"\xF5\x80\x80\x80\""), CASE("n", "\"\xF8\x88\x80\x80\x80\""), CASE("n", "\"\xFC\x84\x80\x80\x80\x80\""),
    CASE("n", "\"\xFE\""), CASE("n", "\"\xFF\""), CASE("n", "\"\xC3\xA9\xA9\""), CASE("n", "\"\xC3"), CASE("n", "\xC3\xA9"),
    CASE("n", "\"a\xE9z\""), CASE("n", "{\"\xFF\":0}"), CASE("n", "[\"\xE2\x82\"]"), CASE("n", "\xFF\xFE" "0\0"), CASE("n", "\0" "0"),
    // section 9: a parser may set limits
    CASE("y", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    CASE("y", "{\"a\":[{\"b\":[{\"c\":[{}]}]}]}"), CASE("n", "[[[[[[[[[[[[[[[["), CASE("n", "{\"a\":{\"a\":{\"a\":"),
};
// clang-format on

static bool accepts(const char *text, size_t length)
{
    grus_json_scan scan;
    grus_json_span key, value;
    if (grus_json_scan_object(&scan, text, length, &value))
        while (grus_json_next_member(&scan, &key, &value))
            ;
    return !scan.reason;
}

// By itself, and where it is valid inside lists and objects too.
START_TEST(verdicts)
{
    size_t n = sizeof cases / sizeof *cases;
    ck_assert_uint_ge(n, 150);
    for (size_t i = 0; i < n; i++) {
        const struct json_case *one = &cases[i];
        bool expected = *one->verdict != 'n';
        // In memory of its own size, so that a byte too many is seen.
        char *text = malloc(one->length ? one->length : 1);
        ck_assert_ptr_nonnull(text);
        memcpy(text, one->text, one->length);
        ck_assert_msg(accepts(text, one->length) == expected, "%s: «%.*s»", one->verdict, (int)one->length, one->text);
        free(text);
        static const char *const around[][2] = {
            {"{\"text\": \"\", \"a\": ", "}"}, {" { \"a\" : [ 1 ,", " ] } "}, {"{\"a\":{\"b\":", "},\"c\":0}"}};
        for (size_t k = 0; k < sizeof around / sizeof *around; k++) {
            grus_buffer whole = {0};
            grus_buffer_text(&whole, around[k][0]);
            grus_buffer_append(&whole, one->text, one->length);
            grus_buffer_text(&whole, around[k][1]);
            bool accepted = accepts(whole.data, whole.size);
            // Of the others some make a right in the middle of another text: "0,1".
            if (expected)
                ck_assert_msg(accepted, "«%.*s»", (int)whole.size, whole.data);
            // No beginning of an object is a text.
            for (size_t cut = 0; expected && cut < whole.size - strlen(strrchr(around[k][1], '}')); cut++)
                ck_assert(!accepts(whole.data, cut));
            grus_buffer_free(&whole);
        }
    }
}
END_TEST

// One more level than GRUS_JSON_DEPTH is refused, whatever the kinds.
START_TEST(depth)
{
    for (size_t levels = GRUS_JSON_DEPTH - 1; levels <= GRUS_JSON_DEPTH + 1; levels++) {
        for (size_t kind = 0; kind < 3; kind++) {
            grus_buffer text = {0};
            for (size_t i = 0; i < levels; i++)
                grus_buffer_text(&text, kind == 0 || (kind == 2 && i % 2) ? "[" : "{\"a\":");
            grus_buffer_text(&text, "0");
            for (size_t i = levels; i-- > 0;)
                grus_buffer_text(&text, kind == 0 || (kind == 2 && i % 2) ? "]" : "}");
            ck_assert_int_eq(accepts(text.data, text.size), levels <= GRUS_JSON_DEPTH);
            grus_buffer_free(&text);
        }
    }
}
END_TEST

// ---- a shard of 4 KiB ----

#define SHARD_BYTES 4096

// Records of random letters, as many as make a frame of 4 KiB.
static void make_shard(grus_buffer *text, grus_buffer *frame)
{
    static char packed[4 * SHARD_BYTES];
    uint32_t state = 1;
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ck_assert_ptr_nonnull(zstd);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    for (int id = 1; frame->size < SHARD_BYTES; id++) {
        grus_buffer_printf(text, "{\"id\": %d, \"text\": \"", id);
        for (int i = 0; i < 24; i++) {
            state = state * 1664525 + 1013904223;
            grus_buffer_byte(text, (char)('a' + (state >> 24) % 26));
        }
        grus_buffer_text(text, "\"}\n");
        size_t size = ZSTD_compress2(zstd, packed, sizeof packed, text->data, text->size);
        ck_assert(!ZSTD_isError(size));
        grus_buffer_clear(frame);
        grus_buffer_append(frame, packed, size);
    }
    ZSTD_freeCCtx(zstd);
}

static struct {
    size_t refused, equal;
} verdict;

// Ends in an error that has a place, or in the text as it was.
static void expect_error_or_text(const char *data, size_t size, const grus_buffer *text, const char *what,
                                 size_t number)
{
    grus_buffer lines = {0};
    grus_error error = {0};
    grus_status status = read_lines(write_file("s.jsonl.zst", data, size), (size_t)1 << 20, &lines, &error);
    if (status) {
        ck_assert_msg(status == GRUS_E_INPUT && strncmp(error.place, "byte ", 5) == 0 && error.cause[0] != '\0' &&
                          strtoull(error.place + 5, NULL, 10) <= size,
                      "%s %zu: %s: %s", what, number, error.place, error.cause);
        verdict.refused++;
    } else {
        ck_assert_msg(lines.size == text->size && memcmp(lines.data, text->data, text->size) == 0, "%s %zu", what,
                      number);
        verdict.equal++;
    }
    grus_buffer_free(&lines);
}

START_TEST(bit_flips)
{
    grus_buffer text = {0}, frame = {0};
    make_shard(&text, &frame);
    verdict.refused = verdict.equal = 0;
    for (size_t bit = 0; bit < 8 * frame.size; bit++) {
        frame.data[bit / 8] = (char)(frame.data[bit / 8] ^ 1 << bit % 8);
        expect_error_or_text(frame.data, frame.size, &text, "bit", bit);
        frame.data[bit / 8] = (char)(frame.data[bit / 8] ^ 1 << bit % 8);
    }
    ck_assert_uint_ge(verdict.refused + verdict.equal, (size_t)8 * SHARD_BYTES);
    // What passes: reserved bits, larger windows, weights of letters that do not occur.
    ck_assert_uint_lt(verdict.equal, 64);
    grus_buffer_free(&text);
    grus_buffer_free(&frame);
}
END_TEST

START_TEST(truncations)
{
    grus_buffer text = {0}, frame = {0};
    make_shard(&text, &frame);
    verdict.refused = verdict.equal = 0;
    for (size_t size = 1; size < frame.size; size++)
        expect_error_or_text(frame.data, size, &text, "cut at", size);
    ck_assert_uint_eq(verdict.refused, frame.size - 1);
    // Any byte more is no part of a frame.
    for (int byte = 0; byte < 256; byte++) {
        grus_buffer_byte(&frame, (char)byte);
        expect_error_or_text(frame.data, frame.size, &text, "behind it", (size_t)byte);
        frame.size--;
    }
    ck_assert_uint_eq(verdict.equal, 0);
    grus_buffer_free(&text);
    grus_buffer_free(&frame);
}
END_TEST

// A shard in as many frames as it has lines, with empty and skippable ones between them.
START_TEST(many_frames)
{
    grus_buffer text = {0}, one = {0}, file = {0}, lines = {0};
    make_shard(&text, &one);
    char packed[256];
    for (size_t at = 0; at < text.size;) {
        size_t size = (size_t)((char *)memchr(text.data + at, '\n', text.size - at) - text.data) + 1 - at;
        size_t length = ZSTD_compress(packed, sizeof packed, text.data + at, size, 1);
        ck_assert(!ZSTD_isError(length));
        grus_buffer_append(&file, packed, length);
        length = ZSTD_compress(packed, sizeof packed, "", 0, 1);
        grus_buffer_append(&file, packed, length);
        char skippable[] = {(char)(0x50 + at % 16), 0x2A, 0x4D, 0x18, (char)(at % 5), 0, 0, 0, 'a', 'b', 'c', 'd'};
        grus_buffer_append(&file, skippable, 8 + at % 5);
        at += size;
    }
    grus_error error;
    ck_assert_int_eq(read_lines(write_file("m.zst", file.data, file.size), 1000, &lines, &error), GRUS_OK);
    expect_bytes(&lines, text.data, text.size);
    // A skippable frame that is longer than the file.
    grus_buffer_append(&file, "\x50\x2A\x4D\x18\xff\xff\xff\xff", 8);
    grus_buffer_clear(&lines);
    ck_assert_int_eq(read_lines(write_file("m.zst", file.data, file.size), 1000, &lines, &error), GRUS_E_INPUT);
    expect_error(&error, "/m.zst", NULL, "cut short");
    grus_buffer_free(&text);
    grus_buffer_free(&one);
    grus_buffer_free(&file);
    grus_buffer_free(&lines);
}
END_TEST

Suite *bytes_suite(void)
{
    Suite *suite = suite_create("bytes");
    TCase *tests = tcase_create("bytes");
    tcase_add_checked_fixture(tests, make_test_dir, remove_test_dir);
    tcase_add_test(tests, verdicts);
    tcase_add_test(tests, depth);
    tcase_add_test(tests, bit_flips);
    tcase_add_test(tests, truncations);
    tcase_add_test(tests, many_frames);
    suite_add_tcase(suite, tests);
    return suite;
}
