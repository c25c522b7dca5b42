// grow.c: compares lists of inputs as sets. The order is that of the process that adds to them: it is what tells which rank
// has which shard, and what is done is done whoever has done it.
#include "config.h"

#include "io/outdir/grow.h"

#include <string.h>

#include "base/error.h"
#include "io/json/dump.h"
#include "io/json/json_write.h"

static bool is_equal_but_inputs(json_t *was, json_t *is)
{
    json_t *one = json_copy(was), *other = json_copy(is);
    json_object_del(one, "inputs");
    json_object_del(other, "inputs");
    bool equal = one && other && json_equal(one, other);
    json_decref(one);
    json_decref(other);
    return equal;
}

// A set of a list's texts; NULL where one is none, or memory is short.
static json_t *make_set(const json_t *list)
{
    json_t *set = json_object();
    bool fine = set && json_is_array(list);
    for (size_t i = 0; fine && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        fine = name && json_object_set_new_nocheck(set, name, json_true()) == 0;
    }
    if (fine)
        return set;
    json_decref(set);
    return NULL;
}

bool grus_grow_was_named(const char *written, const char *name)
{
    grus_buffer one = {0}, other = {0};
    grus_json_string(&one, written, strlen(written));
    grus_json_string(&other, name, strlen(name));
    bool same = !one.failed && !other.failed && one.size == other.size && memcmp(one.data, other.data, one.size) == 0;
    grus_buffer_free(&other);
    grus_buffer_free(&one);
    return same;
}

bool grus_grow_restores(json_t *was, json_t *is)
{
    const json_t *before = json_object_get(was, "inputs"), *after = json_object_get(is, "inputs");
    bool restores = json_array_size(before) == json_array_size(after) && is_equal_but_inputs(was, is);
    for (size_t i = 0; restores && i < json_array_size(after); i++) {
        const char *name = json_string_value(json_array_get(before, i));
        restores = name && grus_grow_was_named(name, json_string_value(json_array_get(after, i)));
    }
    return restores;
}

bool grus_grow_adds(json_t *was, json_t *is, size_t *more, const char **first)
{
    const json_t *before = json_object_get(was, "inputs"), *after = json_object_get(is, "inputs");
    json_t *known = make_set(before), *all = make_set(after);
    bool adds = known && all && is_equal_but_inputs(was, is);
    const char *name;
    json_t *unused;
    if (adds) {
        json_object_foreach(known, name, unused) adds = adds && json_object_get(all, name);
    }
    *more = 0;
    *first = NULL;
    for (size_t i = 0; adds && i < json_array_size(after); i++) {
        name = json_string_value(json_array_get(after, i));
        if (json_object_get(known, name))
            continue;
        if (++*more == 1)
            *first = name;
    }
    json_decref(all);
    json_decref(known);
    return adds && *more > 0;
}

grus_status grus_grow_text(json_t *was, const json_t *is, grus_buffer *text, grus_error *error)
{
    if (json_object_set(was, "inputs", json_object_get(is, "inputs")) != 0)
        return grus_fail_memory(error, 0);
    grus_json_dump(was, true, text);
    grus_buffer_byte(text, '\n');
    return text->failed ? grus_fail_memory(error, text->size) : GRUS_OK;
}
