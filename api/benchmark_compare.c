// benchmark_compare.c: two files of `grus bench --json` side by side: the rates of each part and their ratios, and in what the
// machines and the work differ.
#include "config.h"

#include "grus.h"

#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "io/json/dump.h"
#include "io/json/json_write.h"
#include "io/json/number.h"
#include "io/json/tree.h"

#define FIGURES_MAX ((size_t)1 << 20) // bytes of a file
#define MOST_PARTS 64

typedef struct part {
    const char *name; // belongs to the file's tree
    size_t which;     // of the parts of this name, from 0
    double threads;
    double rate, least, most; // records a second: of the median repetition, of the slowest, of the fastest
    double cpu_rate;          // records a second of CPU time; 0: none was taken
} part;

typedef struct figures {
    const char *path;
    json_t *json;
    size_t n;
    part parts[MOST_PARTS];
} figures;

// What both files tell besides the parts. The first ones are the machine's.
static const char *const told[] = {"cpu",      "cores", "core_list", "caches",  "kernel", "compute_type",
                                   "versions", "model", "inputs",    "records", "tokens", "run_is_cut"};
#define N_TOLD (sizeof told / sizeof *told)
#define N_OF_MACHINE 5

// ---- reading ----

static grus_status wrong(const figures *of, size_t i, const char *what, grus_error *error)
{
    char place[48];
    snprintf(place, sizeof place, "parts[%zu]", i);
    return grus_fail(error, GRUS_E_INPUT, of->path, place, "%s", what);
}

// A number that is above 0, or with zero may be 0; false for all else.
static bool read_number(const json_t *object, const char *key, bool zero, double *value)
{
    const json_t *json = json_object_get(object, key);
    *value = json_number_value(json);
    return json_is_number(json) && (*value > 0 || (zero && *value >= 0));
}

static grus_status read_part(figures *of, size_t i, const json_t *json, grus_error *error)
{
    part *p = &of->parts[i];
    double records, median, min, max, cpu;
    const json_t *seconds = json_object_get(json, "seconds");
    p->name = json_string_value(json_object_get(json, "part"));
    if (!p->name)
        return wrong(of, i, "has no part's name", error);
    if (!read_number(json, "threads", false, &p->threads) || !read_number(json, "records", false, &records) ||
        !read_number(seconds, "median", false, &median) || !read_number(seconds, "min", false, &min) ||
        !read_number(seconds, "max", false, &max) || !read_number(json, "cpu_seconds", true, &cpu))
        return wrong(of, i, "lacks threads, records or seconds, or has some that are not above 0", error);
    p->rate = records / median;
    p->least = records / max;
    p->most = records / min;
    p->cpu_rate = cpu > 0 ? records / cpu : 0;
    p->which = 0;
    for (size_t j = 0; j < i; j++)
        p->which += strcmp(of->parts[j].name, p->name) == 0;
    return GRUS_OK;
}

static grus_status read_figures(const char *path, figures *of, grus_error *error)
{
    *of = (figures){.path = path};
    grus_status status = grus_json_read_file(path, FIGURES_MAX, GRUS_E_INPUT, &of->json, error);
    if (status != GRUS_OK)
        return status;
    const json_t *parts = json_object_get(of->json, "parts");
    if (!json_is_array(parts))
        return grus_fail(error, GRUS_E_INPUT, path, NULL, "is not what `grus bench --json` writes: there are no parts");
    of->n = json_array_size(parts);
    if (of->n > MOST_PARTS)
        return grus_fail(error, GRUS_E_INPUT, path, NULL, "has more than %d parts", MOST_PARTS);
    for (size_t i = 0; i < of->n && status == GRUS_OK; i++)
        status = read_part(of, i, json_array_get(parts, i), error);
    return status;
}

// ---- comparing ----

static const part *counterpart(const part *p, const figures *of)
{
    for (size_t i = 0; i < of->n; i++)
        if (of->parts[i].which == p->which && strcmp(of->parts[i].name, p->name) == 0)
            return &of->parts[i];
    return NULL;
}

static bool differs(const figures sides[2], size_t i)
{
    const json_t *a = json_object_get(sides[0].json, told[i]), *b = json_object_get(sides[1].json, told[i]);
    return (a || b) && !(a && b && json_equal(a, b));
}

static bool machines_differ(const figures sides[2])
{
    for (size_t i = 0; i < N_OF_MACHINE; i++)
        if (differs(sides, i))
            return true;
    return false;
}

// ---- for people ----

// A value in one line that can give no orders to a terminal.
static void put_value(const figures *of, const char *key, grus_buffer *text)
{
    json_t *value = json_object_get(of->json, key);
    grus_buffer line = {0};
    if (json_is_string(value))
        grus_buffer_text(&line, json_string_value(value));
    else if (value)
        grus_json_dump(value, false, &line);
    else
        grus_buffer_text(&line, "not told");
    grus_buffer_byte(&line, '\0');
    text->failed |= line.failed;
    if (!line.failed) {
        grus_make_printable(line.data);
        grus_buffer_text(text, line.data);
    }
    grus_buffer_free(&line);
}

static void put_head(const figures sides[2], grus_buffer *text)
{
    for (int i = 0; i < 2; i++) {
        grus_buffer_printf(text, "%-8s %s: grus ", i ? "after" : "before", sides[i].path);
        put_value(&sides[i], "version", text);
        grus_buffer_text(text, ", ");
        put_value(&sides[i], "date", text);
        grus_buffer_byte(text, '\n');
    }
    for (size_t i = 0; i < N_TOLD; i++) {
        if (!differs(sides, i))
            continue;
        grus_buffer_printf(text, "differs  %s: ", told[i]);
        put_value(&sides[0], told[i], text);
        grus_buffer_text(text, " | ");
        put_value(&sides[1], told[i], text);
        grus_buffer_byte(text, '\n');
    }
    if (machines_differ(sides))
        grus_buffer_text(text, "The machines differ: the ratios are not the program's alone.\n");
}

static void put_name(const part *p, grus_buffer *text)
{
    char name[16];
    snprintf(name, sizeof name, "%s", p->name);
    grus_make_printable(name);
    grus_buffer_printf(text, "%-8s", name);
}

static void put_line(const part *before, const part *after, grus_buffer *text)
{
    put_name(before ? before : after, text);
    if (!before || !after) {
        grus_buffer_printf(text, " in the one %s alone\n", before ? "before" : "after");
        return;
    }
    char threads[48];
    if (before->threads == after->threads)
        snprintf(threads, sizeof threads, "%.0f", before->threads);
    else
        snprintf(threads, sizeof threads, "%.0f | %.0f", before->threads, after->threads);
    grus_buffer_printf(text, " %9s %13.0f %13.0f %9.3f %9.3f %9.3f", threads, before->rate, after->rate,
                       after->rate / before->rate, after->least / before->most, after->most / before->least);
    if (before->cpu_rate > 0 && after->cpu_rate > 0)
        grus_buffer_printf(text, " %9.3f", after->cpu_rate / before->cpu_rate);
    grus_buffer_byte(text, '\n');
}

static void put_table(const figures sides[2], grus_buffer *text)
{
    put_head(sides, text);
    grus_buffer_printf(text, "\n%-8s %9s %13s %13s %9s %9s %9s %9s\n", "part", "threads", "records/s", "then", "ratio",
                       "least", "most", "by CPU");
    for (size_t i = 0; i < sides[0].n; i++)
        put_line(&sides[0].parts[i], counterpart(&sides[0].parts[i], &sides[1]), text);
    for (size_t i = 0; i < sides[1].n; i++)
        if (!counterpart(&sides[1].parts[i], &sides[0]))
            put_line(NULL, &sides[1].parts[i], text);
}

// ---- JSON ----

static void put_pair(grus_buffer *text, const char *member, double before, double after)
{
    grus_json_member(text, member);
    grus_buffer_byte(text, '[');
    grus_json_double(text, before);
    grus_buffer_text(text, ", ");
    grus_json_double(text, after);
    grus_buffer_byte(text, ']');
}

static void put_real(grus_buffer *text, const char *member, double value)
{
    grus_json_member(text, member);
    grus_json_double(text, value);
}

static void put_compared(const part *before, const part *after, grus_buffer *text)
{
    grus_buffer_text(text, "\n    {");
    grus_json_text_member(text, "part", before->name);
    put_pair(text, "threads", before->threads, after->threads);
    put_pair(text, "records_per_second", before->rate, after->rate);
    put_real(text, "ratio", after->rate / before->rate);
    put_real(text, "least", after->least / before->most);
    put_real(text, "most", after->most / before->least);
    if (before->cpu_rate > 0 && after->cpu_rate > 0)
        put_real(text, "cpu_ratio", after->cpu_rate / before->cpu_rate);
    grus_buffer_byte(text, '}');
}

static void put_json(const figures sides[2], grus_buffer *text)
{
    size_t n = 0;
    grus_buffer_byte(text, '{');
    grus_json_name_member(text, "before", sides[0].path);
    grus_json_name_member(text, "after", sides[1].path);
    grus_buffer_printf(text, ", \"machines_differ\": %s, \"differs\": [", machines_differ(sides) ? "true" : "false");
    for (size_t i = 0; i < N_TOLD; i++)
        if (differs(sides, i))
            grus_buffer_printf(text, "%s\"%s\"", n++ ? ", " : "", told[i]);
    grus_buffer_text(text, "], \"parts\": [");
    n = 0;
    for (size_t i = 0; i < sides[0].n; i++) {
        const part *after = counterpart(&sides[0].parts[i], &sides[1]);
        if (!after)
            continue;
        grus_buffer_text(text, n++ ? "," : "");
        put_compared(&sides[0].parts[i], after, text);
    }
    grus_buffer_text(text, "\n  ]}\n");
}

grus_status grus_benchmark_compare(const char *before, const char *after, bool as_json, grus_text *text,
                                   grus_error *error)
{
    figures sides[2] = {{.path = before}, {.path = after}};
    grus_buffer buffer = {0};
    *text = (grus_text){0};
    grus_status status = read_figures(before, &sides[0], error);
    if (status == GRUS_OK)
        status = read_figures(after, &sides[1], error);
    if (status == GRUS_OK) {
        (as_json ? put_json : put_table)(sides, &buffer);
        status = grus_text_take(text, &buffer, error);
    }
    json_decref(sides[0].json);
    json_decref(sides[1].json);
    return status;
}
