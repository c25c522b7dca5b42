// runner_records.c: golden cases as lines and as sequences; lines are read with jansson.
#include "config.h"

#include "tests/unit/runner_records.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- records, as lines and as sequences ----

// A text, a list of ids, or one of rows. *length is what a grus_sequences counts.
static void put_sequence(grus_buffer *to, const json_t *value, size_t *length, bool *ids)
{
    *length = json_is_string(value) ? json_string_length(value) : json_array_size(value);
    if (json_is_string(value))
        grus_buffer_append(to, json_string_value(value), *length);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        const uint64_t id = (uint64_t)json_integer_value(item);
        *ids = *ids || json_is_integer(item);
        if (json_is_integer(item))
            grus_buffer_append(to, &id, sizeof id);
        for (size_t j = 0; j < json_array_size(item); j++) {
            const float number = (float)json_number_value(json_array_get(item, j));
            grus_buffer_append(to, &number, sizeof number);
        }
    }
}

static void put_record(records *r, const char *line, const char *target_key)
{
    json_t *record = json_loads(line, 0, NULL), *features = json_object_get(record, "features");
    ck_assert_ptr_nonnull(record);
    ck_assert_uint_lt(r->n, 64);
    r->features = r->features || features;
    put_sequence(&r->source, features ? features : json_object_get(record, "text"), &r->lengths[r->n], &r->ids);
    put_sequence(&r->target, json_object_get(record, target_key), &r->target_lengths[r->n], &r->target_ids);
    r->n++;
    json_decref(record);
}

static void set_data(grus_sequences *to, const grus_buffer *data, bool ids, bool features)
{
    const void *bytes = data->data ? data->data : "";
    to->text = ids || features ? NULL : bytes;
    to->ids = ids ? bytes : NULL;
    to->features = features ? bytes : NULL;
}

void open_records(records *r, const char *golden, const char *target_key)
{
    const char *builddir = getenv("builddir");
    char path[4096], line[65536];
    grus_error error;
    *r = (records){0};
    snprintf(path, sizeof path, "%s/tests/cases/%s/model", builddir ? builddir : ".", golden);
    ck_assert_int_eq(grus_model_load(path, NULL, &r->model, &error), GRUS_OK);
    snprintf(path, sizeof path, "%s/tests/cases/%s/input.jsonl", builddir ? builddir : ".", golden);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        grus_buffer_text(&r->lines, line);
        put_record(r, line, target_key);
    }
    fclose(file);
    grus_sequences_init(&r->sources, sizeof r->sources);
    grus_sequences_init(&r->targets, sizeof r->targets);
    r->sources.n = r->targets.n = r->n;
    r->sources.lengths = r->lengths;
    r->targets.lengths = r->target_lengths;
    set_data(&r->sources, &r->source, r->ids, r->features);
    set_data(&r->targets, &r->target, r->target_ids, false);
}

grus_model *load_member(const char *golden, const char *first)
{
    static const struct {
        const char *name;
        bool of_first;
    } files[] = {{"config.json", false}, {"model.safetensors", false}, {"source.vocab", true}, {"target.vocab", true}};
    const char *builddir = getenv("builddir"), *parent = getenv("TMPDIR");
    char dir[4096], cases[4096], from[8192], to[8192];
    grus_model *model;
    grus_error error;
    snprintf(dir, sizeof dir, "%s/grus-member-XXXXXX", parent ? parent : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(from, sizeof from, "%s/tests/cases", builddir ? builddir : ".");
    ck_assert_ptr_nonnull(realpath(from, cases));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(from, sizeof from, "%s/%s/model/%s", cases, files[i].of_first ? first : golden, files[i].name);
        snprintf(to, sizeof to, "%s/%s", dir, files[i].name);
        ck_assert_int_eq(symlink(from, to), 0);
    }
    ck_assert_int_eq(grus_model_load(dir, NULL, &model, &error), GRUS_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(to, sizeof to, "%s/%s", dir, files[i].name);
        unlink(to);
    }
    rmdir(dir);
    return model;
}

void close_records(records *r)
{
    grus_model_free(r->model);
    grus_buffer_free(&r->lines);
    grus_buffer_free(&r->source);
    grus_buffer_free(&r->target);
}

// ---- what a line says, and what the results say ----

static void same(const json_t *value, double number)
{
    ck_assert_msg(json_is_number(value) && (float)json_number_value(value) == (float)number, "%.9g is not %.9g", number,
                  json_number_value(value));
}

static void same_text(const json_t *value, const char *text, size_t length)
{
    ck_assert_msg(json_string_length(value) == length && memcmp(json_string_value(value), text, length) == 0,
                  "\"%.*s\" is not \"%s\"", (int)length, text, json_string_value(value));
}

// A list of numbers, or of rows of them, against numbers end to end; returns how many there are.
static size_t same_numbers(const json_t *list, const float *numbers)
{
    size_t n = 0, index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        if (json_is_array(item))
            n += same_numbers(item, numbers + n);
        else
            same(item, (double)numbers[n++]);
    }
    return n;
}

static void look_at_head(const records *r, const json_t *line, const grus_head_results *head, size_t i)
{
    const json_t *said = json_object_get(line, grus_model_head_name(r->model, head->head));
    size_t from = head->offsets[i], to = head->offsets[i + 1], length;
    bool on_token = grus_model_head_is_on_token(r->model, head->head);
    ck_assert_ptr_nonnull(said);
    if (head->text_offsets) {
        size_t at = head->text_offsets[i];
        same_text(json_object_get(said, "output"), head->text ? head->text + at : "", head->text_offsets[i + 1] - at);
        same(json_object_get(said, "score"), head->scores[i]);
    } else if (head->labels) {
        for (size_t row = from; row < to; row++) {
            const json_t *label = on_token ? json_array_get(said, row - from) : json_object_get(said, "label");
            const char *name = grus_model_label(r->model, head->head, head->labels[row], &length);
            same_text(label, name, length);
        }
        ck_assert_uint_eq(on_token ? json_array_size(said) : 1, to - from);
        if (!on_token)
            same(json_object_get(said, "prob"), (double)head->probs[from]);
    } else {
        const json_t *numbers = json_is_object(said) ? json_object_get(said, "probs") : said;
        bool subset = !isnan(head->threshold);
        size_t columns = head->columns, above = 0;
        for (size_t k = from * columns; k < to * columns && subset; k++)
            above += head->numbers[k] >= head->threshold;
        if (!subset || !on_token)
            ck_assert_uint_eq(same_numbers(numbers, head->numbers + from * columns), (to - from) * columns);
        if (subset && !on_token)
            ck_assert_uint_eq(json_array_size(json_object_get(said, "labels")), above);
    }
}

static void look_at_hypothesis(const records *r, const json_t *said, const grus_hypotheses *all, size_t j)
{
    const json_t *output = json_object_get(said, "output"), *tokens = json_object_get(said, "token_logprobs");
    same(json_object_get(said, "score"), all->scores[j]);
    same(json_object_get(said, "logprob"), all->logprobs[j]);
    if (json_is_string(output))
        same_text(output, all->text ? all->text + all->text_offsets[j] : "",
                  all->text_offsets[j + 1] - all->text_offsets[j]);
    size_t from = all->token_offsets[j], n = all->token_offsets[j + 1] - from;
    if (json_is_array(output)) {
        ck_assert_uint_eq(json_array_size(output) + all->ended[j], n);
        for (size_t i = 0; i < json_array_size(output); i++)
            ck_assert_uint_eq((uint32_t)json_integer_value(json_array_get(output, i)), all->tokens[from + i]);
    }
    if (tokens)
        ck_assert_uint_eq(same_numbers(tokens, all->token_logprobs + from), n);
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_lt(all->tokens[from + i], grus_model_tokens(r->model, GRUS_SIDE_TARGET));
}

static void look_at_hypotheses(const records *r, const json_t *line, const grus_hypotheses *all, size_t i)
{
    const json_t *list = json_object_get(line, "nbest");
    size_t from = all->offsets[i], n = all->offsets[i + 1] - from;
    ck_assert_uint_ge(n, 1);
    look_at_hypothesis(r, line, all, from);
    if (list)
        ck_assert_uint_eq(json_array_size(list), n);
    for (size_t k = 0; k < json_array_size(list); k++)
        look_at_hypothesis(r, json_array_get(list, k), all, from + k);
}

// The first of the lists of numbers.
static const json_t *first_row(const json_t *lists)
{
    while (json_is_array(json_array_get(lists, 0)))
        lists = json_array_get(lists, 0);
    return lists;
}

static void look_at(const records *r, const json_t *line, const grus_results *results, size_t i)
{
    const json_t *embedding = json_object_get(line, "embedding"), *states = json_object_get(line, "states"),
                 *attention = json_object_get(line, "attention"), *wrong = json_object_get(line, "error");
    ck_assert((results->errors[i] != NULL) == (wrong != NULL));
    ck_assert((results->causes[i] != NULL) == (wrong != NULL));
    if (wrong) {
        ck_assert_uint_eq(results->positions[i], 0);
        return;
    }
    ck_assert((results->embeddings != NULL) == (embedding != NULL));
    if (embedding)
        ck_assert_uint_eq(same_numbers(embedding, results->embeddings + i * results->dim), results->dim);
    ck_assert((results->state_offsets != NULL) == (states != NULL));
    if (states) {
        size_t from = results->state_offsets[i], n = results->state_offsets[i + 1] - from;
        ck_assert_uint_eq(same_numbers(states, results->states + from * results->dim), n * results->dim);
    }
    if (attention) {
        size_t from = results->attention_offsets[i], n = results->attention_offsets[i + 1] - from;
        ck_assert_uint_eq(same_numbers(attention, results->attention + from), n);
        ck_assert_uint_eq(json_array_size(first_row(attention)), results->positions[i]);
    }
    for (size_t k = 0; k < results->n_heads; k++)
        look_at_head(r, line, results->heads[k], i);
    ck_assert((results->hypotheses != NULL) == (json_object_get(line, "logprob") != NULL));
    if (results->hypotheses)
        look_at_hypotheses(r, line, results->hypotheses, i);
}

void compare(const records *r, const grus_run_options *options, const grus_results *results)
{
    grus_text text;
    grus_error error;
    ck_assert_int_eq(grus_annotate(r->model, options, r->lines.data, r->lines.size, &text, &error), GRUS_OK);
    ck_assert_uint_eq(results->n, r->n);
    size_t i = 0;
    for (char *at = text.data, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, i++) {
        json_t *line = json_loadb(at, (size_t)(end - at), JSON_ALLOW_NUL, NULL);
        ck_assert_ptr_nonnull(line);
        look_at(r, line, results, i);
        json_decref(line);
    }
    ck_assert_uint_eq(i, r->n);
    grus_text_free(&text);
}
