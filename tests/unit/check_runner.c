// check_runner.c: records in memory give what the lines of a shard give, number by number; the lines are read with jansson.
#include "config.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "grus.h"

// ---- records, as lines and as sequences ----

typedef struct records {
    grus_model *model;
    grus_buffer lines;
    size_t n, lengths[64], target_lengths[64];
    grus_buffer source, target; // texts, ids, or features
    bool ids, target_ids, features;
    grus_sequences sources, targets;
} records;

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

static void open_records(records *r, const char *golden, const char *target_key)
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

// The model of a golden case with the vocabularies of another, which are of the same sizes.
static grus_model *load_member(const char *golden, const char *first)
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

static void close_records(records *r)
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

static void compare(const records *r, const grus_run_options *options, const grus_results *results)
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

static const struct {
    const char *golden;
    grus_task task;
    size_t beam_size, n_best;
    grus_attention_output attention;
    bool token_scores;
    grus_head_output head_output;
    const char *prefix_key;
    bool attention_heads;
    const char *member; // a golden case whose model decodes too
} cases[] = {
    {"bahdanau", GRUS_TASK_OWN, 4, 3, GRUS_ATTENTION_SOFT, .token_scores = false},
    {"bpe", GRUS_TASK_TRANSLATE, 5, 5, GRUS_ATTENTION_SOFT, .token_scores = false},
    {"features", GRUS_TASK_OWN, 1, 1, GRUS_ATTENTION_SOFT, .token_scores = false},
    {"conditional-score", GRUS_TASK_SCORE, 1, 1, GRUS_ATTENTION_SOFT, .token_scores = true},
    {"score-ids", GRUS_TASK_SCORE, 1, 1, GRUS_ATTENTION_NONE, .token_scores = true},
    {"prefix-ids", GRUS_TASK_OWN, 2, 2, GRUS_ATTENTION_NONE, .prefix_key = "prefix"},
    {"two-tasks", GRUS_TASK_OWN, 1, 1, GRUS_ATTENTION_NONE, .token_scores = false},
    {"head-sigmoid", GRUS_TASK_OWN, 1, 1, GRUS_ATTENTION_NONE, .token_scores = false},
    {"head-logits", GRUS_TASK_OWN, 1, 1, GRUS_ATTENTION_NONE, .head_output = GRUS_HEAD_LOGITS},
    {"crf", GRUS_TASK_OWN, 1, 1, GRUS_ATTENTION_NONE, .token_scores = false},
    {"crf-probs", GRUS_TASK_OWN, 1, 1, GRUS_ATTENTION_NONE, .head_output = GRUS_HEAD_PROBS},
    {"ctc-beam", GRUS_TASK_OWN, 4, 1, GRUS_ATTENTION_NONE, .token_scores = false},
    {"last", GRUS_TASK_EMBED, 1, 1, GRUS_ATTENTION_NONE, .token_scores = false},
    {"states", GRUS_TASK_STATES, 1, 1, GRUS_ATTENTION_NONE, .token_scores = false},
    {"states-features", GRUS_TASK_STATES, 1, 1, GRUS_ATTENTION_NONE, .token_scores = false},
    {"pool-general-learned", GRUS_TASK_CLASSIFY, 1, 1, GRUS_ATTENTION_SOFT, .token_scores = false},
    {"front-score", GRUS_TASK_SCORE, 1, 1, GRUS_ATTENTION_SOFT, .token_scores = false},
    {"multihead", GRUS_TASK_OWN, 4, 2, GRUS_ATTENTION_SOFT, .attention_heads = true},
    {"multihead-score", GRUS_TASK_SCORE, 1, 1, GRUS_ATTENTION_SOFT, .attention_heads = true},
    {"multihead-pooling", GRUS_TASK_OWN, 1, 1, GRUS_ATTENTION_SOFT, .attention_heads = true},
    {"multihead-embed", GRUS_TASK_EMBED, 1, 1, GRUS_ATTENTION_SOFT, .attention_heads = false},
    {"bahdanau", GRUS_TASK_OWN, 4, 3, GRUS_ATTENTION_SOFT, .member = "lstm-greedy"},
    {"reset-before-score", GRUS_TASK_SCORE, 1, 1, GRUS_ATTENTION_SOFT, .token_scores = true, .member = "lstm-greedy"},
};

// Twice with one runner, in batches of all records and of one.
START_TEST(results_are_those_of_lines)
{
    records r;
    grus_run_options options;
    grus_search search;
    grus_error error;
    const char *prefix = cases[_i].prefix_key;
    open_records(&r, cases[_i].golden, prefix ? prefix : "target");
    grus_run_options_init(&options, sizeof options);
    grus_search_init(&search, sizeof search, r.model);
    search.beam_size = cases[_i].beam_size;
    search.n_best = cases[_i].n_best;
    options.search = &search;
    options.task = cases[_i].task;
    options.attention = cases[_i].attention;
    options.attention_heads = cases[_i].attention_heads;
    options.token_scores = cases[_i].token_scores;
    options.head_output = (uint8_t)cases[_i].head_output;
    options.prefix_key = prefix;
    grus_model *member = cases[_i].member ? load_member(cases[_i].member, cases[_i].golden) : NULL;
    options.ensemble = (const grus_model *const *)&member;
    options.n_ensemble = member != NULL;
    for (size_t tokens = 0; tokens < 2; tokens++) {
        grus_runner *runner;
        grus_results *results, *again;
        options.batch_tokens = tokens;
        const grus_sequences *targets = prefix || options.task == GRUS_TASK_SCORE ? &r.targets : NULL;
        ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_OK);
        ck_assert_int_eq(grus_runner_run(runner, &r.sources, targets, &results, &error), GRUS_OK);
        ck_assert_int_eq(grus_runner_run(runner, &r.sources, targets, &again, &error), GRUS_OK);
        grus_runner_free(runner);
        compare(&r, &options, results);
        compare(&r, &options, again);
        grus_results_free(again);
        grus_results_free(results);
    }
    grus_model_free(member);
    close_records(&r);
}
END_TEST

static grus_results *score(const grus_model *model, const records *r, const grus_model *const *others, size_t n_others)
{
    grus_run_options options;
    grus_runner *runner;
    grus_results *results;
    grus_error error;
    grus_run_options_init(&options, sizeof options);
    options.task = GRUS_TASK_SCORE;
    options.token_scores = true;
    options.ensemble = others;
    options.n_ensemble = n_others;
    ck_assert_int_eq(grus_runner_new(model, &options, &runner, &error), GRUS_OK);
    ck_assert_int_eq(grus_runner_run(runner, &r->sources, &r->targets, &results, &error), GRUS_OK);
    grus_runner_free(runner);
    return results;
}

// Of each token what the members say of it alone.
START_TEST(several_models_score_by_the_mean)
{
    records r;
    double apart = 0;
    open_records(&r, "reset-before-score", "target");
    grus_model *const others[] = {load_member("lstm-greedy", "reset-before-score"),
                                  load_member("bahdanau", "reset-before-score")};
    grus_results *all = score(r.model, &r, (const grus_model *const *)others, 2);
    grus_results *alone[] = {score(r.model, &r, NULL, 0), score(others[0], &r, NULL, 0), score(others[1], &r, NULL, 0)};
    const size_t n = all->hypotheses->token_offsets[r.n];
    ck_assert_uint_gt(n, 2 * r.n);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t k = 0; k < 3; k++)
            sum += (double)alone[k]->hypotheses->token_logprobs[i];
        ck_assert_double_eq_tol((double)all->hypotheses->token_logprobs[i], sum / 3, 2e-6);
        apart = fmax(apart, fabs(sum / 3 - (double)alone[0]->hypotheses->token_logprobs[i]));
    }
    ck_assert_double_gt(apart, 0.1);
    for (size_t k = 0; k < 3; k++)
        grus_results_free(alone[k]);
    grus_results_free(all);
    grus_model_free(others[0]);
    grus_model_free(others[1]);
    close_records(&r);
}
END_TEST

// Draws hang on the number of the record and on the shard alone, and so a shard may come in pieces.
START_TEST(draws_go_on_from_call_to_call)
{
    records r;
    grus_run_options options;
    grus_search search;
    grus_runner *runner;
    grus_results *all, *rest;
    grus_error error;
    open_records(&r, "bahdanau", "target");
    grus_run_options_init(&options, sizeof options);
    grus_search_init(&search, sizeof search, r.model);
    search.beam_size = 1;
    search.sampling_topk = 0;
    options.search = &search;
    options.seed = 7;
    ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_OK);
    ck_assert_int_eq(grus_runner_run(runner, &r.sources, NULL, &all, &error), GRUS_OK);
    compare(&r, &options, all);
    r.sources.first = 4;
    r.sources.n = r.n - 3;
    r.sources.lengths += 3;
    r.sources.text += r.lengths[0] + r.lengths[1] + r.lengths[2];
    ck_assert_int_eq(grus_runner_run(runner, &r.sources, NULL, &rest, &error), GRUS_OK);
    for (size_t i = 0; i < rest->n; i++)
        ck_assert_double_eq(rest->hypotheses->logprobs[i], all->hypotheses->logprobs[i + 3]);
    grus_results_free(rest);
    r.sources.shard = "another";
    ck_assert_int_eq(grus_runner_run(runner, &r.sources, NULL, &rest, &error), GRUS_OK);
    size_t differ = 0;
    for (size_t i = 0; i < rest->n; i++)
        differ += rest->hypotheses->logprobs[i] != all->hypotheses->logprobs[i + 3];
    ck_assert_uint_gt(differ, 0);
    grus_results_free(rest);
    grus_results_free(all);
    grus_runner_free(runner);
    close_records(&r);
}
END_TEST

// ---- errors ----

START_TEST(records_in_error_leave_the_others_alone)
{
    static const size_t lengths[] = {1, 2, 0, 1};
    grus_run_options options;
    grus_runner *runner;
    grus_results *results;
    grus_error error;
    records r;
    open_records(&r, "last", "target");
    grus_sequences sources;
    grus_sequences_init(&sources, sizeof sources);
    sources.n = 4;
    sources.lengths = lengths;
    sources.text = "o\xFF\xFFg";
    grus_run_options_init(&options, sizeof options);
    ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_OK);
    ck_assert_int_eq(grus_runner_run(runner, &sources, NULL, &results, &error), GRUS_OK);
    ck_assert_str_eq(results->errors[1], "byte 1 of the text is not UTF-8");
    ck_assert_str_eq(results->causes[1], "bad_utf8");
    for (size_t i = 0; i < 4; i++) {
        ck_assert((results->errors[i] == NULL) == (i != 1));
        for (size_t j = 0; j < results->dim; j++)
            ck_assert_int_eq(isnan(results->embeddings[i * results->dim + j]) != 0, i == 1);
    }
    grus_results_free(results);
    grus_runner_free(runner);
    options.fail_on_error = true;
    ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_OK);
    ck_assert_int_eq(grus_runner_run(runner, &sources, NULL, &results, &error), GRUS_E_FAILED);
    ck_assert_str_eq(error.place, "record 2");
    ck_assert_ptr_null(results);
    sources.n = 1; // and the runner goes on
    ck_assert_int_eq(grus_runner_run(runner, &sources, NULL, &results, &error), GRUS_OK);
    grus_results_free(results);
    sources.n = 0;
    ck_assert_int_eq(grus_runner_run(runner, &sources, NULL, &results, &error), GRUS_OK);
    ck_assert_uint_eq(results->n, 0);
    grus_results_free(results);
    grus_runner_free(runner);
    close_records(&r);
}
END_TEST

static void expect_usage(grus_runner *runner, const grus_sequences *sources, const grus_sequences *targets,
                         const char *place)
{
    grus_results *results;
    grus_error error;
    ck_assert_int_eq(grus_runner_run(runner, sources, targets, &results, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.place, place);
    ck_assert_ptr_null(results);
}

START_TEST(what_does_not_go_together_is_refused)
{
    static const size_t lengths[] = {SIZE_MAX, 2};
    static const uint64_t ids[] = {1};
    static const float row[] = {1};
    grus_run_options options;
    grus_runner *runner;
    grus_error error;
    records r;
    open_records(&r, "bahdanau", "target");
    grus_run_options_init(&options, sizeof options);
    ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_OK);
    grus_sequences sources = r.sources;
    sources.ids = ids;
    expect_usage(runner, &sources, NULL, "sources");
    sources.text = NULL;
    sources.ids = NULL;
    expect_usage(runner, &sources, NULL, "sources");
    sources.features = row;
    expect_usage(runner, &sources, NULL, "sources");
    expect_usage(runner, &r.sources, &r.targets, "targets");
    sources = r.sources;
    sources.lengths = NULL;
    expect_usage(runner, &sources, NULL, "sources");
    sources.lengths = lengths;
    sources.n = 2;
    sources.text = NULL;
    sources.ids = ids;
    expect_usage(runner, &sources, NULL, "sources");
    sources.size = 0;
    expect_usage(runner, &sources, NULL, "sources");
    grus_runner_free(runner);
    options.task = GRUS_TASK_SCORE;
    ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_OK);
    expect_usage(runner, &r.sources, NULL, "targets");
    r.targets.n--;
    expect_usage(runner, &r.sources, &r.targets, "targets");
    grus_runner_free(runner);
    options.task = GRUS_TASK_TAG;
    ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_E_USAGE);
    ck_assert_ptr_null(runner);
    ck_assert_uint_ge(grus_cpu_count(), 1);
    close_records(&r);
}
END_TEST

START_TEST(a_runner_can_be_stopped)
{
    records r;
    grus_run_options options;
    grus_runner *runner;
    grus_results *results;
    grus_error error;
    grus_stop *stop = grus_stop_new();
    open_records(&r, "bahdanau", "target");
    grus_run_options_init(&options, sizeof options);
    options.stop = stop;
    ck_assert_int_eq(grus_runner_new(r.model, &options, &runner, &error), GRUS_OK);
    grus_stop_ask(stop);
    ck_assert_int_eq(grus_runner_run(runner, &r.sources, NULL, &results, &error), GRUS_E_INTERRUPTED);
    grus_runner_free(runner);
    grus_stop_free(stop);
    close_records(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runner");
    TCase *tcase = tcase_create("runner");
    tcase_add_loop_test(tcase, results_are_those_of_lines, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tcase, several_models_score_by_the_mean);
    tcase_add_test(tcase, draws_go_on_from_call_to_call);
    tcase_add_test(tcase, records_in_error_leave_the_others_alone);
    tcase_add_test(tcase, what_does_not_go_together_is_refused);
    tcase_add_test(tcase, a_runner_can_be_stopped);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
