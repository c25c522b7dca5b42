// record_json.c: one line of JSONL to text, target, ids and features. jansson judges what is JSON and what is UTF-8.
#include "config.h"

#include "io/record_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static grus_status bad(grus_error *error, const char *cause, const char *field, const char *what)
{
    return grus_fail(error, GRUS_E_FAILED, NULL, cause, "field \"%s\" %s", field, what);
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

// Numbers that no integer of jansson's holds are read as reals; elsewhere 1 and 1.0 stay apart.
static json_t *parse(const char *line, size_t length, json_error_t *problem)
{
    json_t *json = json_loadb(line, length, JSON_ALLOW_NUL, problem);
    if (!json && json_error_code(problem) == json_error_numeric_overflow)
        json = json_loadb(line, length, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, problem);
    return json;
}

static grus_status not_json(const json_error_t *problem, grus_error *error)
{
    switch (json_error_code(problem)) {
    case json_error_out_of_memory:
        return grus_fail_memory(error, 0);
    case json_error_invalid_utf8:
        return grus_fail(error, GRUS_E_FAILED, NULL, "bad_utf8", "%s, byte %d", problem->text, problem->position);
    default:
        return grus_fail(error, GRUS_E_FAILED, NULL, "bad_json", "%s, column %d", problem->text, problem->column);
    }
}

static grus_status take_text(const json_t *object, const char *field, const char *missing, grus_buffer *to,
                             grus_error *error)
{
    const json_t *value = json_object_get(object, field);
    if (!value)
        return bad(error, missing, field, "is missing");
    if (!json_is_string(value))
        return bad(error, "bad_text", field, "is not a string");
    grus_buffer_append(to, json_string_value(value), json_string_length(value));
    return to->failed ? grus_fail_memory(error, json_string_length(value)) : GRUS_OK;
}

static grus_status take_ids(const json_t *object, const char *field, const char *missing, uint64_t **ids, size_t *n,
                            size_t *capacity, grus_error *error)
{
    const json_t *list = json_object_get(object, field);
    if (!list)
        return bad(error, missing, field, "is missing");
    if (!json_is_array(list))
        return bad(error, "bad_text", field, "is not a list of integers");
    size_t size = json_array_size(list);
    void *grown = *ids;
    if (!grus_grow(&grown, capacity, size, sizeof **ids))
        return grus_fail_memory(error, size);
    *ids = grown;
    for (size_t i = 0; i < size; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_integer(value))
            return bad(error, json_is_real(value) ? "bad_id" : "bad_text", field, "is not a list of integers");
        if (json_integer_value(value) < 0)
            return bad(error, "bad_id", field, "holds a negative id");
        (*ids)[i] = (uint64_t)json_integer_value(value);
    }
    *n = size;
    return GRUS_OK;
}

static grus_status take_row(const json_t *row, size_t width, float *to, size_t number, grus_error *error)
{
    if (!json_is_array(row) || json_array_size(row) != width)
        return grus_fail(error, GRUS_E_FAILED, NULL, "bad_features",
                         "row %zu of \"features\" is not a list of %zu numbers", number, width);
    for (size_t i = 0; i < width; i++) {
        const json_t *value = json_array_get(row, i);
        to[i] = (float)json_number_value(value);
        if (!json_is_number(value) || !isfinite(to[i]))
            return grus_fail(error, GRUS_E_FAILED, NULL, "bad_features",
                             "value %zu in row %zu of \"features\" is not a finite number", i, number);
    }
    return GRUS_OK;
}

static grus_status take_features(const json_t *object, size_t width, grus_record *record, grus_error *error)
{
    const json_t *rows = json_object_get(object, "features");
    if (!rows)
        return bad(error, "no_features", "features", "is missing");
    if (!json_is_array(rows))
        return bad(error, "bad_features", "features", "is not a list of rows");
    size_t n = json_array_size(rows);
    if (n == 0)
        return GRUS_OK;
    // The first row's width is checked before memory is taken for all of them.
    const json_t *first = json_array_get(rows, 0);
    size_t values;
    void *features = record->features;
    if (json_is_array(first) && json_array_size(first) == width &&
        (!grus_mul(n, width, &values) || !grus_grow(&features, &record->features_capacity, values, sizeof(float))))
        return grus_fail_memory(error, n);
    record->features = features;
    for (size_t i = 0; i < n; i++) {
        grus_status status = take_row(json_array_get(rows, i), width, record->features + i * width, i, error);
        if (status)
            return status;
    }
    record->n_positions = n;
    return GRUS_OK;
}

static grus_status check_result_fields(const grus_record_format *format, const json_t *object, grus_error *error)
{
    for (size_t i = 0; i < format->n_result_fields; i++)
        if (json_object_get(object, format->result_fields[i]))
            return bad(error, "result_field", format->result_fields[i], "is there already, and is the result's name");
    return GRUS_OK;
}

static grus_status take_all(const grus_record_format *format, const json_t *object, grus_record *record,
                            grus_error *error)
{
    grus_status status = check_result_fields(format, object, error);
    if (status)
        return status;
    if (format->want_features)
        status = take_features(object, format->feature_dim, record, error);
    else if (format->want_ids)
        status =
            take_ids(object, format->text_key, "no_text", &record->ids, &record->n_ids, &record->ids_capacity, error);
    else
        status = take_text(object, format->text_key, "no_text", &record->text, error);
    if (status || !format->want_target)
        return status;
    if (format->want_target_ids)
        return take_ids(object, format->target_key, "no_target", &record->target_ids, &record->n_target_ids,
                        &record->target_ids_capacity, error);
    return take_text(object, format->target_key, "no_target", &record->target, error);
}

grus_status grus_record_parse_json(const grus_record_format *format, const char *line, size_t length,
                                   grus_record *record, grus_error *error)
{
    if (is_blank(line, length))
        return grus_fail(error, GRUS_E_FAILED, NULL, "blank", "the line is blank");
    json_error_t problem;
    json_t *json = parse(line, length, &problem);
    if (!json)
        return not_json(&problem, error);
    grus_status status;
    if (json_is_object(json)) {
        record->is_object = !json_object_get(json, "error");
        status = take_all(format, json, record, error);
    } else {
        status = grus_fail(error, GRUS_E_FAILED, NULL, "bad_json", "the line is not a JSON object");
    }
    json_decref(json);
    return status;
}
