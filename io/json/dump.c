// dump.c: walks the tree; numbers are left to jansson. The depth is that of GRUS_JSON_TREE_DEPTH.
#include "config.h"

#include "io/json/dump.h"

#include <stdlib.h>
#include <string.h>

#include "io/json/json_write.h"

typedef struct dump {
    grus_buffer *out;
    bool lines;
} dump;

static void put(const dump *to, json_t *json, int depth);

static void put_break(const dump *to, int depth)
{
    if (to->lines)
        grus_buffer_printf(to->out, "\n%*s", 2 * depth, "");
}

static void put_array(const dump *to, json_t *array, int depth)
{
    size_t n = json_array_size(array);
    grus_buffer_byte(to->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            grus_buffer_byte(to->out, ',');
        put_break(to, depth + 1);
        put(to, json_array_get(array, i), depth + 1);
    }
    if (n)
        put_break(to, depth);
    grus_buffer_byte(to->out, ']');
}

static void put_object(const dump *to, json_t *object, int depth)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    grus_buffer_byte(to->out, '{');
    json_object_foreach(object, key, value)
    {
        if (n++)
            grus_buffer_byte(to->out, ',');
        put_break(to, depth + 1);
        grus_json_name(to->out, key, strlen(key));
        grus_buffer_text(to->out, to->lines ? ": " : ":");
        put(to, value, depth + 1);
    }
    if (n)
        put_break(to, depth);
    grus_buffer_byte(to->out, '}');
}

static void put_scalar(const dump *to, json_t *json)
{
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (text)
        grus_buffer_text(to->out, text);
    else
        to->out->failed = true;
    free(text);
}

static void put(const dump *to, json_t *json, int depth)
{
    if (json_is_array(json))
        put_array(to, json, depth);
    else if (json_is_object(json))
        put_object(to, json, depth);
    else if (json_is_string(json))
        grus_json_name(to->out, json_string_value(json), json_string_length(json));
    else
        put_scalar(to, json);
}

void grus_json_dump(json_t *json, bool lines, grus_buffer *out)
{
    put(&(dump){out, lines}, json, 0);
}
