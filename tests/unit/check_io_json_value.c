// check_io_json_value.c: what strings, names, keys and numbers in JSON mean, and that a hostile line costs no memory.
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "io/json/dump.h"
#include "io/json/json_write.h"
#include "io/json/number.h"
#include "io/json/tree.h"
#include "io/json/value.h"
#include "io/shard/record_parse.h"
#include "tests/unit/check_io.h"
#include "tests/unit/hold.h"

static grus_json_span scalar(const char *text, size_t size)
{
    grus_json_scan scan;
    grus_json_span value;
    hold(!grus_json_scan_object(&scan, text, size, &value));
    hold_msg(!scan.reason, "%s: %s", text, scan.reason);
    hold(value.text == text && value.length == size);
    return value;
}

START_TEST(unescaping)
{
    static const struct {
        const char *json, *text;
        size_t size;
    } cases[] = {
        {"\"\"", "", 0},
        {"\"abc\"", "abc", 3},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
        {"\"a\\u0000b\"", "a\0b", 3},
        {"\"\\u007f\\u0080\\u07FF\\u0800\\ufffd\"", "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBD", 11},
        {"\"\\uD800\\uDC00\\udbff\\uDFFFx\"", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBFx", 9},
        {"\"\\\\u0041\\u0041\"", "\\u0041A", 7},
        {"\"\xE2\x82\xAC\\u20AC\"", "\xE2\x82\xAC\xE2\x82\xAC", 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer text = {0};
        grus_json_span string = scalar(cases[i].json, strlen(cases[i].json));
        grus_json_unescape(&string, &text);
        expect_bytes(&text, cases[i].text, cases[i].size);
        grus_buffer_free(&text);
    }
}
END_TEST

START_TEST(keys)
{
    static const struct {
        const char *json, *name;
        bool same;
    } cases[] = {
        {"\"text\"", "text", true},
        {"\"\"", "", true},
        {"\"\"", "text", false},
        {"\"tex\"", "text", false},
        {"\"texts\"", "text", false},
        {"\"Text\"", "text", false},
        {"\"\\u0074ext\"", "text", true},
        {"\"\\u0074\\u0065\\u0078\\u0074\"", "text", true},
        {"\"\\u0074\\u0065\\u0078\\u0074s\"", "text", false},
        {"\"\\u0074ex\"", "text", false},
        {"\"text\\u0000\"", "text", false},
        {"\"\\u0000\"", "", false},
        {"\"a\\tb\"", "a\tb", true},
        {"\"a\\tb\"", "a\\tb", false},
        {"\"a\\\\tb\"", "a\\tb", true},
        {"\"\\\\\"", "\\", true},
        {"\"\\n\"", "\\n", false},
        {"\"\xC3\xA9\"", "\xC3\xA9", true},
        {"\"\\u00E9\"", "\xC3\xA9", true},
        {"\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80", true},
        {"\"\\ud83d\\ude00\"", "\xF0\x9F\x98", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_json_span key = scalar(cases[i].json, strlen(cases[i].json));
        ck_assert_msg(grus_json_key_is(&key, cases[i].name) == cases[i].same, "%s", cases[i].json);
    }
}
END_TEST

START_TEST(integers)
{
    static const struct {
        const char *json;
        bool fits;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-1", false, 0},
        {"9007199254740993", true, 9007199254740993u},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551625", false, 0},
        {"100000000000000000000000000000000000000000", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_json_span integer = scalar(cases[i].json, strlen(cases[i].json));
        ck_assert_int_eq(integer.type, GRUS_JSON_INTEGER);
        uint64_t value = 0;
        ck_assert_msg(grus_json_to_uint64(&integer, &value) == cases[i].fits, "%s", cases[i].json);
        if (cases[i].fits)
            ck_assert_uint_eq(value, cases[i].value);
    }
    static const char *const reals[] = {"1.0", "3e0", "1E2", "-0.0", "1e400"};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        ck_assert_int_eq(scalar(reals[i], strlen(reals[i])).type, GRUS_JSON_REAL);
}
END_TEST

// In an array it may be read at once, then as the same float and to its end.
static void expect_plain_float(const char *text, float expected)
{
    char item[512];
    for (const char *behind = ",]} "; *behind; behind++) {
        hold(snprintf(item, sizeof item, "%s%c", text, *behind) < (int)sizeof item);
        const char *at = item;
        float value;
        bool plain = grus_json_plain_float(&at, &value);
        hold_msg(plain ? strchr(",]", *behind) && at == item + strlen(text) && memcmp(&value, &expected, 4) == 0
                       : at == item,
                 "%s", item);
    }
}

// Bit for bit what strtof makes of it; an infinity is refused.
static void expect_float(const char *text)
{
    grus_json_span number = scalar(text, strlen(text));
    float value, expected = strtof(text, NULL);
    bool finite = grus_json_to_float(&number, &value);
    hold_msg(finite == isfinite(expected), "%s", text);
    if (finite)
        hold_msg(memcmp(&value, &expected, sizeof value) == 0, "%s: %a, not %a", text, (double)value, (double)expected);
    expect_plain_float(text, expected);
}

// All but the last digits of half of the least float, the midpoint between it and 0.
#define HALF_LEAST \
    "7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319094181060791015"

START_TEST(floats)
{
    // clang-format off
    static const char *const cases[] = {
        "0", "-0", "-0.0", "0e999999999999999999999", "1", "-1", "0.1", "16777217", "16777219",
        "16777217.0000000000000000001", "3.4028234663852886e38", "3.40282356779733661637539395458142568447e38",
        "3.40282356779733661637539395458142568448e38", "3.5e38", "1e39", "1e400", "-1e400",
        "1e99999999999999999999999999", "1e-99999999999999999999999999", "1.4e-45", "0.7e-45",
        HALF_LEAST "625e-46",
        HALF_LEAST "625000001e-46",
        HALF_LEAST "6249999999e-46",
        "1.1754943508222875e-38", "1.1754942807573643e-38", "9007199254740991", "9007199254740992",
        "9007199254740993e3", "1e22", "1e23", "123456789e-22", "0.000000000000000000000000000000000000000000001",
        "1e-45", "33554430.999999999999999999", "8388608.5", "8388609.5", "1.00000005960464477539062500",
        "1.00000005960464477539062501", "1.00000005960464477539062499", "255", "0.25", "-3.141592", "123456789012345",
        "-12345678901234", "0.0000000000001",
    };
    // clang-format on
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_float(cases[i]);
    static const char *const plain[] = {"255,", "-1]", "0.25,", "-3.141592]", "123456789012345,"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        const char *at = plain[i];
        float value;
        ck_assert_msg(grus_json_plain_float(&at, &value), "%s", plain[i]);
    }
}
END_TEST

START_TEST(random_floats)
{
    uint64_t state = 1;
    for (int i = 0; i < 100000; i++) {
        uint32_t bits = (uint32_t)((state = state * 6364136223846793005u + 1442695040888963407u) >> 33);
        float low;
        memcpy(&low, &bits, sizeof low);
        if (!isfinite(low))
            continue;
        char text[256];
        double middle = ((double)low + (double)nextafterf(low, 1e38f)) / 2;
        double value = i & 64 ? middle : (double)low;
        static const int precisions[] = {9, 6, 17, 120, 7, 3, 60, 16};
        int precision = precisions[i % 8];
        if (precision == 7 || precision == 60)
            snprintf(text, sizeof text, "%.*f", precision, value);
        else
            snprintf(text, sizeof text, "%.*e", precision, value);
        expect_float(text);
    }
}
END_TEST

// Zeros before, after and between: far more digits than fit a buffer.
START_TEST(long_numbers)
{
    static const struct {
        const char *before, *after;
        float value;
    } cases[] = {
        {"1", "e-100000", 1.0f},
        {"16777217", "1e-100001", 16777218.0f},
        {"16777217", "0e-100001", 16777216.0f},
        {"0.", "25e100001", 2.5f},
        {"1.", "1", 1.0f},
        {"-0.", "e5", -0.0f},
        {"1.00000005960464477539062500", "1", 1.00000011920928955078125f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_buffer text = {0};
        grus_buffer_text(&text, cases[i].before);
        for (int zeros = 0; zeros < 100000; zeros++)
            grus_buffer_byte(&text, '0');
        grus_buffer_text(&text, cases[i].after);
        grus_json_span number = scalar(text.data, text.size);
        float value;
        ck_assert(grus_json_to_float(&number, &value));
        ck_assert_msg(memcmp(&value, &cases[i].value, sizeof value) == 0, "case %zu: %a", i, (double)value);
        grus_buffer_free(&text);
    }
}
END_TEST

START_TEST(items)
{
    const char *line = " [ 1 ,[2,[3],{}], {\"a\":1,\"b\":[1,2]},\"x,y\",[ ] ] ";
    grus_json_scan scan;
    grus_json_span array, item;
    ck_assert(!grus_json_scan_object(&scan, line, strlen(line), &array));
    ck_assert_int_eq(array.type, GRUS_JSON_ARRAY);
    ck_assert_uint_eq(array.n_items, 5);
    static const struct {
        grus_json_type type;
        size_t n_items;
        const char *text;
    } expected[] = {
        {GRUS_JSON_INTEGER, 0, "1"},
        {GRUS_JSON_ARRAY, 3, "[2,[3],{}]"},
        {GRUS_JSON_OBJECT, 2, "{\"a\":1,\"b\":[1,2]}"},
        {GRUS_JSON_STRING, 0, "\"x,y\""},
        {GRUS_JSON_ARRAY, 0, "[ ]"},
    };
    grus_json_scan_items(&scan, &array);
    for (size_t i = 0; i < 5; i++) {
        ck_assert(grus_json_next_item(&scan, &item));
        ck_assert_int_eq(item.type, expected[i].type);
        ck_assert_uint_eq(item.n_items, expected[i].n_items);
        ck_assert_uint_eq(item.length, strlen(expected[i].text));
        ck_assert_mem_eq(item.text, expected[i].text, item.length);
    }
    ck_assert(!grus_json_next_item(&scan, &item));
    ck_assert_ptr_null(scan.reason);
}
END_TEST

// ---- memory ----

// The linker sends this program's calls here (--wrap): what is asked for is counted, whether it is given back or not.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static size_t asked;

void *__wrap_malloc(size_t size)
{
    asked += size;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    asked += count * size;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    asked += size;
    return __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    asked += size;
    return __real_aligned_alloc(alignment, size);
}

START_TEST(hostile_lines_cost_nothing)
{
    static const char *const parts[] = {"[],",          "{},",     "[[[[]]]],", "{\"a\":{\"\":[1e999]}},",
                                        "\"\\u0000\",", "-0.0E-0,"};
    static const grus_record_format format = {.kind = GRUS_SHARD_JSONL, .text_key = "text"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        grus_buffer line = {0};
        grus_buffer_text(&line, "{\"x\":[");
        while (line.size < 15000000)
            grus_buffer_text(&line, parts[i]);
        grus_buffer_text(&line, "0],\"text\":\"a\"}");
        grus_record record = {0};
        grus_error error;
        size_t before = asked;
        ck_assert_int_eq(grus_record_parse(&format, line.data, line.size, &record, &error), GRUS_OK);
        expect_text(&record.text, "a");
        ck_assert_msg(asked > before && asked - before < 65536, "%zu bytes of memory", asked - before);
        grus_record_free(&record);
        grus_buffer_free(&line);
    }
}
END_TEST

// One wide row does not make the others wide.
START_TEST(hostile_features_cost_little)
{
    grus_record_format format = {.kind = GRUS_SHARD_JSONL, .want_features = true, .feature_dim = 1000};
    grus_buffer line = {0};
    grus_buffer_text(&line, "{\"features\":[[0");
    for (int i = 1; i < 1000; i++)
        grus_buffer_text(&line, ",0");
    grus_buffer_text(&line, "]");
    while (line.size < 15000000)
        grus_buffer_text(&line, ",[]");
    grus_buffer_text(&line, "]}");
    grus_record record = {0};
    grus_error error;
    size_t before = asked;
    ck_assert_int_eq(grus_record_parse(&format, line.data, line.size, &record, &error), GRUS_E_FAILED);
    expect_error(&error, "", "bad_features", "row 1");
    ck_assert_msg(asked - before < 65536, "%zu bytes of memory", asked - before);
    grus_record_free(&record);
    grus_buffer_free(&line);
}
END_TEST

// The bytes of the escapes by the rule that is written down, character by character as libunistring finds them.
static void expect_escapes(const grus_buffer *json, const uint8_t *name, size_t size)
{
    grus_buffer expected = {0};
    grus_buffer_text(&expected, "{\"n\": \"");
    for (size_t at = 0; at < size;) {
        ucs4_t point;
        int length = u8_mbtoucr(&point, name + at, size - at);
        if (length < 0)
            grus_buffer_printf(&expected, "\\udc%x", (unsigned)name[at]);
        else if (*(name + at) == '"' || *(name + at) == '\\')
            grus_buffer_printf(&expected, "\\%c", name[at]);
        else
            grus_buffer_append(&expected, name + at, (size_t)length);
        at += length < 0 ? 1 : (size_t)length;
    }
    grus_buffer_text(&expected, "\"}");
    ck_assert_msg(json->size == expected.size && memcmp(json->data, expected.data, expected.size) == 0, "%.*s",
                  (int)json->size, json->data);
    grus_buffer_free(&expected);
}

// Written, read, dumped and read again, a name is the same bytes; the readers of what others write refuse its escapes.
static void go_and_come(const uint8_t *name, size_t size)
{
    grus_buffer out = {0}, dump = {0};
    json_t *json, *again, *none;
    grus_error error;
    grus_json_fault fault;
    grus_buffer_byte(&out, '{');
    grus_json_name_member(&out, "n", (const char *)name);
    grus_buffer_byte(&out, '}');
    expect_escapes(&out, name, size);
    ck_assert(!u8_check((const uint8_t *)out.data, out.size));
    ck_assert_int_eq(grus_json_read_text("f", out.data, out.size, GRUS_E_OUTPUT, &json, &error), GRUS_OK);
    ck_assert_str_eq(json_string_value(json_object_get(json, "n")), (const char *)name);
    grus_json_dump(json, false, &dump);
    ck_assert_int_eq(grus_json_read_text("f", dump.data, dump.size, GRUS_E_OUTPUT, &again, &error), GRUS_OK);
    ck_assert_str_eq(json_string_value(json_object_get(again, "n")), (const char *)name);
    bool utf8 = !u8_check(name, size);
    ck_assert_int_eq(grus_json_tree(out.data, out.size, &none, &fault), utf8 ? GRUS_OK : GRUS_E_FAILED);
    json_decref(none);
    json_decref(again);
    json_decref(json);
    grus_buffer_free(&dump);
    grus_buffer_free(&out);
}

START_TEST(names)
{
    static const uint8_t bytes[] = {'a',  '"',  '\\', 'u',  'd',  'c',  0x7F, 0x80, 0x9F, 0xA0, 0xA9,
                                    0xB3, 0xBF, 0xC0, 0xC2, 0xC3, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xFF};
    srand(12);
    for (int i = 0; i < 20000; i++) {
        uint8_t name[17] = {0};
        size_t size = (size_t)rand() % 17;
        for (size_t at = 0; at < size; at++)
            name[at] = i % 2 ? bytes[(size_t)rand() % sizeof bytes] : (uint8_t)(0x20 + rand() % 0xE0);
        go_and_come(name, size);
    }
}
END_TEST

// Only what a name's byte becomes is taken, and only in files of our own.
START_TEST(other_surrogates)
{
    static const struct {
        const char *json, *name;
    } cases[] = {
        {"{\"n\": [[\"\\uDCFF\\udc80\"]]}", "\xFF\x80"},
        {"{\"n\": [[\"\\udc7f\"]]}", NULL},
        {"{\"n\": [[\"\\udd80\"]]}", NULL},
        {"{\"n\": [[\"\\ud880\"]]}", NULL},
        {"{\"n\": [[\"\\ud83d\\udc80\"]]}", "\xF0\x9F\x92\x80"},
        {"{\"n\": [[\"\\ud83d\\udc80\\udc80\"]]}", "\xF0\x9F\x92\x80\x80"},
        {"{\"n\": [[\"\xFF\"]]}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json;
        grus_error error;
        grus_status status =
            grus_json_read_text("f", cases[i].json, strlen(cases[i].json), GRUS_E_OUTPUT, &json, &error);
        ck_assert_msg(status == (cases[i].name ? GRUS_OK : GRUS_E_OUTPUT), "%s", cases[i].json);
        if (cases[i].name)
            ck_assert_str_eq(json_string_value(json_array_get(json_array_get(json_object_get(json, "n"), 0), 0)),
                             cases[i].name);
        json_decref(json);
    }
}
END_TEST

// As jansson writes a tree whose texts are UTF-8.
START_TEST(dumps)
{
    static const char text[] =
        "{\"a\": 1, \"b\": [], \"c\": {}, \"d\": [true, null, {\"e\": 0.1}, [-1e300]], \"f\": \"\xC3\xA9\\n\"}";
    json_t *json;
    grus_error error;
    ck_assert_int_eq(grus_json_read_text("f", text, strlen(text), GRUS_E_OUTPUT, &json, &error), GRUS_OK);
    for (int lines = 0; lines < 2; lines++) {
        grus_buffer out = {0};
        grus_json_dump(json, lines, &out);
        grus_buffer_byte(&out, '\0');
        char *expected = json_dumps(json, JSON_REAL_PRECISION(17) | (lines ? JSON_INDENT(2) : JSON_COMPACT));
        ck_assert_str_eq(out.data, expected);
        free(expected);
        grus_buffer_free(&out);
    }
    json_decref(json);
}
END_TEST

Suite *json_value_suite(void)
{
    Suite *suite = suite_create("io/json_value");
    TCase *tests = tcase_create("values");
    tcase_add_test(tests, unescaping);
    tcase_add_test(tests, keys);
    tcase_add_test(tests, integers);
    tcase_add_test(tests, floats);
    tcase_add_test(tests, random_floats);
    tcase_add_test(tests, long_numbers);
    tcase_add_test(tests, items);
    tcase_add_test(tests, names);
    tcase_add_test(tests, other_surrogates);
    tcase_add_test(tests, dumps);
    tcase_add_test(tests, hostile_lines_cost_nothing);
    tcase_add_test(tests, hostile_features_cost_little);
    suite_add_tcase(suite, tests);
    return suite;
}
