// check_io_json_random.c: documents made and damaged at random: the scan and jansson agree on every one.
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "io/json/tree.h"
#include "io/json/value.h"
#include "tests/unit/check_io.h"
#include "tests/unit/hold.h"

#define DOCUMENTS 300000

static uint64_t state;

static unsigned below(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % n);
}

static const char *one_of(const char *const words[], size_t n)
{
    return words[below((unsigned)n)];
}

#define ONE_OF(words) one_of(words, sizeof(words) / sizeof *(words))

// ---- documents ----

static const char *const spaces[] = {"", "", "", "", " ", "\t", "\n", " \r"};
// clang-format off
static const char *const keys[] = {
    "text", "a", "b", "", "te\\u0078t", "\\u0074ext", "\xC3\xA9", "a\\n", "Text", "texts",
};
static const char *const scalars[] = {
    "null", "true", "false", "0", "-1", "12", "1.5", "-0.25e+3", "1E2", "0e-1", "\"\"", "[]", "{ }", "\"\\\"\"",
    "1e-400", "9223372036854775808",
};
static const char *const texts[] = {
    "a", "b c", "12345678", "0123456789abcdef", "\\n", "\\u0000", "\\u00e9", "\xC3\xA9", "\\ud83d\\ude00",
    "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\\\\", "\\\"", "\\/", "\\uFFFF", "\x7F", "/", "}",
};
// clang-format on

static void add_string(grus_buffer *out)
{
    grus_buffer_byte(out, '"');
    for (unsigned i = below(5); i > 0; i--)
        grus_buffer_text(out, ONE_OF(texts));
    grus_buffer_byte(out, '"');
}

static void add_value(grus_buffer *out, unsigned levels)
{
    unsigned kind = below(levels > 0 ? 5 : 3);
    grus_buffer_text(out, ONE_OF(spaces));
    if (kind == 0) {
        grus_buffer_text(out, ONE_OF(scalars));
    } else if (kind <= 2) {
        add_string(out);
    } else {
        grus_buffer_byte(out, kind == 3 ? '[' : '{');
        for (unsigned i = 0, n = below(4); i < n; i++) {
            grus_buffer_text(out, i > 0 ? "," : "");
            if (kind == 4)
                grus_buffer_printf(out, "\"%s\"%s:", ONE_OF(keys), ONE_OF(spaces));
            add_value(out, levels - 1);
        }
        grus_buffer_byte(out, kind == 3 ? ']' : '}');
    }
    grus_buffer_text(out, ONE_OF(spaces));
}

static void add_document(grus_buffer *out)
{
    grus_buffer_text(out, "{");
    for (unsigned i = 0, n = below(5); i < n; i++) {
        grus_buffer_printf(out, "%s\"%s\"%s:", i > 0 ? "," : "", ONE_OF(keys), ONE_OF(spaces));
        add_value(out, 3);
    }
    grus_buffer_text(out, "}");
    grus_buffer_text(out, ONE_OF(spaces));
}

// clang-format off
static const char *const tokens[] = {
    "{", "}", "[", "]", ",", ":", "\"", "\\", "0", "-", ".", "e", "E+", "\\u", "\\ud800", "\\udc00", "null", "true",
    "1e400", "/", "\xFF", "\xC3", "\xED\xA0\x80", "\xE2\x82\xAC", " ", "\n", "\x01", "'", "NaN", "\xEF\xBB\xBF",
    "\x80", "\\u0000", "\"text\":", "01", "a", "[]", "\x1F", "\\x", "\xC0\x80", "\xF4\x90\x80\x80",
};
// clang-format on

// Cuts a piece out, and puts a token, a random byte or nothing in its place.
static void damage(const grus_buffer *document, grus_buffer *out)
{
    size_t at = below((unsigned)document->size + 1);
    size_t left = document->size - at, cut = below(3) ? below(3) : below(20);
    grus_buffer_append(out, document->data, at);
    switch (below(6)) {
    case 0:
        grus_buffer_byte(out, (char)below(256));
        break;
    case 1:
        break;
    case 2: // the end is lost
        return;
    default:
        grus_buffer_text(out, ONE_OF(tokens));
    }
    if (cut < left)
        grus_buffer_append(out, document->data + at + cut, left - cut);
}

// ---- the two readings ----

static const grus_json_type types[] = {
    [JSON_OBJECT] = GRUS_JSON_OBJECT, [JSON_ARRAY] = GRUS_JSON_ARRAY, [JSON_STRING] = GRUS_JSON_STRING,
    [JSON_INTEGER] = GRUS_JSON_REAL,  [JSON_REAL] = GRUS_JSON_REAL,   [JSON_TRUE] = GRUS_JSON_TRUE,
    [JSON_FALSE] = GRUS_JSON_FALSE,   [JSON_NULL] = GRUS_JSON_NULL};

static void expect_same(const grus_json_span *found, const json_t *expected)
{
    grus_json_type type = found->type == GRUS_JSON_INTEGER ? GRUS_JSON_REAL : found->type;
    hold(type == types[json_typeof(expected)]);
    if (json_is_array(expected))
        hold(found->n_items == json_array_size(expected));
    if (json_is_string(expected)) {
        grus_buffer text = {0};
        grus_json_unescape(found, &text);
        expect_bytes(&text, json_string_value(expected), json_string_length(expected));
        grus_buffer_free(&text);
    }
}

// The last member of each name is jansson's; there is none that jansson has not.
static void expect_members(const char *text, size_t size, json_t *object)
{
    size_t names = 0;
    void *iterator = json_object_iter(object);
    for (; iterator; iterator = json_object_iter_next(object, iterator), names++) {
        grus_json_scan scan;
        grus_json_span key, value, last = {.type = GRUS_JSON_NONE};
        hold(grus_json_scan_object(&scan, text, size, &value));
        while (grus_json_next_member(&scan, &key, &value))
            if (grus_json_key_is(&key, json_object_iter_key(iterator)))
                last = value;
        expect_same(&last, json_object_iter_value(iterator));
    }
    hold(names == json_object_size(object));
}

// false: jansson's verdict does not count, being one of those in which it leaves the RFC: it refuses great numbers and
// NULs in keys, and does not see some NULs elsewhere.
static bool compare(const char *text, size_t size, bool *valid)
{
    json_error_t problem;
    json_t *json = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &problem);
    grus_json_scan scan;
    grus_json_span key, value;
    bool object = grus_json_scan_object(&scan, text, size, &value);
    while (object && grus_json_next_member(&scan, &key, &value))
        ;
    *valid = !scan.reason;
    if (memchr(text, '\0', size)) {
        hold(!*valid);
        json_decref(json);
        return false;
    }
    if (!json && (json_error_code(&problem) == json_error_numeric_overflow ||
                  json_error_code(&problem) == json_error_null_byte_in_key))
        return false;
    hold_msg(*valid == (json != NULL), "«%.*s»: %s, but jansson: %s", (int)size, text,
             scan.reason ? scan.reason : "valid", json ? "valid" : problem.text);
    if (json && object)
        expect_members(text, size, json);
    else if (json)
        expect_same(&value, json);
    json_decref(json);
    return true;
}

// The tree is the one that jansson's parser makes of an object, or both refuse.
static void compare_trees(const char *text, size_t size)
{
    json_error_t problem;
    grus_json_fault fault;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem), *tree;
    grus_status status = grus_json_tree(text, size, &tree, &fault);
    bool same = !json || json_is_array(json) ? status == GRUS_E_FAILED && !tree : !status && json_equal(json, tree);
    hold_msg(same, "«%.*s»: %s, but jansson: %s", (int)size, text, status ? fault.reason : "valid",
             json ? "valid" : problem.text);
    if (status)
        hold(fault.offset <= size && fault.line >= 1 && fault.column >= 1);
    json_decref(json);
    json_decref(tree);
}

START_TEST(the_same_as_jansson)
{
    size_t n_valid = 0, n_skipped = 0;
    grus_buffer document = {0}, damaged = {0};
    state = 2026;
    for (int i = 0; i < DOCUMENTS; i++) {
        bool valid;
        if (i % 4 == 0) {
            grus_buffer_clear(&document);
            add_document(&document);
            hold(compare(document.data, document.size, &valid) && valid);
            if (i % 8 == 0)
                compare_trees(document.data, document.size);
            continue;
        }
        grus_buffer_clear(&damaged);
        damage(&document, &damaged);
        bool counts = compare(damaged.data ? damaged.data : "", damaged.size, &valid);
        if (counts && i % 8 == 1)
            compare_trees(damaged.data ? damaged.data : "", damaged.size);
        n_skipped += !counts;
        n_valid += valid;
    }
    ck_assert(n_valid > DOCUMENTS / 10 && n_valid < DOCUMENTS / 2 && n_skipped < DOCUMENTS / 50);
    grus_buffer_free(&document);
    grus_buffer_free(&damaged);
}
END_TEST

Suite *json_random_suite(void)
{
    Suite *suite = suite_create("io/json_scan at random");
    TCase *tests = tcase_create("differences");
    tcase_add_test(tests, the_same_as_jansson);
    suite_add_tcase(suite, tests);
    return suite;
}
