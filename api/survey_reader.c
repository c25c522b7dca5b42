// survey_reader.c: one output after the other, line by line.
#include "config.h"

#include "api/survey_reader.h"

#include <math.h>
#include <string.h>

#include "api/survey_map.h"
#include "base/error.h"
#include "io/json/value.h"
#include "io/shard/lines.h"

#define LONGEST_LINE ((size_t)64 << 20) // that is looked at
#define FINEST (-20)                    // binary places of values

// ---- tallies ----

// Where the numbers of this name and unit are counted; NULL when there is no room, or memory is short.
static grus_tally *find_tally(grus_survey_reader *reader, const char *name, const char *unit)
{
    size_t i = 0;
    for (; i < reader->n_tallies; i++)
        if (strcmp(reader->tallies[i]->name, name) == 0 && strcmp(reader->tallies[i]->unit, unit) == 0)
            return &reader->tallies[i]->tally;
    if (i == GRUS_SURVEY_TALLIES)
        return NULL;
    grus_named_tally *made = grus_arena_alloc(reader->arena, 1, sizeof *made);
    const char *copied = grus_arena_text(reader->arena, name, strlen(name));
    if (!made || !copied) {
        reader->failed_memory = true;
        return NULL;
    }
    made->name = copied;
    made->unit = unit;
    grus_tally_begin(&made->tally, *unit ? 0 : FINEST);
    reader->tallies[reader->n_tallies++] = made;
    return &made->tally;
}

static void count_number(grus_survey_reader *reader, const char *name, const char *unit, double number)
{
    grus_tally *tally = isfinite(number) ? find_tally(reader, name, unit) : NULL;
    if (tally)
        grus_tally_add(tally, number);
}

// ---- texts ----

// The string's text, in the reader's scratch.
static const grus_buffer *text_of(grus_survey_reader *reader, const grus_json_span *string)
{
    grus_buffer_clear(&reader->scratch);
    grus_json_unescape(string, &reader->scratch);
    reader->failed_memory |= reader->scratch.failed;
    return &reader->scratch;
}

static void count_length(grus_survey_reader *reader, const char *name, const grus_json_span *text)
{
    if (text->type == GRUS_JSON_ARRAY)
        count_number(reader, name, "tokens", (double)text->n_items);
    if (text->type != GRUS_JSON_STRING)
        return;
    const grus_buffer *plain = text_of(reader, text);
    count_number(reader, name, "characters", (double)grus_text_characters(plain->data, plain->size));
}

// Numbers in the words of an error as N, and a token as its quotes, so that equal causes are equal.
static void generalise(grus_buffer *text)
{
    static const char token[] = "unknown token \"";
    char *quote = text->size > sizeof token && memcmp(text->data, token, sizeof token - 1) == 0
                      ? memrchr(text->data, '"', text->size)
                      : NULL;
    if (quote && quote >= text->data + sizeof token - 1) {
        size_t rest = text->size - (size_t)(quote - text->data);
        memmove(text->data + sizeof token - 1, quote, rest);
        text->size = sizeof token - 1 + rest;
    }
    size_t to = 0;
    for (size_t i = 0, in_number = 0; i < text->size; i++) {
        bool digit = text->data[i] >= '0' && text->data[i] <= '9';
        if (!digit || !in_number)
            text->data[to++] = digit ? 'N' : text->data[i];
        in_number = digit;
    }
    text->size = to;
}

// ---- heads ----

static void count_label(grus_survey_reader *reader, const char *head, const grus_json_span *label)
{
    if (label->type != GRUS_JSON_STRING)
        return;
    const grus_buffer *text = text_of(reader, label);
    if (!text->failed &&
        !grus_counts_add(&reader->labels, head, text->data ? text->data : "", text->size, reader->arena))
        reader->failed_memory = true;
}

// Those of a list, and of the lists in it.
static void count_labels(grus_survey_reader *reader, const char *head, const grus_json_span *list)
{
    grus_json_scan scan, inner;
    grus_json_span item, label;
    grus_json_scan_items(&scan, list);
    while (grus_json_next_item(&scan, &item)) {
        count_label(reader, head, &item);
        if (item.type != GRUS_JSON_ARRAY)
            continue;
        grus_json_scan_items(&inner, &item);
        while (grus_json_next_item(&inner, &label))
            count_label(reader, head, &label);
    }
}

static void count_head(grus_survey_reader *reader, const grus_survey_head *head)
{
    char name[128];
    const grus_buffer *key = text_of(reader, &head->key);
    size_t length = key->size < sizeof name - 1 ? key->size : sizeof name - 1;
    if (length)
        memcpy(name, key->data, length);
    name[length] = '\0';
    grus_json_span found;
    switch (head->form) {
    case GRUS_SURVEY_LABEL:
        found = grus_survey_member(&head->value, "label");
        count_label(reader, name, &found);
        found = grus_survey_member(&head->value, "prob");
        count_number(reader, name, "", grus_survey_number(&found));
        return;
    case GRUS_SURVEY_OUTPUT:
        found = grus_survey_member(&head->value, "output");
        count_length(reader, name, &found);
        found = grus_survey_member(&head->value, "score");
        count_number(reader, name, "", grus_survey_number(&found));
        return;
    case GRUS_SURVEY_SUBSET:
        found = grus_survey_member(&head->value, "labels");
        count_labels(reader, name, &found);
        return;
    default:
        count_labels(reader, name, &head->value);
    }
}

// ---- results ----

static void count_norm(grus_survey_reader *reader, const grus_json_span *embedding)
{
    grus_json_scan scan;
    grus_json_span item;
    double sum = 0;
    if (embedding->type != GRUS_JSON_ARRAY)
        return;
    grus_json_scan_items(&scan, embedding);
    while (grus_json_next_item(&scan, &item)) {
        double value = grus_survey_number(&item);
        sum += value * value;
    }
    count_number(reader, "norm", "", sqrt(sum));
}

static size_t count_pairs(const grus_json_span *alignment)
{
    size_t n = 0;
    for (size_t i = 0; i < alignment->length; i++)
        n += alignment->text[i] == '-';
    return n;
}

// What the attention says of the number of tokens.
static void fit_texts(grus_survey_reader *reader, const grus_survey_record *record)
{
    const grus_json_span *attention = &record->results[GRUS_RESULT_ATTENTION];
    const grus_json_span *alignment = &record->results[GRUS_RESULT_ALIGNMENT];
    const grus_json_span *output = &record->results[GRUS_RESULT_OUTPUT];
    bool decoded = record->results[GRUS_RESULT_LOGPROB].type != GRUS_JSON_NONE;
    grus_map_shape shape = {0};
    if (grus_map_shape_read(attention, &shape) && record->source.type == GRUS_JSON_STRING)
        grus_text_fit_add(&reader->source, text_of(reader, &record->source), shape.columns);
    if (shape.rows == 0 && alignment->type == GRUS_JSON_STRING)
        shape.rows = count_pairs(alignment);
    if (output->type == GRUS_JSON_NONE)
        output = &record->target;
    if (shape.rows && decoded && output->type == GRUS_JSON_STRING)
        grus_text_fit_add(&reader->output, text_of(reader, output), shape.rows);
}

static void count_result(grus_survey_reader *reader, const grus_survey_record *record)
{
    const grus_json_span *results = record->results;
    if (record->source.type != GRUS_JSON_NONE)
        count_length(reader, "source", &record->source);
    else if (record->features.type == GRUS_JSON_ARRAY)
        count_number(reader, "source", "positions", (double)record->features.n_items);
    count_length(reader, "output", &results[GRUS_RESULT_OUTPUT]);
    if (reader->names->task == GRUS_TASK_SCORE)
        count_length(reader, "target", &record->target);
    count_number(reader, "score", "", grus_survey_number(&results[GRUS_RESULT_SCORE]));
    count_norm(reader, &results[GRUS_RESULT_EMBEDDING]);
    for (size_t i = 0; i < record->n_heads; i++)
        count_head(reader, &record->heads[i]);
    fit_texts(reader, record);
}

static void count_error(grus_survey_reader *reader, const grus_json_span *error)
{
    text_of(reader, error);
    generalise(&reader->scratch);
    const grus_buffer *text = &reader->scratch;
    if (!text->failed &&
        !grus_counts_add(&reader->errors, NULL, text->data ? text->data : "", text->size, reader->arena))
        reader->failed_memory = true;
}

// ---- lines ----

static void keep(grus_survey_reader *reader, bool failed, const grus_kept_record *place, const char *line)
{
    if (!grus_pool_offer(failed ? &reader->bad : &reader->good, place, line))
        reader->failed_memory = true;
}

static void take_line(grus_survey_reader *reader, const grus_kept_record *place, const char *line)
{
    grus_survey_record record;
    reader->read++;
    if (!reader->is_json) {
        count_number(reader, "output", "characters", (double)grus_text_characters(line, place->length));
        keep(reader, false, place, line);
        return;
    }
    if (!grus_survey_record_read(reader->names, line, place->length, &record)) {
        reader->unreadable++;
        return;
    }
    bool failed = record.error.type != GRUS_JSON_NONE;
    reader->failed += failed;
    if (failed)
        count_error(reader, &record.error);
    else
        count_result(reader, &record);
    keep(reader, failed, place, line);
}

static void skip_line(grus_survey_reader *reader)
{
    reader->read++;
    reader->unreadable++;
}

static grus_status read_lines(grus_survey_reader *reader, grus_lines *lines, size_t shard, uint64_t key,
                              grus_read_output *output, grus_error *error)
{
    while (output->records < reader->most) {
        grus_line_kind kind;
        const char *text;
        size_t length;
        grus_status status = grus_lines_next(lines, &kind, &text, &length, error);
        if (status)
            return status;
        output->ended = kind == GRUS_LINE_END;
        if (output->ended)
            return GRUS_OK;
        uint64_t number = ++output->records;
        const grus_kept_record place = {grus_pool_key(key, number), shard, number, NULL, length};
        if (kind == GRUS_LINE)
            take_line(reader, &place, text);
        else
            skip_line(reader);
        if (reader->failed_memory)
            return grus_fail_memory(error, length);
    }
    return GRUS_OK;
}

grus_status grus_survey_read(grus_survey_reader *reader, const char *path, size_t shard, uint64_t key,
                             grus_read_output *output, grus_error *error)
{
    grus_lines *lines;
    *output = (grus_read_output){0};
    if (reader->most == 0)
        return GRUS_OK;
    grus_status status = grus_lines_open(path, LONGEST_LINE, GRUS_WINDOW_LOG, &lines, error);
    if (status)
        return status;
    status = read_lines(reader, lines, shard, key, output, error);
    grus_lines_close(lines);
    return status;
}
