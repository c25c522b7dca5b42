// grow.c: compares lists of inputs as sets. The order is that of the process that adds to them: it is what tells which rank
// has which shard, and what is done is done whoever has done it.
#include "config.h"

#include "io/outdir/grow.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

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
        fine = name && json_object_set_new(set, name, json_true()) == 0;
    }
    if (fine)
        return set;
    json_decref(set);
    return NULL;
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
    char *dump = NULL;
    if (json_object_set(was, "inputs", json_object_get(is, "inputs")) == 0)
        dump = json_dumps(was, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    if (dump)
        grus_buffer_text(text, dump);
    grus_buffer_byte(text, '\n');
    bool fine = dump && !text->failed;
    free(dump);
    return fine ? GRUS_OK : grus_fail_memory(error, text->size);
}
