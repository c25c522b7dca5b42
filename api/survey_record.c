// survey_record.c: one walk over the members of a record.
#include "config.h"

#include "api/survey_record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/json/number.h"
#include "io/json/value.h"

// ---- names ----

static const char *text_of(const json_t *run, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(run, key));
    return text ? text : otherwise;
}

static char *prefixed(const char *prefix, const char *name)
{
    size_t size = strlen(prefix) + strlen(name) + 1;
    char *text = malloc(size);
    if (text)
        snprintf(text, size, "%s%s", prefix, name);
    return text;
}

grus_status grus_survey_names_read(grus_survey_names *names, const json_t *run, grus_error *error)
{
    size_t task = GRUS_TASK_OWN;
    const char *prefix = text_of(run, "field_prefix", ""), *main = text_of(run, "output_key", NULL);
    grus_name_find(grus_task_names, text_of(run, "task", ""), &task);
    *names = (grus_survey_names){
        .task = (grus_task)task,
        .text = strdup(text_of(run, "text_key", "text")),
        .target = strdup(text_of(run, "target_key", "target")),
        .main = main ? strdup(main) : NULL,
    };
    bool made = names->text && names->target && (names->main || !main);
    for (size_t i = 0; i < GRUS_N_RESULTS && made; i++) {
        names->results[i] = prefixed(prefix, grus_result_own_names[i]);
        made = names->results[i] != NULL;
    }
    return made ? GRUS_OK : grus_fail_memory(error, strlen(prefix));
}

void grus_survey_names_free(grus_survey_names *names)
{
    for (size_t i = 0; i < GRUS_N_RESULTS; i++)
        free(names->results[i]);
    free(names->text);
    free(names->target);
    free(names->main);
    *names = (grus_survey_names){0};
}

// ---- values ----

grus_json_span grus_survey_member(const grus_json_span *object, const char *name)
{
    grus_json_scan scan;
    grus_json_span key, value, found = {0}, other;
    if (object->type != GRUS_JSON_OBJECT || !grus_json_scan_object(&scan, object->text, object->length, &other))
        return found;
    while (grus_json_next_member(&scan, &key, &value))
        if (grus_json_key_is(&key, name))
            found = value;
    return found;
}

float grus_survey_number(const grus_json_span *value)
{
    float number;
    bool is_number = value->type == GRUS_JSON_INTEGER || value->type == GRUS_JSON_REAL;
    return is_number && grus_json_to_float(value, &number) ? number : NAN;
}

static grus_json_span first_item(const grus_json_span *array)
{
    grus_json_scan scan;
    grus_json_span item = {0};
    grus_json_scan_items(&scan, array);
    if (!grus_json_next_item(&scan, &item))
        item = (grus_json_span){0};
    return item;
}

// ---- heads ----

static bool is_number(const grus_json_span *value)
{
    return value->type == GRUS_JSON_INTEGER || value->type == GRUS_JSON_REAL;
}

static grus_survey_form form_of_object(const grus_json_span *value)
{
    if (value->n_items != 2)
        return GRUS_SURVEY_NO_HEAD;
    grus_json_span label = grus_survey_member(value, "label"), prob = grus_survey_member(value, "prob");
    if (label.type == GRUS_JSON_STRING && is_number(&prob))
        return GRUS_SURVEY_LABEL;
    grus_json_span output = grus_survey_member(value, "output"), score = grus_survey_member(value, "score");
    if (output.type == GRUS_JSON_STRING && is_number(&score))
        return GRUS_SURVEY_OUTPUT;
    grus_json_span labels = grus_survey_member(value, "labels"), probs = grus_survey_member(value, "probs");
    return labels.type == GRUS_JSON_ARRAY && probs.type == GRUS_JSON_ARRAY ? GRUS_SURVEY_SUBSET : GRUS_SURVEY_NO_HEAD;
}

static grus_survey_form form_of_array(const grus_json_span *value)
{
    grus_json_span item = first_item(value);
    if (item.type == GRUS_JSON_NONE || item.type == GRUS_JSON_STRING)
        return GRUS_SURVEY_LABELS;
    if (item.type != GRUS_JSON_ARRAY)
        return GRUS_SURVEY_NO_HEAD;
    item = first_item(&item);
    return item.type == GRUS_JSON_NONE || item.type == GRUS_JSON_STRING ? GRUS_SURVEY_SUBSETS : GRUS_SURVEY_NO_HEAD;
}

static grus_survey_form form_of(grus_task task, const grus_json_span *value)
{
    bool own = task == GRUS_TASK_OWN;
    if (value->type == GRUS_JSON_OBJECT && (own || task == GRUS_TASK_CLASSIFY))
        return form_of_object(value);
    if (value->type == GRUS_JSON_ARRAY && (own || task == GRUS_TASK_TAG))
        return form_of_array(value);
    return GRUS_SURVEY_NO_HEAD;
}

// ---- the record ----

// The result that a key names; GRUS_N_RESULTS: none.
static size_t find_result(const grus_survey_names *names, const grus_json_span *key)
{
    size_t i = 0;
    while (i < GRUS_N_RESULTS && !grus_json_key_is(key, names->results[i]))
        i++;
    return i;
}

// What run.output_key names: what it is shows in what it holds.
static void take_main(const grus_survey_names *names, const grus_json_span *value, grus_survey_record *record)
{
    if (names->task == GRUS_TASK_SCORE)
        record->results[GRUS_RESULT_SCORE] = *value;
    else if (names->task == GRUS_TASK_EMBED || names->task == GRUS_TASK_STATES)
        record->results[names->task == GRUS_TASK_EMBED ? GRUS_RESULT_EMBEDDING : GRUS_RESULT_STATES] = *value;
    else if (value->type == GRUS_JSON_ARRAY && first_item(value).type == GRUS_JSON_REAL)
        record->results[GRUS_RESULT_EMBEDDING] = *value;
    else
        record->results[GRUS_RESULT_OUTPUT] = *value;
}

// Heads end where another field comes.
static void take_head(const grus_survey_names *names, const grus_json_span *key, const grus_json_span *value,
                      grus_survey_record *record)
{
    grus_survey_form form = form_of(names->task, value);
    if (form == GRUS_SURVEY_NO_HEAD) {
        record->n_heads = 0;
        return;
    }
    if (record->n_heads == GRUS_MAX_HEADS) {
        record->n_heads--;
        memmove(record->heads, record->heads + 1, record->n_heads * sizeof *record->heads);
    }
    record->heads[record->n_heads++] = (grus_survey_head){*key, *value, form};
}

static void take_member(const grus_survey_names *names, const grus_json_span *key, const grus_json_span *value,
                        grus_survey_record *record)
{
    size_t result = find_result(names, key);
    if (grus_json_key_is(key, names->text))
        record->source = *value;
    if (grus_json_key_is(key, names->target))
        record->target = *value;
    if (grus_json_key_is(key, "features"))
        record->features = *value;
    if (names->main && grus_json_key_is(key, names->main))
        take_main(names, value, record);
    if (result < GRUS_N_RESULTS)
        record->results[result] = *value;
    if (result != GRUS_RESULT_ATTENTION)
        take_head(names, key, value, record);
}

// Fields of a result's name that the task does not give are the record's own.
static void drop_others(grus_task task, grus_survey_record *record)
{
    static const grus_result_field decoded[] = {GRUS_RESULT_OUTPUT,   GRUS_RESULT_SCORE,          GRUS_RESULT_LOGPROB,
                                                GRUS_RESULT_NBEST,    GRUS_RESULT_TOKEN_LOGPROBS, GRUS_RESULT_TRUNCATED,
                                                GRUS_RESULT_ALIGNMENT};
    bool may_decode = task == GRUS_TASK_OWN || task == GRUS_TASK_TRANSLATE || task == GRUS_TASK_SCORE;
    bool has_decoded = may_decode && record->results[GRUS_RESULT_LOGPROB].type != GRUS_JSON_NONE;
    for (size_t i = 0; i < sizeof decoded / sizeof *decoded && !has_decoded; i++)
        record->results[decoded[i]] = (grus_json_span){0};
    if (task == GRUS_TASK_SCORE)
        record->results[GRUS_RESULT_OUTPUT] = (grus_json_span){0};
    if (has_decoded || (task != GRUS_TASK_OWN && task != GRUS_TASK_EMBED))
        record->results[GRUS_RESULT_EMBEDDING] = (grus_json_span){0};
}

// The last two members of an object of n.
typedef struct grus_survey_end {
    size_t n;
    grus_json_span key_before, value_before, key, value;
} grus_survey_end;

// What is wrong stands behind all that the record had, where a result stands otherwise; or alone before the number of a line
// that was no record.
static bool find_error(const grus_survey_end *end, grus_json_span *error)
{
    bool is_line = end->n == 2 && grus_json_key_is(&end->key, "line") && end->value.type == GRUS_JSON_INTEGER;
    const grus_json_span *key = is_line ? &end->key_before : &end->key;
    const grus_json_span *value = is_line ? &end->value_before : &end->value;
    if (end->n == 0 || value->type != GRUS_JSON_STRING ||
        !(grus_json_key_is(key, "error") || (!is_line && grus_json_key_is(key, "grus_error"))))
        return false;
    *error = *value;
    return true;
}

bool grus_survey_record_read(const grus_survey_names *names, const char *line, size_t length,
                             grus_survey_record *record)
{
    grus_json_scan scan;
    grus_json_span key, value, other;
    grus_survey_end end = {0};
    *record = (grus_survey_record){0};
    if (!grus_json_scan_object(&scan, line, length, &other))
        return false;
    while (grus_json_next_member(&scan, &key, &value)) {
        take_member(names, &key, &value, record);
        end = (grus_survey_end){end.n + 1, end.key, end.value, key, value};
    }
    if (scan.reason)
        return false;
    bool in_error = find_error(&end, &record->error);
    if (in_error)
        memset(record->results, 0, sizeof record->results);
    drop_others(names->task, record);
    if (in_error || record->results[GRUS_RESULT_LOGPROB].type != GRUS_JSON_NONE)
        record->n_heads = 0;
    return true;
}
