// check_io_json.c: what is JSON and what is not, by the letter of RFC 8259, and beside jansson where that keeps to it.
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io/json/scan.h"
#include "io/json/settings.h"
#include "io/json/tree.h"
#include "tests/unit/check_io.h"
#include "tests/unit/hold.h"

// Scans a copy without a byte behind it. true: valid, and every span lies in the text.
static bool accepts(const char *text, size_t size, grus_json_scan *scan)
{
    char *copy = malloc(size ? size : 1);
    hold(copy);
    memcpy(copy, text, size);
    grus_json_span key, value;
    bool object = grus_json_scan_object(scan, copy, size, &value);
    while (object && grus_json_next_member(scan, &key, &value)) {
        hold(key.text > copy && key.text[0] == '"' && key.text[key.length - 1] == '"');
        hold(value.text > key.text + key.length && value.text + value.length <= copy + size);
    }
    if (scan->reason)
        hold(scan->column >= 1 && scan->column <= size + 1);
    else
        hold(object || value.type != GRUS_JSON_NONE);
    free(copy);
    return !scan->reason;
}

static bool jansson_accepts(const char *text, size_t size)
{
    json_t *json = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    json_decref(json);
    return json != NULL;
}

static void expect_verdict(const char *text, size_t size, bool valid, bool jansson)
{
    grus_json_scan scan;
    bool found = accepts(text, size, &scan);
    ck_assert_msg(found == valid, "«%.*s» is %s", (int)size, text, found ? "accepted" : scan.reason);
    ck_assert_msg(jansson_accepts(text, size) == jansson, "jansson on «%.*s»", (int)size, text);
}

// clang-format off
#define VALID(text) {text, sizeof text - 1, true, true}
#define WRONG(text) {text, sizeof text - 1, false, false}
#define ONLY_HERE(text) {text, sizeof text - 1, true, false} // refused by jansson: a great number, a NUL in a key
#define NOT_HERE(text) {text, sizeof text - 1, false, true}  // jansson does not see a NUL right behind a number or word

static const struct {
    const char *text;
    size_t size;
    bool valid, jansson;
} verdicts[] = {
    // Values by themselves, and white space.
    VALID("null"), VALID("true"), VALID("false"), VALID("0"), VALID("\"\""), VALID("[]"), VALID("{}"), VALID(" null"),
    VALID("null "), VALID("\t\n\r [ \t\n\r] \t\n\r"), VALID(" { } "), VALID("\n[1\r,\t2 ]\n"),
    VALID("{\"a\"\n:\t1\r,\"b\" :2}"), VALID(" \"a\" "), WRONG(""), WRONG(" "), WRONG("\n\t\r"), WRONG("\f"),
    WRONG("\f[]"), WRONG("[]\v"), WRONG("[\v1]"), WRONG("\xC2\xA0[]"), WRONG("[]\xE2\x80\xA8"),
    WRONG("\xEF\xBB\xBF{}"), WRONG("\xEF\xBB{}"), WRONG("{}\xEF\xBB\xBF"), WRONG("\xFF\xFE{\0}\0"), WRONG("\0{\0}"),
    WRONG("\0"), WRONG("[]\0"), WRONG("[1]\0[2]"), WRONG("[\0]"),
    // Words.
    WRONG("nul"), WRONG("nulll"), WRONG("Null"), WRONG("NULL"), WRONG("tru"), WRONG("True"), WRONG("TRUE"),
    WRONG("fals"), WRONG("truefalse"), WRONG("NaN"), WRONG("nan"), WRONG("Infinity"), WRONG("-Infinity"),
    WRONG("inf"), WRONG("undefined"), WRONG("a"), WRONG("[nul]"), WRONG("[tru]"), WRONG("[true false]"),
    WRONG("[truee]"), WRONG("{\"a\":t}"), WRONG("[NaN]"), WRONG("t\0ue"), VALID("[true,false,null]"),
    // Numbers.
    VALID("1"), VALID("-1"), VALID("-0"), VALID("0.0"), VALID("-0.0"), VALID("10"),
    VALID("123456789012345678901234567890"), VALID("1.5"), VALID("0.5e1"), VALID("1e5"), VALID("1E5"), VALID("1e+5"),
    VALID("1E+5"), VALID("1e-5"), VALID("1E-5"), VALID("0e0"), VALID("0E+00"), VALID("1e05"), VALID("1e-400"),
    VALID("0.000000000000000000000000000000000000000000001"), VALID("[1,-2,3.25,4e2]"),
    VALID("[-9223372036854775809]"), VALID("[18446744073709551616]"), VALID("1e308"), ONLY_HERE("1e400"),
    ONLY_HERE("-1e400"), ONLY_HERE("[1e999999999999999999999]"), VALID("1e-999999999999999999999"),
    ONLY_HERE("{\"a\":1.7976931348623159e308}"), VALID("0.1e1"), WRONG("-"), WRONG("+"), WRONG("+1"), WRONG("--1"),
    WRONG("-a"), WRONG("- 1"), WRONG("01"), WRONG("-01"), WRONG("00"), WRONG("-00"), WRONG("012"), WRONG("0.1.2"),
    WRONG(".5"), WRONG("-.5"), WRONG("."), WRONG("1."), WRONG("-1."), WRONG("1.e1"), WRONG("1.a"), WRONG("1e"),
    WRONG("1E"), WRONG("1e+"), WRONG("1e-"), WRONG("1ee1"), WRONG("1e1.5"), WRONG("1e1e1"), WRONG("0e"), WRONG("0e+"),
    WRONG("0.e1"), WRONG("1e+-1"), WRONG("e1"), WRONG("0x1F"), WRONG("0b1"), WRONG("1_000"), WRONG("1 000"),
    WRONG("1,000"), WRONG("1a"), WRONG("[1a]"), WRONG("[-]"), WRONG("[1.]"), WRONG("[.5]"), WRONG("[1e]"),
    WRONG("[01]"), WRONG("[1 2]"), WRONG("\xEF\xBC\x91"), WRONG("1\xEF\xBC\x91"), WRONG("1f"), WRONG("1L"),
    NOT_HERE("1\0"), NOT_HERE("[1\0]"), NOT_HERE("null\0"),
    NOT_HERE("[true\0,1]"),
    // Strings.
    VALID("\"a\""), VALID("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), VALID("\"/\""), VALID("\"'\""), VALID("\"\x7F\""),
    VALID("\"\\u0000\""), VALID("\"\\u00e9\\u00E9\\uFFFF\""), VALID("\"\\uD83D\\uDE00\""),
    VALID("\"\\ud83d\\ude00\""), VALID("\"\\uDBFF\\uDFFF\""), VALID("\"\\uD800\\uDC00\""), VALID("\"\\uaBcD\""),
    VALID("\"\\\\u12\""), VALID("\"\\\\\""), VALID("\"a/*b*/c//d\""), VALID("\" \""),
    VALID("\"\\u2028\xE2\x80\xA8\""), VALID("\"\xEF\xBB\xBF\""), VALID("\"\xEF\xBF\xBE\xEF\xBF\xBF\""),
    VALID("\"\xF4\x8F\xBF\xBF\""), VALID("\"12345678901234567\""), VALID("\"1234567\\n12345678\""), WRONG("\""),
    WRONG("\"a"), WRONG("\"\\\""), WRONG("\"\\"), WRONG("'a'"), WRONG("`a`"), WRONG("\"a'"), WRONG("\"a\"b"),
    WRONG("\"\\a\""), WRONG("\"\\x41\""), WRONG("\"\\'\""), WRONG("\"\\0\""), WRONG("\"\\U0041\""), WRONG("\"\\ \""),
    WRONG("\"\\\n\""), WRONG("\"\\\0\""), WRONG("\"\\u\""), WRONG("\"\\u0\""), WRONG("\"\\u00\""),
    WRONG("\"\\u004\""), WRONG("\"\\u004g\""), WRONG("\"\\u 041\""), WRONG("\"\\u-041\""), WRONG("\"\\u{41}\""),
    WRONG("\"\\u00"), WRONG("\"\\uD800\""), WRONG("\"\\uD800a\""), WRONG("\"\\uDC00\""), WRONG("\"\\uDFFF\\uD800\""),
    WRONG("\"\\uD800\\uD800\""), WRONG("\"\\uD800\\n\""), WRONG("\"\\uD800\\u0041\""), WRONG("\"\\uD800\\uDC0\""),
    WRONG("\"\\uD800\\\""), WRONG("\"\\uD800\\u\""), WRONG("\"\\uD800 \\uDC00\""), WRONG("\"\\ud83d\\\\ude00\""),
    WRONG("\"\\uDBFF\\uE000\""), WRONG("\"\\u12\xC3\xA9\""), WRONG("\"\\\xC3\xA9\""), WRONG("\"a\nb\""),
    WRONG("\"a\tb\""), WRONG("\"a\0b\""), WRONG("\"12345678\x1F\""), WRONG("\"1234567\x01\""),
    WRONG("\"1234567890123456"), WRONG("a\""), WRONG("\xE2\x80\x9C" "a\xE2\x80\x9D"),
    // UTF-8.
    VALID("\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xF0\x90\x80\x80\""), WRONG("\"\x80\""),
    WRONG("\"\xBF\""), WRONG("\"\xC0\x80\""), WRONG("\"\xC1\xBF\""), WRONG("\"\xC3\""), WRONG("\"\xC3(\""),
    WRONG("\"\xE0\x80\x80\""), WRONG("\"\xE0\x9F\xBF\""), WRONG("\"\xE2\x82\""), WRONG("\"\xE2(\xA1\""),
    WRONG("\"\xE2\x82(\""), WRONG("\"\xED\xA0\x80\""), WRONG("\"\xED\xBF\xBF\""),
    WRONG("\"\xED\xA0\xBD\xED\xB8\x80\""), WRONG("\"\xF0\x8F\xBF\xBF\""), WRONG("\"\xF0\x9F\x98\""),
    WRONG("\"\xF4\x90\x80\x80\""), WRONG("\"\xF5\x80\x80\x80\""), WRONG("\"\xF8\x88\x80\x80\x80\""),
    WRONG("\"\xFC\x84\x80\x80\x80\x80\""), WRONG("\"\xFE\""), WRONG("\"\xFF\""), WRONG("\"\xE9\""), WRONG("[\xFF]"),
    WRONG("\xC3"), WRONG("{\"\xFF\":1}"), WRONG("\"12345678\xC3\""), WRONG("\"\xE2\x82"),
    WRONG("\"\\uD83D\xED\xB8\x80\""),
    // Arrays.
    VALID("[1]"), VALID("[[]]"), VALID("[[],[]]"), VALID("[[[[]]],{}]"), VALID("[\"\"]"), VALID("[{}]"),
    VALID("[1,\"a\",null,[2],{\"b\":3}]"), WRONG("["), WRONG("]"), WRONG("[1"), WRONG("[1,"), WRONG("[,"),
    WRONG("[,]"), WRONG("[,1]"), WRONG("[1,]"), WRONG("[1,,2]"), WRONG("[1,,]"), WRONG("[1 ,]"), WRONG("[1}"),
    WRONG("[}"), WRONG("[[]"), WRONG("[]]"), WRONG("[][]"), WRONG("[] []"), WRONG("[],"), WRONG(",[]"),
    WRONG("[1;2]"), WRONG("[1:2]"), WRONG("[\"a\":1]"), WRONG("[\"a\" \"b\"]"), WRONG("[1]x"), WRONG("x[1]"),
    WRONG("[*]"), WRONG("[][1]"), WRONG("[{]}"), WRONG("[1]]"), WRONG("[[1]"), WRONG("(1)"), WRONG("[...]"),
    WRONG("[1,\n1\n,1"),
    // Objects.
    VALID("{\"a\":1}"), VALID("{\"\":0}"), VALID("{\"a\":1,\"a\":2}"), VALID("{\"a\":{\"a\":{}}}"),
    VALID("{\"a\":[],\"b\":{}}"), VALID("{\"\\u0061\":1}"), ONLY_HERE("{\"a\\u0000b\":1}"),
    ONLY_HERE("{\"x\":{\"\\u0000\":1}}"), VALID("{\"\xC3\xA9\":1}"), WRONG("{"), WRONG("}"), WRONG("{\"a\"}"),
    WRONG("{\"a\":}"), WRONG("{\"a\":1"), WRONG("{\"a\":1,"), WRONG("{\"a\":1,}"), WRONG("{,}"), WRONG("{,\"a\":1}"),
    WRONG("{\"a\":1,,\"b\":2}"), WRONG("{\"a\" 1}"), WRONG("{\"a\"::1}"), WRONG("{\"a\":1 \"b\":2}"), WRONG("{a:1}"),
    WRONG("{'a':1}"), WRONG("{1:1}"), WRONG("{null:1}"), WRONG("{[]:1}"), WRONG("{:1}"), WRONG("{\"a\":1]"),
    WRONG("{\"a\":[1}]"), WRONG("{\"a\":1}}"), WRONG("{\"a\":1}{}"), WRONG("{\"a\":1} x"), WRONG("{\"a\":1};"),
    WRONG("{\"a\"=1}"), WRONG("{\"a\",1}"), WRONG("{\"a\":1;\"b\":2}"), WRONG("{\"a\":1:2}"), WRONG("{\"a\":'b'}"),
    WRONG("{\"a\":01}"), WRONG("{\"a\":\"b}"), WRONG("{\"a:1}"), WRONG("{\"a\\uD800\":1}"), WRONG("{\"a\tb\":1}"),
    WRONG("{{}}"), WRONG("{{}:1}"), WRONG("{\"a\":{\"b\":1}"), WRONG("{\"x\":[1,]}"), WRONG("{\"x\":{\"y\":1,}}"),
    WRONG("{\"x\":{y:1}}"), WRONG("{\"x\":{\"y\"}}"), WRONG("{\"x\":[}"), WRONG("{\"x\":{]"),
    WRONG("{\"x\":[{\"y\":1]}"),
    // Comments and other dialects.
    WRONG("/**/{}"), WRONG("{}/**/"), WRONG("{}//"), WRONG("//\n{}"), WRONG("#\n{}"), WRONG("{\"a\":/**/1}"),
    WRONG("[1//\n]"), WRONG("{\"a\":1,/*x*/\"b\":2}"), WRONG("<null>"), WRONG("[\"a\",\n\"b\"\n,]"),
    WRONG("{\"a\":undefined}"), WRONG("{\"a\":+1}"), WRONG("\xE2\x80\x8B{}"), WRONG("{\"a\":1}\x1A"), WRONG("{}\0"),
    WRONG("\x1E{}"), WRONG("@"), WRONG("\\u007B}"),
};
// clang-format on

START_TEST(table_of_verdicts)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        expect_verdict(verdicts[i].text, verdicts[i].size, verdicts[i].valid, verdicts[i].jansson);
}
END_TEST

// Every verdict of the table is the same within an array and as a member, where its text can stand there.
START_TEST(verdicts_within)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        if (memchr(verdicts[i].text, ',', verdicts[i].size) || memchr(verdicts[i].text, '"', verdicts[i].size))
            continue;
        grus_buffer item = {0}, member = {0};
        grus_buffer_text(&item, "[");
        grus_buffer_append(&item, verdicts[i].text, verdicts[i].size);
        grus_buffer_text(&item, ",1]");
        grus_buffer_text(&member, "{\"a\":");
        grus_buffer_append(&member, verdicts[i].text, verdicts[i].size);
        grus_buffer_text(&member, ",\"b\":[]}");
        expect_verdict(item.data, item.size, verdicts[i].valid, verdicts[i].jansson);
        expect_verdict(member.data, member.size, verdicts[i].valid, verdicts[i].jansson);
        grus_buffer_free(&item);
        grus_buffer_free(&member);
    }
}
END_TEST

START_TEST(every_byte_everywhere)
{
    static const char *const places[] = {
        "@",       "@[]",     "[]@",       "[@]",         "[1@]",         "[1@2]",     "\"@\"",
        "\"\\@\"", "{@}",     "{\"a\"@1}", "{\"a\":@}",   "{\"a\":1@}",   "[-@]",      "[0@]",
        "[1.@]",   "[1e@]",   "[1e+@]",    "\"\\u004@\"", "[nul@]",       "{\"@\":1}", "\"\\uD@00\"",
        "[1@,2]",  "[[]@[]]", "[0.1@1]",   "[@\"\"]",     "\"12345678@\""};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[32];
            size_t size = strlen(places[i]);
            memcpy(text, places[i], size);
            *(char *)memchr(text, '@', size) = (char)byte;
            grus_json_scan scan;
            bool expected = byte != 0 && jansson_accepts(text, size);
            ck_assert_msg(accepts(text, size, &scan) == expected, "byte %d in %s", byte, places[i]);
        }
    }
    for (int byte = 0; byte < 0x20; byte++) {
        char string[] = {'"', (char)byte, '"'}, space[] = {'[', (char)byte, ']'};
        expect_verdict(string, sizeof string, false, false);
        bool valid = byte == '\t' || byte == '\n' || byte == '\r';
        expect_verdict(space, sizeof space, valid, valid);
    }
}
END_TEST

START_TEST(utf8)
{
    static const uint8_t tails[][2] = {{'a', 'a'}, {0x80, 'a'}, {0xBF, 0x80}, {0x7F, 0x80}, {0xC0, 0x80}, {0x80, 0xC0}};
    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        for (unsigned second = 0; second < 0x100; second++) {
            for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
                char text[] = {'"', (char)lead, (char)second, (char)tails[i][0], (char)tails[i][1], '"'};
                grus_json_scan scan;
                hold_msg(accepts(text, sizeof text, &scan) == jansson_accepts(text, sizeof text), "%02x %02x %02x %02x",
                         lead, second, tails[i][0], tails[i][1]);
            }
        }
    }
}
END_TEST

START_TEST(unicode_escapes)
{
    static const char *const second[] = {"",        "a",       "\\n",     "\\uD7FF", "\\uD800",
                                         "\\uDBFF", "\\uDC00", "\\udfff", "\\uE000"};
    for (unsigned code = 0; code < 0x10000; code += code >= 0xD700 && code < 0xE100 ? 1 : 61) {
        for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
            char text[32];
            int size = snprintf(text, sizeof text, i % 2 ? "\"\\u%04X%s\"" : "\"\\u%04x%s\"", code, second[i]);
            grus_json_scan scan;
            hold_msg(accepts(text, (size_t)size, &scan) == jansson_accepts(text, (size_t)size), "%s", text);
        }
    }
}
END_TEST

START_TEST(truncated_everywhere)
{
    static const char text[] =
        "{\"a\": [1, -2.5e+3, \"\\u00e9\\ud83d\\ude00\xE2\x82\xAC\xF0\x9F\x98\x80\", {\"b\": [[], {}, null]}], "
        "\"c\": true, \"d\" : \"\\\\\\\"\" , \"e\": {\"f\": false, \"g\": 0}}";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        expect_verdict(text, size, false, false);
        grus_json_scan scan;
        char open[sizeof text + 1] = "[";
        memcpy(open + 1, text, size);
        ck_assert(!accepts(open, size + 1, &scan));
    }
    expect_verdict(text, sizeof text - 1, true, true);
}
END_TEST

static void repeat(grus_buffer *text, const char *part, size_t times)
{
    for (size_t i = 0; i < times; i++)
        grus_buffer_text(text, part);
}

// before×n, middle, after×n, by itself and as a member of an object.
static bool accepts_nested(const char *before, size_t n, const char *middle, const char *after, bool as_member)
{
    grus_buffer text = {0};
    grus_buffer_text(&text, as_member ? "{\"a\":" : "");
    repeat(&text, before, n);
    grus_buffer_text(&text, middle);
    repeat(&text, after, n);
    grus_buffer_text(&text, as_member ? "}" : "");
    grus_json_scan scan;
    bool valid = accepts(text.data, text.size, &scan);
    if (!valid)
        ck_assert_ptr_nonnull(strstr(scan.reason, n + as_member > GRUS_JSON_DEPTH ? "depth" : "expected"));
    grus_buffer_free(&text);
    return valid;
}

START_TEST(depth)
{
    const size_t most = GRUS_JSON_DEPTH;
    ck_assert(accepts_nested("[", most, "", "]", false));
    ck_assert(accepts_nested("[", most, "1", "]", false)); // jansson counts the 1 as a level too
    ck_assert(!accepts_nested("[", most + 1, "", "]", false));
    ck_assert(accepts_nested("[", most - 1, "", "]", true));
    ck_assert(!accepts_nested("[", most, "", "]", true));
    ck_assert(accepts_nested("{\"k\":", most - 1, "1", "}", true));
    ck_assert(!accepts_nested("{\"k\":", most, "1", "}", true));
    ck_assert(accepts_nested("[{\"k\":", most / 2 - 1, "[]", "}]", true));
    ck_assert(accepts_nested("[[],{},", 500, "[]", ",{}]", true));
    ck_assert(!accepts_nested("[{\"k\":", 500, "[]", "]}", true));
    ck_assert(!accepts_nested("[", 100000, "", "]", false));
    ck_assert(!accepts_nested("[", 100000, "", "", true));
    ck_assert(!accepts_nested("{\"\":", 100000, "", "", false));
    ck_assert(!accepts_nested("[{\"\":", 100000, "1", "}]", false));
}
END_TEST

START_TEST(places_and_reasons)
{
    static const struct {
        const char *text, *reason;
        size_t column;
        bool bad_utf8;
    } cases[] = {
        {"", "expected a value", 1, false},
        {"{\"a\": nul}", "expected a value", 7, false},
        {"{\"a\": 1", "expected a comma or '}'", 8, false},
        {"{\"a\": [1 2]}", "expected a comma or ']'", 10, false},
        {"{\"a\": [1,2 3]}", "expected a comma or ']'", 12, false},
        {"{\"a\": [1,2,]}", "expected a value", 12, false},
        {"{\"a\": [1,,2]}", "expected a value", 10, false},
        {"{\"a\": [1,-2,03,4]}", "leading zero", 13, false},
        {"{\"a\": [1,2.,3]}", "expected a digit", 12, false},
        {"{\"a\": [1,-,3]}", "expected a digit", 11, false},
        {"{\"a\": [1,2,3", "expected a comma or ']'", 13, false},
        {"{\"a\": [1,2,", "expected a value", 12, false},
        {"{\"a\": {\"b\": 1,2}}", "expected a key", 15, false},
        {"{\"a\": 1,}", "expected a key", 9, false},
        {"{\"a\" 1}", "expected a colon", 6, false},
        {"{\"a\": {\"b\": 1]}", "expected a comma or '}'", 14, false},
        {"{} {}", "more text", 4, false},
        {"{\"a\": 01}", "leading zero", 7, false},
        {"{\"a\": 1.}", "expected a digit", 9, false},
        {"{\"a\": \"b", "without end", 9, false},
        {"{\"a\": \"b\\q\"}", "unknown escape", 10, false},
        {"{\"a\": \"b\\u12\"}", "four hexadecimal digits", 9, false},
        {"{\"a\": \"b\\ud800\"}", "first half of a surrogate pair", 9, false},
        {"{\"a\": \"b\\udc00\"}", "second half of a surrogate pair", 9, false},
        {"{\"a\": \"b\tc\"}", "control character", 9, false},
        {"\xEF\xBB\xBF{}", "byte order mark", 1, false},
        {"{\"a\": \"\xC3\xA9\xFF\"}", "UTF-8", 10, true},
        {"{\"a\": \xFF}", "UTF-8", 7, true},
        {"{\"a\": \xC3\xA9}", "expected a value", 7, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_json_scan scan;
        ck_assert(!accepts(cases[i].text, strlen(cases[i].text), &scan));
        ck_assert_msg(strstr(scan.reason, cases[i].reason) != NULL && scan.column == cases[i].column &&
                          scan.bad_utf8 == cases[i].bad_utf8,
                      "%s: %s, column %zu", cases[i].text, scan.reason, scan.column);
    }
}
END_TEST

// ---- jansson's want of memory ----

static size_t allocations_left;

static void *stingy_malloc(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(size);
}

// Whichever allocation fails, it is not taken for a mistake in the text.
START_TEST(no_memory_is_no_mistake)
{
    static const char text[] =
        "{\"name\": \"a string of more than sixteen bytes, \\u00e4\\ud83d\\ude00\", \"list\": [1, 2.5, "
        "true, null, {\"a\": -1e10, \"b\": 12345678901}], \"x\": {}, \"y\": [[], [[]]], \"z\": \"\"}";
    bool done = false;
    size_t failed = 0;
    json_set_alloc_funcs(stingy_malloc, free);
    for (; !done; failed++) {
        json_t *json = NULL;
        grus_error error;
        allocations_left = failed;
        grus_status status = grus_json_read_text("f", text, strlen(text), GRUS_E_OUTPUT, &json, &error);
        done = status == GRUS_OK;
        if (!done)
            ck_assert_int_eq(status, GRUS_E_MEMORY);
        ck_assert(done == (json != NULL));
        json_decref(json);
    }
    ck_assert_uint_gt(failed, 30);
    for (size_t size = 0; size < strlen(text); size++) {
        json_t *json;
        grus_error error;
        allocations_left = SIZE_MAX;
        ck_assert_int_eq(grus_json_read_text("f", text, size, GRUS_E_OUTPUT, &json, &error), GRUS_E_OUTPUT);
    }
    json_set_alloc_funcs(malloc, free);
}
END_TEST

Suite *json_suite(void)
{
    Suite *suite = suite_create("io/json_scan");
    TCase *tests = tcase_create("grammar");
    tcase_add_test(tests, table_of_verdicts);
    tcase_add_test(tests, verdicts_within);
    tcase_add_test(tests, every_byte_everywhere);
    tcase_add_test(tests, utf8);
    tcase_add_test(tests, unicode_escapes);
    tcase_add_test(tests, truncated_everywhere);
    tcase_add_test(tests, depth);
    tcase_add_test(tests, places_and_reasons);
    tcase_add_test(tests, no_memory_is_no_mistake);
    suite_add_tcase(suite, tests);
    return suite;
}
