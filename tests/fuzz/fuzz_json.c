// fuzz_json.c: records of JSONL, text and TSV, strings and numbers of JSON; the oracles are jansson, libunistring and the
// C library.
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "io/json/json_write.h"
#include "io/json/number.h"
#include "io/json/value.h"
#include "io/shard/record_parse.h"
#include "tests/fuzz/fuzz.h"

#define JANSSON_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL)

static bool is_utf8(const char *text, size_t length)
{
    return !u8_check((const uint8_t *)text, length);
}

// ---- records of JSONL ----

// jansson leaves the RFC in these: it refuses great numbers and NULs in keys.
static bool jansson_counts(const json_t *json, const json_error_t *problem)
{
    return json || (json_error_code(problem) != json_error_numeric_overflow &&
                    json_error_code(problem) != json_error_null_byte_in_key);
}

static json_t *parse_line(const grus_buffer *out)
{
    FUZZ_CHECK(!out->failed && out->size > 0 && out->data[out->size - 1] == '\n');
    FUZZ_CHECK(!memchr(out->data, '\n', out->size - 1));
    json_error_t problem;
    json_t *json = json_loadb(out->data, out->size, JANSSON_FLAGS, &problem);
    FUZZ_CHECK(json || !jansson_counts(json, &problem));
    FUZZ_CHECK(!json || json_is_object(json));
    return json;
}

// The output line has every field of the input as it was, and one string more.
static void check_output(const grus_buffer *out, json_t *input, const char *field)
{
    json_t *json = parse_line(out), *value;
    const char *key;
    if (json)
        FUZZ_CHECK(json_is_string(json_object_get(json, field)));
    if (json && json_is_object(input)) {
        json_object_foreach(input, key, value) FUZZ_CHECK(json_equal(value, json_object_get(json, key)));
        FUZZ_CHECK(json_object_size(json) == json_object_size(input) + 1);
    }
    json_decref(json);
}

static void check_text(const grus_buffer *found, json_t *input, const char *key)
{
    const json_t *value = json_object_get(input, key);
    FUZZ_CHECK(is_utf8(found->data, found->size));
    if (!input)
        return;
    FUZZ_CHECK(json_is_string(value) && json_string_length(value) == found->size);
    FUZZ_CHECK(found->size == 0 || memcmp(json_string_value(value), found->data, found->size) == 0);
}

static void check_features(const grus_record *record, size_t width, json_t *input)
{
    const json_t *rows = json_object_get(input, "features");
    FUZZ_CHECK(!input || json_array_size(rows) == record->n_positions);
    for (size_t i = 0; i < record->n_positions * width; i++) {
        float value = record->features[i];
        FUZZ_CHECK(isfinite(value));
        if (!input)
            continue;
        const json_t *item = json_array_get(json_array_get(rows, i / width), i % width);
        FUZZ_CHECK(json_is_number(item));
        // jansson rounds to double first. What is denormal as a float is 0.
        double expected = json_number_value(item), slack = value != 0 ? 0 : 0x1p-126;
        FUZZ_CHECK(value == 0 || fabsf(value) >= 0x1p-126f);
        FUZZ_CHECK(fabs(expected - (double)value) <= fabs(expected) * 0x1p-23 + slack);
    }
}

static void check_ids(const uint64_t *ids, size_t n, const json_t *list)
{
    FUZZ_CHECK(!list || json_array_size(list) == n);
    for (size_t i = 0; list && i < n; i++)
        FUZZ_CHECK((double)ids[i] == json_number_value(json_array_get(list, i)));
}

static void check_result(const grus_record_format *format, const grus_record *record, json_t *input)
{
    if (format->want_features)
        check_features(record, format->feature_dim, input);
    else if (format->want_ids)
        check_ids(record->ids, record->n_ids, json_object_get(input, "text"));
    else
        check_text(&record->text, input, "text");
    if (format->want_target && format->target_optional && input && !json_object_get(input, "target"))
        FUZZ_CHECK(record->target.size == 0 && record->n_target_ids == 0);
    else if (format->want_target && format->want_target_ids)
        check_ids(record->target_ids, record->n_target_ids, json_object_get(input, "target"));
    else if (format->want_target)
        check_text(&record->target, input, "target");
}

static void try_record(const grus_record_format *format, const char *line, size_t length)
{
    static grus_record record; // reused from record to record, as a reader does it
    grus_error error = {0};
    json_error_t problem;
    grus_buffer out = {0};
    grus_status status = grus_record_parse(format, line, length, &record, &error);
    json_t *input = json_loadb(line, length, JANSSON_FLAGS, &problem);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(status == GRUS_OK || status == GRUS_E_FAILED);
    FUZZ_CHECK(status == GRUS_OK || error.place[0] != '\0');
    bool refused = status && (!strcmp(error.place, "blank") || !strcmp(error.place, "bad_json") ||
                              !strcmp(error.place, "bad_utf8"));
    if (memchr(line, '\0', length)) // jansson does not see some of them
        FUZZ_CHECK(refused);
    else if (jansson_counts(input, &problem))
        FUZZ_CHECK(refused == !json_is_object(input));
    if (!strcmp(error.place, "bad_utf8"))
        FUZZ_CHECK(status && !is_utf8(line, length));
    if (status == GRUS_OK) {
        check_result(format, &record, input);
        grus_record_begin(format, &(grus_record_line){.text = line, .length = length, .number = 1}, &out);
        grus_json_member(&out, "output");
        grus_json_string(&out, record.text.data, record.text.size);
        grus_record_end(&out);
        check_output(&out, input, "output");
        grus_buffer_clear(&out);
    }
    grus_record_error(format, &(grus_record_line){line, length, 1, record.is_object, record.has_error}, error.cause,
                      &out);
    // A field of that name may be there already.
    if (!record.has_error || !json_object_get(input, "grus_error"))
        check_output(&out, record.is_object ? input : NULL, record.has_error ? "grus_error" : "error");
    grus_buffer_free(&out);
    json_decref(input);
}

// ---- text and TSV ----

// Column n from 1; false: there is none.
static bool nth_column(const char *line, size_t length, size_t n, const char **text, size_t *size)
{
    size_t start = 0, column = 1;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && line[i] != '\t')
            continue;
        if (column++ == n) {
            *text = line + start;
            *size = i - start;
            return true;
        }
        start = i + 1;
    }
    return false;
}

static void check_column(const grus_buffer *found, const char *line, size_t length, size_t n)
{
    const char *text;
    size_t size;
    FUZZ_CHECK(nth_column(line, length, n, &text, &size));
    FUZZ_CHECK(found->size == size && (size == 0 || memcmp(found->data, text, size) == 0));
}

static void try_line(const grus_record_format *format, const char *line, size_t length)
{
    grus_record record = {0};
    grus_error error = {0};
    grus_buffer out = {0};
    grus_status status = grus_record_parse(format, line, length, &record, &error);
    fuzz_check_error(status, &error);
    bool bad_utf8 = status && !strcmp(error.place, "bad_utf8");
    FUZZ_CHECK(bad_utf8 == !is_utf8(line, length));
    if (!status && format->kind == GRUS_SHARD_TXT)
        FUZZ_CHECK(record.text.size == length && (length == 0 || memcmp(record.text.data, line, length) == 0));
    if (!status && format->kind == GRUS_SHARD_TSV) {
        check_column(&record.text, line, length, format->text_column);
        if (format->want_target)
            check_column(&record.target, line, length, format->target_column);
    }
    if (status)
        grus_record_error(format, &(grus_record_line){.text = line, .length = length, .number = 7}, error.cause, &out);
    else
        grus_record_begin(format, &(grus_record_line){.text = line, .length = length, .number = 7}, &out);
    if (!status)
        grus_record_end(&out);
    json_decref(parse_line(&out));
    grus_buffer_free(&out);
    grus_record_free(&record);
}

// ---- targets ----

void fuzz_record(const uint8_t *data, size_t size)
{
    static const char *const fields[] = {"output", "score"};
    fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    grus_record_format format = {.kind = GRUS_SHARD_JSONL,
                                 .text_key = "text",
                                 .id_key = "id",
                                 .target_key = "target",
                                 .text_column = 1,
                                 .target_column = 2,
                                 .want_ids = flags & 1,
                                 .want_target = flags & 2,
                                 .target_optional = flags & 128,
                                 .want_target_ids = flags & 4,
                                 .want_features = flags & 8,
                                 .feature_dim = 1 + (flags >> 4) % 3,
                                 .result_fields = fields,
                                 .n_result_fields = 2};
    // A shard is cut into lines before.
    const uint8_t *end = bytes.size ? memchr(bytes.data, '\n', bytes.size) : NULL;
    try_record(&format, (const char *)bytes.data, end ? (size_t)(end - bytes.data) : bytes.size);
}

// Any bytes as a line, and as a string to write.
void fuzz_text(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    const char *text = (const char *)bytes.data;
    grus_record_format format = {.kind = flags & 1 ? GRUS_SHARD_TSV : GRUS_SHARD_TXT,
                                 .id_key = flags & 2 ? "n\"" : NULL,
                                 .text_column = 1 + (flags >> 2) % 4,
                                 .target_column = 1 + (flags >> 4) % 4,
                                 .want_target = flags & 64};
    try_line(&format, text, bytes.size);

    grus_buffer out = {0}, expected = {0};
    grus_json_string(&out, text, bytes.size);
    json_t *json = json_loadb(out.data, out.size, JANSSON_FLAGS, NULL);
    FUZZ_CHECK(json_is_string(json));
    for (size_t at = 0; at < bytes.size;) {
        ucs4_t point;
        int length = u8_mbtoucr(&point, (const uint8_t *)text + at, bytes.size - at);
        if (length > 0)
            grus_buffer_append(&expected, text + at, (size_t)length);
        else
            grus_buffer_text(&expected, "\xEF\xBF\xBD");
        at += length > 0 ? (size_t)length : 1;
    }
    FUZZ_CHECK(json_string_length(json) == expected.size);
    FUZZ_CHECK(expected.size == 0 || memcmp(json_string_value(json), expected.data, expected.size) == 0);
    json_decref(json);
    grus_buffer_free(&out);
    grus_buffer_free(&expected);
}

static void check_same_float(float a, float b)
{
    FUZZ_CHECK(memcmp(&a, &b, sizeof a) == 0);
}

// A double and a float from bits go to text and back; a text that is a number becomes the nearest float.
void fuzz_number(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, size};
    uint64_t bits = (uint64_t)fuzz_word(&bytes) << 32 | fuzz_word(&bytes);
    double number;
    memcpy(&number, &bits, sizeof number);
    float rounded = (float)number;
    grus_buffer out = {0};
    grus_json_double(&out, number);
    grus_buffer_byte(&out, '\0');
    if (isfinite(number)) {
        double back = strtod(out.data, NULL);
        FUZZ_CHECK(memcmp(&back, &number, sizeof back) == 0);
    } else {
        FUZZ_CHECK(!strcmp(out.data, "null"));
    }
    grus_buffer_clear(&out);
    grus_json_float(&out, rounded);
    grus_buffer_byte(&out, '\0');
    if (isfinite(rounded))
        check_same_float(strtof(out.data, NULL), rounded);
    else
        FUZZ_CHECK(!strcmp(out.data, "null"));
    grus_buffer_clear(&out);

    grus_json_scan scan;
    grus_json_span value;
    grus_json_scan_object(&scan, (const char *)bytes.data, bytes.size, &value);
    if (value.type == GRUS_JSON_INTEGER || value.type == GRUS_JSON_REAL) {
        grus_buffer_append(&out, value.text, value.length);
        grus_buffer_byte(&out, '\0');
        float found, expected = strtof(out.data, NULL);
        bool fits = grus_json_to_float(&value, &found);
        FUZZ_CHECK(fits == (bool)isfinite(expected));
        if (fits)
            check_same_float(found, expected);
    }
    if (value.type == GRUS_JSON_INTEGER) {
        uint64_t found;
        char *end;
        errno = 0;
        unsigned long long expected = strtoull(out.data + (out.data[0] == '-'), &end, 10);
        bool fits = errno == 0 && (out.data[0] != '-' || expected == 0);
        FUZZ_CHECK(grus_json_to_uint64(&value, &found) == fits);
        FUZZ_CHECK(!fits || found == expected);
    }
    grus_buffer_free(&out);
}
