// tree.c: builds the tree on scan.h, whose spans are valid JSON; each level is scanned once more, hence the
// bound on the depth.
#include "config.h"

#include "io/json/tree.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/file.h"
#include "io/json/value.h"

// What is being built from. The first failure is kept, and everything ends with it.
typedef struct builder {
    grus_status status;
    const char *reason, *at; // with GRUS_E_FAILED
    grus_buffer string;
    bool names;      // of our own files: as in scan.h
    locale_t locale; // in which numbers have a decimal point
} builder;

static json_t *build(builder *state, const grus_json_span *span, size_t depth);

static void *refuse(builder *state, const char *at, const char *reason)
{
    state->status = GRUS_E_FAILED;
    state->reason = reason;
    state->at = at;
    return NULL;
}

static json_t *check_memory(builder *state, json_t *json)
{
    if (!json)
        state->status = GRUS_E_MEMORY;
    return json;
}

// The text of a string, in state->string; NULL on failure.
static const char *read_string(builder *state, const grus_json_span *span)
{
    grus_buffer_clear(&state->string);
    grus_json_unescape(span, &state->string);
    size_t length = state->string.size;
    grus_buffer_byte(&state->string, '\0');
    if (state->string.failed) {
        state->status = GRUS_E_MEMORY;
        return NULL;
    }
    return strlen(state->string.data) == length ? state->string.data : refuse(state, span->text, "\\u0000 in a string");
}

static json_t *build_string(builder *state, const grus_json_span *span)
{
    const char *text = read_string(state, span);
    return text ? check_memory(state, json_string_nocheck(text)) : NULL;
}

// The text of a number, in state->string: where the whole text is cut short nothing need stand behind it. NULL on failure.
static const char *read_number(builder *state, const grus_json_span *span)
{
    grus_buffer_clear(&state->string);
    grus_buffer_append(&state->string, span->text, span->length);
    grus_buffer_byte(&state->string, '\0');
    if (state->string.failed)
        state->status = GRUS_E_MEMORY;
    return state->string.failed ? NULL : state->string.data;
}

static json_t *build_integer(builder *state, const grus_json_span *span)
{
    const char *text = read_number(state, span);
    if (!text)
        return NULL;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    return errno == ERANGE ? refuse(state, span->text, "integer beyond 64 bits")
                           : check_memory(state, json_integer(value));
}

static json_t *build_real(builder *state, const grus_json_span *span)
{
    const char *text = read_number(state, span);
    if (!text)
        return NULL;
    double value = strtod_l(text, NULL, state->locale);
    return isinf(value) ? refuse(state, span->text, "number beyond a double") : check_memory(state, json_real(value));
}

static void add_member(builder *state, json_t *object, const grus_json_span *key, const grus_json_span *value,
                       size_t depth)
{
    json_t *member = build(state, value, depth);
    const char *name = member ? read_string(state, key) : NULL;
    if (name && json_object_get(object, name))
        name = refuse(state, key->text, "duplicate key");
    if (!name)
        json_decref(member);
    else if (json_object_set_new_nocheck(object, name, member) != 0)
        state->status = GRUS_E_MEMORY;
}

static json_t *build_object(builder *state, const char *text, size_t length, size_t depth)
{
    grus_json_scan scan = {0};
    grus_json_span key, value;
    json_t *object = check_memory(state, json_object());
    if (object && !grus_json_scan_object(&scan, text, length, &value) && !scan.reason)
        refuse(state, text, "expected one JSON object");
    scan.names = state->names;
    while (!state->status && !scan.reason && grus_json_next_member(&scan, &key, &value))
        add_member(state, object, &key, &value, depth);
    if (!state->status && scan.reason)
        refuse(state, scan.start + (scan.column - 1), scan.reason);
    if (!state->status)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *build_array(builder *state, const grus_json_span *span, size_t depth)
{
    grus_json_scan scan = {0};
    grus_json_span item;
    json_t *array = check_memory(state, json_array());
    grus_json_scan_items(&scan, span);
    scan.names = state->names;
    while (!state->status && grus_json_next_item(&scan, &item)) {
        json_t *value = build(state, &item, depth);
        if (value && json_array_append_new(array, value) != 0)
            state->status = GRUS_E_MEMORY;
    }
    if (!state->status)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *build(builder *state, const grus_json_span *span, size_t depth)
{
    if (depth == GRUS_JSON_TREE_DEPTH)
        return refuse(state, span->text, "nested too deep");
    switch (span->type) {
    case GRUS_JSON_FALSE:
        return json_false();
    case GRUS_JSON_TRUE:
        return json_true();
    case GRUS_JSON_INTEGER:
        return build_integer(state, span);
    case GRUS_JSON_REAL:
        return build_real(state, span);
    case GRUS_JSON_STRING:
        return build_string(state, span);
    case GRUS_JSON_ARRAY:
        return build_array(state, span, depth + 1);
    case GRUS_JSON_OBJECT:
        return build_object(state, span->text, span->length, depth + 1);
    case GRUS_JSON_NULL:
    case GRUS_JSON_NONE:
        break;
    }
    return json_null();
}

static void find_fault(const builder *state, const char *text, grus_json_fault *fault)
{
    *fault = (grus_json_fault){.reason = state->reason, .line = 1, .column = 1};
    fault->offset = (size_t)(state->at - text);
    for (size_t i = 0; i < fault->offset; i++) {
        fault->column = text[i] == '\n' ? 1 : fault->column + 1;
        fault->line += text[i] == '\n';
    }
}

static grus_status build_tree(const char *text, size_t size, bool names, json_t **json, grus_json_fault *fault)
{
    builder state = {.names = names, .locale = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    *json = NULL;
    *fault = (grus_json_fault){.reason = "memory is short", .line = 1, .column = 1};
    if (!state.locale)
        return GRUS_E_MEMORY;
    *json = build_object(&state, text, size, 0);
    if (state.status == GRUS_E_FAILED)
        find_fault(&state, text, fault);
    grus_buffer_free(&state.string);
    freelocale(state.locale);
    return state.status;
}

grus_status grus_json_tree(const char *text, size_t size, json_t **json, grus_json_fault *fault)
{
    return build_tree(text, size, false, json, fault);
}

grus_status grus_json_read_text(const char *path, const char *text, size_t size, grus_status status, json_t **json,
                                grus_error *error)
{
    grus_json_fault fault;
    grus_status result = build_tree(size ? text : "", size, true, json, &fault);
    if (result == GRUS_E_MEMORY)
        return grus_fail_memory(error, size);
    return result ? grus_fail(error, status, path, NULL, "is damaged: not a JSON object") : GRUS_OK;
}

grus_status grus_json_read_file(const char *path, size_t limit, grus_status status, json_t **json, grus_error *error)
{
    grus_buffer text = {0};
    *json = NULL;
    grus_status result = grus_file_read(path, limit, status, &text, error);
    if (!result)
        result = grus_json_read_text(path, text.data, text.size, status, json, error);
    grus_buffer_free(&text);
    return result;
}
