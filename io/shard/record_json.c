// record_json.c: one line of JSONL to text, target, ids and features. scan.c judges what is JSON and what is UTF-8;
// a field counts once the whole line is known to be good.
#include "config.h"

#include "io/shard/record_json.h"

#include <string.h>

#include "base/denormal.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/json/number.h"
#include "io/json/value.h"

// What a path leads to in an object: the member of that whole name, and that of its part before the first dot. Absent is
// GRUS_JSON_NONE.
struct step {
    grus_json_span whole, part;
};

// The fields that matter; of those with one name the last.
struct fields {
    struct step text, target;
    grus_json_span features;
    size_t result; // the first of format->result_fields that is there; n_result_fields: none
    bool error;
};

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

static void note_step(const char *path, const grus_json_span *key, const grus_json_span *value, struct step *step)
{
    const char *dot = strchr(path, '.');
    if (grus_json_key_is(key, path))
        step->whole = *value;
    else if (dot && grus_json_key_equals(key, path, (size_t)(dot - path)))
        step->part = *value;
}

// The value at the end of the path, of which the first step is taken.
static grus_json_span follow(const char *path, struct step step)
{
    while (step.whole.type == GRUS_JSON_NONE && step.part.type == GRUS_JSON_OBJECT) {
        grus_json_scan scan;
        grus_json_span key, value, object = step.part;
        path = strchr(path, '.') + 1;
        step = (struct step){0};
        grus_json_scan_object(&scan, object.text, object.length, &value);
        while (grus_json_next_member(&scan, &key, &value))
            note_step(path, &key, &value, &step);
    }
    return step.whole;
}

static void note_field(const grus_record_format *format, const grus_json_span *key, const grus_json_span *value,
                       struct fields *fields)
{
    if (format->want_features && grus_json_key_is(key, "features"))
        fields->features = *value;
    if (!format->want_features)
        note_step(format->text_key, key, value, &fields->text);
    if (format->want_target)
        note_step(format->target_key, key, value, &fields->target);
    if (grus_json_key_is(key, "error"))
        fields->error = true;
    for (size_t i = 0; i < fields->result; i++)
        if (grus_json_key_is(key, format->result_fields[i]))
            fields->result = i;
}

static grus_status not_json(const grus_json_scan *scan, size_t length, grus_error *error)
{
    if (scan->bad_utf8)
        return grus_fail(error, GRUS_E_FAILED, NULL, "bad_utf8", "byte %zu of the line is not UTF-8", scan->column);
    return grus_fail(error, GRUS_E_FAILED, NULL, "bad_json", "%s, column %zu%s", scan->reason, scan->column,
                     scan->column > length ? ", where the line ends" : "");
}

static grus_status find_fields(const grus_record_format *format, const char *line, size_t length, struct fields *fields,
                               grus_error *error)
{
    grus_json_scan scan;
    grus_json_span key, value;
    bool object = grus_json_scan_object(&scan, line, length, &value);
    while (object && grus_json_next_member(&scan, &key, &value))
        note_field(format, &key, &value, fields);
    if (scan.reason)
        return not_json(&scan, length, error);
    if (!object)
        return grus_fail(error, GRUS_E_FAILED, NULL, "bad_json", "the line is not a JSON object");
    return GRUS_OK;
}

static grus_status take_text(const grus_json_span *value, const char *field, const char *missing, grus_buffer *to,
                             grus_error *error)
{
    if (value->type == GRUS_JSON_NONE)
        return bad(error, missing, field, "is missing");
    if (value->type != GRUS_JSON_STRING)
        return bad(error, "bad_text", field, "is not a string");
    grus_json_unescape(value, to);
    return to->failed ? grus_fail_memory(error, value->length) : GRUS_OK;
}

static grus_status take_id(const grus_json_span *item, const char *field, uint64_t *id, grus_error *error)
{
    if (item->type == GRUS_JSON_REAL)
        return bad(error, "bad_id", field, "holds a number that is not an integer");
    if (item->type != GRUS_JSON_INTEGER)
        return bad(error, "bad_text", field, "is not a list of integers");
    if (!grus_json_to_uint64(item, id))
        return bad(error, "bad_id", field, item->text[0] == '-' ? "holds a negative id" : "holds an id too great");
    return GRUS_OK;
}

// Where a record keeps a list of ids.
struct id_list {
    uint64_t **ids; // (*capacity), *n of them there
    size_t *n, *capacity;
};

static grus_status take_ids(const grus_json_span *list, const char *field, const char *missing,
                            const struct id_list *to, grus_error *error)
{
    if (list->type == GRUS_JSON_NONE)
        return bad(error, missing, field, "is missing");
    if (list->type != GRUS_JSON_ARRAY)
        return bad(error, "bad_text", field, "is not a list of integers");
    void *grown = *to->ids;
    if (!grus_grow(&grown, to->capacity, list->n_items, sizeof **to->ids))
        return grus_fail_memory(error, list->n_items);
    *to->ids = grown;
    grus_json_scan items;
    grus_json_span item;
    grus_json_scan_items(&items, list);
    for (size_t i = 0; grus_json_next_item(&items, &item); i++) {
        grus_status status = take_id(&item, field, *to->ids + i, error);
        if (status)
            return status;
    }
    *to->n = list->n_items;
    return GRUS_OK;
}

// The next item of an array that was scanned. *finite: it is a number, and that is *value.
static bool next_number(grus_json_scan *items, float *value, bool *finite)
{
    const char *at = items->at + items->begun;
    if ((!items->begun || *items->at == ',') && grus_json_plain_float(&at, value)) {
        items->at = at;
        items->begun = *finite = true;
        return true;
    }
    grus_json_span item;
    if (!grus_json_next_item(items, &item))
        return false;
    *finite = (item.type == GRUS_JSON_INTEGER || item.type == GRUS_JSON_REAL) && grus_json_to_float(&item, value);
    return true;
}

static grus_status take_row(const grus_json_span *row, float *to, size_t number, grus_error *error)
{
    grus_json_scan items;
    bool finite;
    grus_json_scan_items(&items, row);
    for (size_t i = 0; next_number(&items, to + i, &finite); i++) {
        if (!finite)
            return grus_fail(error, GRUS_E_FAILED, NULL, "bad_features",
                             "value %zu in row %zu of \"features\" is not a finite number", i, number);
        to[i] = grus_no_denormal(to[i]);
    }
    return GRUS_OK;
}

// Memory is taken row by row: how wide a row of the line is shows only there.
static grus_status take_rows(const grus_json_span *rows, size_t width, grus_record *record, grus_error *error)
{
    grus_json_scan items;
    grus_json_span row;
    grus_json_scan_items(&items, rows);
    for (size_t i = 0; grus_json_next_item(&items, &row); i++) {
        if (row.type != GRUS_JSON_ARRAY || row.n_items != width)
            return grus_fail(error, GRUS_E_FAILED, NULL, "bad_features",
                             "row %zu of \"features\" is not a list of %zu numbers", i, width);
        void *features = record->features;
        if (!grus_grow(&features, &record->features_capacity, (i + 1) * width, sizeof(float)))
            return grus_fail_memory(error, (i + 1) * width);
        record->features = features;
        grus_status status = take_row(&row, record->features + i * width, i, error);
        if (status)
            return status;
    }
    record->n_positions = rows->n_items;
    return GRUS_OK;
}

static grus_status take_features(const grus_json_span *rows, size_t width, grus_record *record, grus_error *error)
{
    if (rows->type == GRUS_JSON_NONE)
        return bad(error, "no_features", "features", "is missing");
    if (rows->type != GRUS_JSON_ARRAY)
        return bad(error, "bad_features", "features", "is not a list of rows");
    return take_rows(rows, width, record, error);
}

static grus_status take_all(const grus_record_format *format, const struct fields *fields, grus_record *record,
                            grus_error *error)
{
    if (fields->result < format->n_result_fields)
        return bad(error, "result_field", format->result_fields[fields->result],
                   "is there already, and is the result's name (--output-key, --field-prefix)");
    const struct id_list text_ids = {&record->ids, &record->n_ids, &record->ids_capacity};
    const struct id_list target_ids = {&record->target_ids, &record->n_target_ids, &record->target_ids_capacity};
    grus_json_span text = follow(format->text_key, fields->text);
    grus_json_span target = format->want_target ? follow(format->target_key, fields->target) : (grus_json_span){0};
    grus_status status;
    if (format->want_features)
        status = take_features(&fields->features, format->feature_dim, record, error);
    else if (format->want_ids)
        status = take_ids(&text, format->text_key, "no_text", &text_ids, error);
    else
        status = take_text(&text, format->text_key, "no_text", &record->text, error);
    if (status || !format->want_target || (format->target_optional && target.type == GRUS_JSON_NONE))
        return status;
    if (format->want_target_ids)
        return take_ids(&target, format->target_key, "no_target", &target_ids, error);
    return take_text(&target, format->target_key, "no_target", &record->target, error);
}

grus_status grus_record_parse_json(const grus_record_format *format, const char *line, size_t length,
                                   grus_record *record, grus_error *error)
{
    if (is_blank(line, length))
        return grus_fail(error, GRUS_E_FAILED, NULL, "blank", "the line is blank");
    struct fields fields = {.result = format->n_result_fields};
    grus_status status = find_fields(format, line, length, &fields, error);
    if (status)
        return status;
    record->is_object = true;
    record->has_error = fields.error;
    return take_all(format, &fields, record, error);
}
