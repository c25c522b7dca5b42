// settings.c: settings from JSON, with mistakes that name the key's path, what was expected and what was found.
#include "config.h"

#include "io/json/settings.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/names.h"
#include "io/json/tree.h"

// ---- mistakes ----

static void append_path(const grus_json_object *object, grus_buffer *path)
{
    if (!object || !object->above)
        return;
    append_path(object->above, path);
    if (path->size > 0)
        grus_buffer_byte(path, '.');
    grus_buffer_text(path, object->name);
}

static void fail_at(const grus_json_object *object, const char *key, const char *cause)
{
    grus_json_reader *reader = object->reader;
    if (reader->status)
        return;
    grus_buffer path = {0};
    append_path(object, &path);
    if (key && path.size > 0)
        grus_buffer_byte(&path, '.');
    if (key)
        grus_buffer_text(&path, key);
    grus_buffer_byte(&path, '\0');
    reader->status = path.failed ? grus_fail_memory(reader->error, path.size)
                                 : grus_fail(reader->error, GRUS_E_MODEL, reader->file, path.data, "%s", cause);
    grus_buffer_free(&path);
}

void grus_json_refuse(const grus_json_object *object, const char *key, const char *format, ...)
{
    char cause[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    fail_at(object, key, cause);
}

static void describe(const json_t *value, char text[80])
{
    if (json_is_object(value) || json_is_array(value)) {
        snprintf(text, 80, "%s", json_is_object(value) ? "an object" : "a list");
        return;
    }
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    snprintf(text, 80, "%.60s%s", dump ? dump : "a value", dump && strlen(dump) > 60 ? "…" : "");
    free(dump);
}

void grus_json_wrong(const grus_json_object *object, const char *key, const char *expected)
{
    const json_t *value = key ? json_object_get(object->json, key) : object->json;
    char found[80];
    describe(value, found);
    grus_json_refuse(object, key, value ? "expected %s, found %s" : "is missing; expected %s", expected, found);
}

static void append_names(const char *const names[], grus_buffer *list)
{
    for (size_t i = 0; names[i]; i++) {
        grus_buffer_text(list, i > 0 ? ", " : "");
        grus_buffer_text(list, names[i]);
    }
    grus_buffer_byte(list, '\0');
}

// "… one of a, b, c"
static void wrong_name(const grus_json_object *object, const char *key, const char *before, const char *const names[])
{
    grus_buffer expected = {0};
    grus_buffer_text(&expected, before);
    append_names(names, &expected);
    grus_json_wrong(object, key, expected.failed ? "another value" : expected.data);
    grus_buffer_free(&expected);
}

static void wrong_item(const grus_json_object *object, const char *key, const json_t *item, const char *const names[])
{
    grus_buffer known = {0};
    append_names(names, &known);
    char found[80];
    describe(item, found);
    grus_json_refuse(object, key, "expected a list with nothing else in it than %s, found %s in it",
                     known.failed ? "other names" : known.data, found);
    grus_buffer_free(&known);
}

// ---- objects and keys ----

void grus_json_open(grus_json_reader *reader, const char *text, size_t size, grus_json_object *root)
{
    grus_json_fault fault;
    *root = (grus_json_object){.reader = reader};
    grus_status status = grus_json_tree(text ? text : "", size, &root->json, &fault);
    if (!status)
        return;
    char place[60];
    snprintf(place, sizeof place, "%zu:%zu", fault.line, fault.column);
    reader->status = status == GRUS_E_MEMORY
                         ? grus_fail_memory(reader->error, size)
                         : grus_fail(reader->error, GRUS_E_MODEL, reader->file, place, "%s", fault.reason);
}

static bool dead(const grus_json_object *object)
{
    return object->reader->status != GRUS_OK || !object->json;
}

static bool is_one_of(const char *key, const char *const names[])
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

void grus_json_allow(const grus_json_object *object, const char *const keys[])
{
    const char *key;
    json_t *value;
    if (dead(object))
        return;
    json_object_foreach(object->json, key, value)
    {
        if (is_one_of(key, keys))
            continue;
        grus_buffer list = {0};
        append_names(keys, &list);
        grus_json_refuse(object, key, "unknown key; known here are %s", list.failed ? "others" : list.data);
        grus_buffer_free(&list);
        return;
    }
}

bool grus_json_has(const grus_json_object *object, const char *key)
{
    return !dead(object) && json_object_get(object->json, key);
}

bool grus_json_is_list(const grus_json_object *object, const char *key)
{
    return grus_json_has(object, key) && json_is_array(json_object_get(object->json, key));
}

void grus_json_forbid(const grus_json_object *object, const char *key, const char *format, ...)
{
    char why[160], found[80];
    if (!grus_json_has(object, key))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    describe(json_object_get(object->json, key), found);
    grus_json_refuse(object, key, "has no meaning here: %s; expected no such key, found %s", why, found);
}

// The value of a key; NULL when it is absent (and after a mistake: then nothing is to be reported any more).
static json_t *value_of(const grus_json_object *object, const char *key, bool required, const char *expected)
{
    if (dead(object))
        return NULL;
    json_t *value = json_object_get(object->json, key);
    if (!value && required)
        grus_json_wrong(object, key, expected);
    return value;
}

// ---- values ----

grus_json_object grus_json_child(const grus_json_object *object, const char *key, bool required)
{
    grus_json_object child = {.reader = object->reader, .above = object, .name = key};
    json_t *value = value_of(object, key, required, "an object");
    if (value && !json_is_object(value))
        grus_json_wrong(object, key, "an object");
    else
        child.json = value;
    return child;
}

grus_json_object grus_json_list(const grus_json_object *object, const char *key, size_t most)
{
    grus_json_object list = {.reader = object->reader, .above = object, .name = key};
    json_t *value = value_of(object, key, GRUS_OPTIONAL, "");
    if (value && !json_is_array(value))
        grus_json_wrong(object, key, "a list");
    else if (json_array_size(value) > most)
        grus_json_refuse(object, key, "expected at most %zu items, found %zu", most, json_array_size(value));
    else
        list.json = value;
    return list;
}

grus_json_object grus_json_item(const grus_json_object *list, size_t i, char name[GRUS_JSON_INDEX])
{
    snprintf(name, GRUS_JSON_INDEX, "%zu", i);
    grus_json_object item = {.reader = list->reader, .above = list, .name = name};
    json_t *value = json_array_get(list->json, i);
    if (!dead(list) && !json_is_object(value))
        grus_json_wrong(&(grus_json_object){list->reader, list, name, value}, NULL, "an object");
    else
        item.json = value;
    return item;
}

size_t grus_json_size(const grus_json_object *object, const char *key, bool required, size_t otherwise, size_t least,
                      size_t most)
{
    char expected[80];
    snprintf(expected, sizeof expected, "an integer from %zu to %zu", least, most);
    const json_t *value = value_of(object, key, required, expected);
    if (!value)
        return otherwise;
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= 0 && (size_t)number >= least && (size_t)number <= most)
        return (size_t)number;
    grus_json_wrong(object, key, expected);
    return otherwise;
}

double grus_json_number(const grus_json_object *object, const char *key, double otherwise)
{
    const json_t *value = value_of(object, key, GRUS_OPTIONAL, "");
    if (!value)
        return otherwise;
    if (json_is_number(value))
        return json_number_value(value);
    grus_json_wrong(object, key, "a number");
    return otherwise;
}

bool grus_json_bool(const grus_json_object *object, const char *key, bool otherwise)
{
    const json_t *value = value_of(object, key, GRUS_OPTIONAL, "");
    if (!value)
        return otherwise;
    if (!json_is_boolean(value))
        grus_json_wrong(object, key, "true or false");
    return json_is_true(value);
}

char *grus_json_text(const grus_json_object *object, const char *key, bool required)
{
    const json_t *value = value_of(object, key, required, "a string");
    if (!value || (json_is_null(value) && !required))
        return NULL;
    if (!json_is_string(value)) {
        grus_json_wrong(object, key, required ? "a string" : "a string or null");
        return NULL;
    }
    char *text = strdup(json_string_value(value));
    if (!text)
        object->reader->status = grus_fail_memory(object->reader->error, json_string_length(value));
    return text;
}

char **grus_json_texts(const grus_json_object *object, const char *key, size_t *n)
{
    *n = 0;
    const json_t *list = value_of(object, key, GRUS_OPTIONAL, "a list of strings"), *value;
    size_t i;
    if (!list)
        return NULL;
    if (!json_is_array(list)) {
        grus_json_wrong(object, key, "a list of strings");
        return NULL;
    }
    char **texts = json_array_size(list) ? calloc(json_array_size(list), sizeof *texts) : NULL;
    if (!texts && json_array_size(list))
        object->reader->status = grus_fail_memory(object->reader->error, json_array_size(list) * sizeof *texts);
    json_array_foreach(list, i, value)
    {
        if (dead(object))
            break;
        if (!json_is_string(value))
            grus_json_wrong(object, key, "a list of strings");
        else if (!(texts[(*n)++] = strdup(json_string_value(value))))
            object->reader->status = grus_fail_memory(object->reader->error, json_string_length(value));
    }
    return texts;
}

static bool find_name(const json_t *value, const char *const names[], size_t *index)
{
    return json_is_string(value) && grus_name_find(names, json_string_value(value), index);
}

size_t grus_json_choice(const grus_json_object *object, const char *key, bool required, size_t otherwise,
                        const char *const names[])
{
    if (dead(object))
        return otherwise;
    const json_t *value = json_object_get(object->json, key);
    size_t index = otherwise;
    if (value ? !find_name(value, names, &index) : required)
        wrong_name(object, key, "one of ", names);
    return index;
}

size_t grus_json_choices(const grus_json_object *object, const char *key, bool required, const char *const names[],
                         size_t *indices)
{
    if (dead(object))
        return 0;
    const json_t *list = json_object_get(object->json, key), *value;
    size_t i, n = 0;
    if (!list && !required)
        return 0;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        wrong_name(object, key, "a list, not empty, of ", names);
        return 0;
    }
    json_array_foreach(list, i, value)
    {
        size_t index = 0;
        if (!find_name(value, names, &index)) {
            wrong_item(object, key, value, names);
            return 0;
        }
        for (size_t k = 0; k < n; k++)
            if (indices[k] == index)
                grus_json_refuse(object, key, "expected each name once, found \"%s\" twice", names[index]);
        if (object->reader->status)
            return 0;
        indices[n++] = index;
    }
    return n;
}

bool grus_json_choice_list(const grus_json_object *object, const char *key, const char *const names[], size_t *indices,
                           size_t n)
{
    if (dead(object))
        return false;
    const json_t *list = json_object_get(object->json, key), *value;
    size_t i;
    if (!json_is_array(list)) {
        wrong_name(object, key, "a list of ", names);
    } else if (json_array_size(list) != n) {
        grus_json_refuse(object, key, "expected a list of %zu, found one of %zu", n, json_array_size(list));
    } else {
        json_array_foreach(list, i, value)
        {
            if (!find_name(value, names, indices + i))
                wrong_item(object, key, value, names);
        }
    }
    return !dead(object);
}
