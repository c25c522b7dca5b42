// check_api.c: what a caller can ask of a model, descriptions, words, stops, structs of other sizes, benchmarks,
// and the bins in which a run's numbers are counted.
#include "config.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/survey_tally.h"
#include "base/sized.h"
#include "grus.h"

static grus_model *load(const char *golden)
{
    const char *builddir = getenv("builddir");
    char path[4096];
    grus_model *model;
    grus_error error;
    snprintf(path, sizeof path, "%s/tests/cases/%s/model", builddir ? builddir : ".", golden);
    grus_status status = grus_model_load(path, NULL, &model, &error);
    ck_assert_msg(status == GRUS_OK, "%s: %s: %s", error.file, error.place, error.cause);
    return model;
}

// ---- accessors ----

START_TEST(a_model_tells_its_task)
{
    static const struct {
        const char *golden;
        grus_task task;
    } cases[] = {
        {"bahdanau", GRUS_TASK_TRANSLATE}, {"tagger", GRUS_TASK_TAG}, {"two-tasks", GRUS_TASK_OWN},
        {"mean", GRUS_TASK_CLASSIFY},      {"last", GRUS_TASK_EMBED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_model *model = load(cases[i].golden);
        ck_assert_msg(grus_model_task(model) == cases[i].task, "%s: %d", cases[i].golden, (int)grus_model_task(model));
        grus_model_free(model);
    }
}
END_TEST

START_TEST(a_model_tells_its_heads_and_labels)
{
    grus_model *model = load("pool-general-learned");
    ck_assert_uint_eq(grus_model_heads(model), 2);
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        ck_assert_str_eq(grus_model_head_name(model, i), grus_model_head_is_on_token(model, i) ? "slots" : "intent");
        ck_assert_uint_gt(grus_model_labels(model, i), 0);
        ck_assert_ptr_nonnull(grus_model_label(model, i, 0, &length));
        ck_assert_uint_gt(length, 0);
        ck_assert_ptr_null(grus_model_label(model, i, grus_model_labels(model, i), &length));
    }
    ck_assert_ptr_null(grus_model_head_name(model, 2));
    ck_assert_uint_eq(grus_model_labels(model, 2), 0);
    grus_model_free(model);
}
END_TEST

START_TEST(a_model_tells_its_vocabularies)
{
    grus_model *model = load("bahdanau"), *features = load("features-encoder");
    grus_text token;
    grus_error error;
    size_t n = grus_model_tokens(model, GRUS_SIDE_SOURCE), found = 0;
    for (size_t id = 0; id < n; id++) {
        ck_assert_int_eq(grus_model_token(model, GRUS_SIDE_SOURCE, id, &token, &error), GRUS_OK);
        ck_assert_uint_eq(strlen(token.data), token.size);
        found += strcmp(token.data, "ö") == 0;
        grus_text_free(&token);
    }
    ck_assert_uint_eq(found, 1);
    ck_assert_int_eq(grus_model_token(model, GRUS_SIDE_SOURCE, n, &token, &error), GRUS_E_USAGE);
    ck_assert_ptr_null(token.data);
    ck_assert_uint_gt(grus_model_tokens(model, GRUS_SIDE_TARGET), 0);
    ck_assert_uint_eq(grus_model_feature_dim(model), 0);
    ck_assert_uint_eq(grus_model_tokens(features, GRUS_SIDE_SOURCE), 0);
    ck_assert_uint_eq(grus_model_feature_dim(features), 3);
    ck_assert_uint_eq(grus_model_limit(model, GRUS_LIMIT_POSITIONS), 16384);
    ck_assert_uint_eq(grus_model_limit(model, GRUS_LIMIT_CELLS), 16777216);
    grus_model_free(features);
    grus_model_free(model);
}
END_TEST

START_TEST(a_model_tells_its_prefixes)
{
    grus_model *model = load("renamed"), *plain = load("bahdanau");
    const char *own, *in_file;
    size_t n = 0;
    for (; grus_model_prefix(model, n, &own, &in_file); n++)
        ck_assert(*own && strcmp(own, in_file) != 0);
    ck_assert_uint_gt(n, 0);
    ck_assert(!grus_model_prefix(plain, 0, &own, &in_file));
    grus_model_free(plain);
    grus_model_free(model);
}
END_TEST

// ---- descriptions ----

static json_t *describe(const grus_model *model)
{
    grus_text text;
    grus_error error;
    json_error_t wrong;
    ck_assert_int_eq(grus_model_describe(model, true, &text, &error), GRUS_OK);
    json_t *read = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &wrong);
    ck_assert_msg(read != NULL, "%s: %s", wrong.text, text.data);
    grus_text_free(&text);
    return read;
}

// Numbers in the tensors that are used, by their shapes.
static size_t count_parameters(const json_t *tensors)
{
    size_t parameters = 0;
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const json_t *tensor = json_array_get(tensors, i), *shape = json_object_get(tensor, "shape");
        size_t count = json_is_true(json_object_get(tensor, "used"));
        for (size_t k = 0; k < json_array_size(shape); k++)
            count *= (size_t)json_integer_value(json_array_get(shape, k));
        parameters += count;
    }
    return parameters;
}

START_TEST(descriptions_are_json)
{
    static const char *const names[] = {"bahdanau", "two-tasks", "features", "renamed", "pool-additive-learned", "bpe"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        grus_model *model = load(names[i]);
        json_t *read = describe(model);
        const char *task = grus_names(GRUS_NAMES_TASK)[grus_model_task(model)];
        ck_assert_str_eq(json_string_value(json_object_get(read, "task")), task);
        ck_assert_uint_eq(json_array_size(json_object_get(read, "heads")), grus_model_heads(model));
        ck_assert_uint_eq(count_parameters(json_object_get(read, "tensors")),
                          (size_t)json_integer_value(json_object_get(read, "parameters")));
        json_decref(read);
        grus_model_free(model);
    }
}
END_TEST

// What config.json says of a cell stands in the description where it is no default, and nowhere else.
START_TEST(cells_are_described)
{
    static const char *const keys[] = {"cell", "reset", "gate_activation", "activation", "initial_state"};
    static const char *const parts[] = {"encoder", "decoder"};
    static const struct {
        const char *name, *said[2][5];
    } cases[] = {
        {"bahdanau", {{NULL}, {NULL}}},
        {"hard-gates", {{NULL, NULL, "hard_sigmoid"}, {NULL, NULL, "hard_sigmoid"}}},
        {"relu-candidate", {{NULL, NULL, NULL, "relu"}, {NULL, "before", NULL, "relu"}}},
        {"no-candidate-activation", {{NULL, "before", "hard_sigmoid", "none"}, {NULL, NULL, "hard_sigmoid", "none"}}},
        {"lstm-beam", {{NULL}, {"lstm"}}},
        {"learned-states-lstm", {{"lstm", NULL, NULL, NULL, "learned"}, {"lstm"}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_model *model = load(cases[i].name);
        json_t *read = describe(model);
        for (size_t part = 0; part < 2; part++)
            for (size_t key = 0; key < 5; key++) {
                const char *said = cases[i].said[part][key];
                const json_t *found = json_object_get(json_object_get(read, parts[part]), keys[key]);
                ck_assert_int_eq(said == NULL, found == NULL);
                if (said)
                    ck_assert_str_eq(json_string_value(found), said);
            }
        json_decref(read);
        grus_model_free(model);
    }
}
END_TEST

// "bidirectional" where it says all, else a direction for all layers or for each.
START_TEST(directions_are_described)
{
    static const struct {
        const char *name, *direction;
    } cases[] = {{"bahdanau", NULL},
                 {"last", NULL},
                 {"backward", "\"backward\""},
                 {"directions", "[\"backward\", \"both\", \"forward\", \"backward\"]"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_model *model = load(cases[i].name);
        json_t *read = describe(model), *encoder = json_object_get(read, "encoder");
        json_t *expected =
            cases[i].direction ? json_loads(cases[i].direction, JSON_DECODE_ANY, NULL) : json_boolean(i == 0);
        ck_assert(json_equal(json_object_get(encoder, cases[i].direction ? "direction" : "bidirectional"), expected));
        ck_assert_ptr_null(json_object_get(encoder, cases[i].direction ? "bidirectional" : "direction"));
        json_decref(expected);
        json_decref(read);
        grus_model_free(model);
    }
}
END_TEST

START_TEST(a_shard_is_described_as_json)
{
    char path[] = "check-api-XXXXXX.jsonl";
    int fd = mkstemps(path, 6);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    grus_text text;
    grus_error error;
    ck_assert_ptr_nonnull(file);
    fputs("{}\n\n{\"text\": 1}\n", file);
    fclose(file);
    ck_assert_int_eq(grus_shard_describe(path, 5, true, &text, &error), GRUS_OK);
    json_t *read = json_loadb(text.data, text.size, 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(read, "records")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(read, "empty")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(read, "too_long")), 1);
    json_decref(read);
    grus_text_free(&text);
    remove(path);
}
END_TEST

// ---- words, stops, sizes ----

START_TEST(words_end_with_null)
{
    ck_assert_str_eq(grus_names(GRUS_NAMES_TASK)[GRUS_TASK_STATES], "states");
    ck_assert_ptr_null(grus_names(GRUS_NAMES_TASK)[GRUS_TASK_STATES + 1]);
    ck_assert_str_eq(grus_names(GRUS_NAMES_SHARD_STATE)[GRUS_STATE_MISSING], "missing");
    ck_assert_ptr_null(grus_names((grus_name_list)99));
}
END_TEST

START_TEST(a_stop_is_one_runs_own)
{
    static const char line[] = "{\"text\": \"og\"}\n";
    grus_model *model = load("bahdanau");
    grus_stop *asked = grus_stop_new(), *other = grus_stop_new();
    grus_run_options options;
    grus_text text;
    grus_error error;
    grus_run_options_init(&options, sizeof options);
    grus_stop_ask(asked);
    options.stop = asked;
    ck_assert_int_eq(grus_annotate(model, &options, line, sizeof line - 1, &text, &error), GRUS_E_INTERRUPTED);
    options.stop = other;
    ck_assert_int_eq(grus_annotate(model, &options, line, sizeof line - 1, &text, &error), GRUS_OK);
    grus_text_free(&text);
    grus_stop_free(other);
    grus_stop_free(asked);
    grus_model_free(model);
}
END_TEST

typedef struct older {
    size_t size, a;
} older;
typedef struct newer {
    size_t size, a, b;
} newer;

START_TEST(an_older_struct_is_read_and_filled_as_far_as_it_goes)
{
    static const newer defaults = {.a = 5, .b = 7};
    older small[2] = {{0, 0}, {1, 1}};
    newer whole = defaults;
    grus_error error;
    grus_sized_init(small, sizeof *small, &defaults, sizeof defaults);
    ck_assert(small[0].size == sizeof *small && small[0].a == 5 && small[1].size == 1 && small[1].a == 1);
    small[0].a = 6;
    ck_assert_int_eq(grus_sized_read(&whole, sizeof whole, small, "x", &error), GRUS_OK);
    ck_assert(whole.size == sizeof whole && whole.a == 6 && whole.b == 7);
    whole.a = 8;
    grus_sized_fill(small, &whole, sizeof whole);
    ck_assert(small[0].size == sizeof *small && small[0].a == 8 && small[1].size == 1 && small[1].a == 1);
}
END_TEST

START_TEST(a_newer_struct_is_read_where_it_says_nothing_new)
{
    newer large;
    older known = {.a = 1};
    grus_error error;
    grus_sized_init(&large, sizeof large, &known, sizeof known);
    ck_assert(large.size == sizeof large && large.a == 1 && large.b == 0);
    ck_assert_int_eq(grus_sized_read(&known, sizeof known, &large, "x", &error), GRUS_OK);
    large.b = 1;
    ck_assert_int_eq(grus_sized_read(&known, sizeof known, &large, "x", &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.place, "x");
    large.size = 0;
    ck_assert_int_eq(grus_sized_read(&known, sizeof known, &large, "x", &error), GRUS_E_USAGE);
}
END_TEST

START_TEST(a_number_of_no_value_is_refused)
{
    grus_model *model = load("bahdanau");
    grus_run_options options;
    grus_text text;
    grus_error error;
    grus_run_options_init(&options, sizeof options);
    options.task = (grus_task)(GRUS_TASK_STATES + 1);
    ck_assert_int_eq(grus_annotate(model, &options, "", 0, &text, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.place, "run.task");
    grus_model_free(model);
}
END_TEST

// Numbers of a head of labels, which sum to 1, and of one that has numbers alone.
START_TEST(heads_give_numbers)
{
    static const char line[] = "{\"text\": \"\"}\n", front[] = "{\"text\": \"\", \"intent\": [";
    grus_model *model = load("head-probs");
    grus_run_options options;
    grus_text text;
    grus_error error;
    grus_run_options_init(&options, sizeof options);
    ck_assert_uint_eq(options.head_output, GRUS_HEAD_LABELS);
    options.task = GRUS_TASK_CLASSIFY;
    options.head_output = GRUS_HEAD_PROBS;
    ck_assert_int_eq(grus_annotate(model, &options, line, sizeof line - 1, &text, &error), GRUS_OK);
    ck_assert_ptr_nonnull(strstr(text.data, front));
    double sum = 0;
    const char *at = text.data + strlen(front);
    for (size_t i = 0; i < grus_model_labels(model, 0); i++) {
        char *end;
        sum += strtod(at, &end);
        ck_assert_int_eq(*end, i + 1 < grus_model_labels(model, 0) ? ',' : ']');
        at = end + 1;
    }
    ck_assert_double_eq_tol(sum, 1, 1e-6);
    grus_text_free(&text);
    options.head_output = GRUS_HEAD_LOGITS + 1;
    ck_assert_int_eq(grus_annotate(model, &options, line, sizeof line - 1, &text, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.place, "run.head_output");
    ck_assert_str_eq(grus_names(GRUS_NAMES_HEAD_OUTPUT)[GRUS_HEAD_LOGITS], "logits");
    ck_assert_str_eq(grus_names(GRUS_NAMES_COMPRESS)[GRUS_COMPRESS_NONE], "none");
    grus_model_free(model);
    model = load("head-numbers");
    for (size_t head = 0, length; head < grus_model_heads(model); head++)
        for (size_t label = 0; label <= grus_model_labels(model, head); label++)
            ck_assert((grus_model_label(model, head, label, &length) != NULL) ==
                      (label < grus_model_labels(model, head)));
    grus_model_free(model);
}
END_TEST

typedef struct benchmark_seen {
    size_t last; // part
    size_t repetitions, most;
    double seconds;
} benchmark_seen;

static void see_benchmark(void *context, const grus_benchmark_progress *progress)
{
    benchmark_seen *seen = context;
    ck_assert_uint_le(sizeof *progress, progress->size);
    ck_assert(progress->seconds >= seen->seconds);
    ck_assert_int_eq(progress->name == NULL, progress->part == 0);
    ck_assert(progress->part == seen->last || progress->part == seen->last + 1);
    ck_assert(progress->part == progress->parts || !progress->run);
    seen->repetitions += !progress->run && progress->part > 0;
    seen->last = progress->part;
    seen->most = progress->parts;
    seen->seconds = progress->seconds;
}

START_TEST(a_benchmark_tells_where_it_is)
{
    char input[4096];
    const char *builddir = getenv("builddir"), *const inputs[] = {input};
    snprintf(input, sizeof input, "%s/tests/cases/bahdanau/input.jsonl", builddir ? builddir : ".");
    grus_model *model = load("bahdanau");
    for (size_t threads = 1; threads <= 2; threads++)
        for (size_t n = 0; n <= 1; n++) {
            benchmark_seen seen = {0};
            grus_run_options run;
            grus_benchmark_options how;
            grus_benchmark_result *result;
            grus_error error;
            grus_run_options_init(&run, sizeof run);
            grus_benchmark_options_init(&how, sizeof how);
            run.inputs = inputs;
            run.n_inputs = n;
            run.threads = threads;
            how.seconds = 0;
            how.records = 4;
            how.run_records = 2;
            how.context = &seen;
            how.on_progress = see_benchmark;
            ck_assert_int_eq(grus_benchmark(model, &run, &how, &result, &error), GRUS_OK);
            ck_assert_uint_eq(result->n, (n ? 7u : 2u) + (threads > 1));
            ck_assert_uint_eq(seen.most, result->n);
            ck_assert_uint_eq(seen.last, result->n);
            ck_assert_uint_eq(seen.repetitions, 3 * result->n);
            ck_assert_uint_ge(result->cores, 1);
            ck_assert_int_eq(result->run_is_cut, n == 1);
            for (size_t i = 0; i < result->n; i++) {
                ck_assert_uint_eq(result->parts[i]->repetitions, 3);
                ck_assert(result->parts[i]->records == (i == 6u + (threads > 1) ? 2 : 4));
            }
            grus_benchmark_result_free(result);
        }
    grus_model_free(model);
}
END_TEST

// ---- the bins of a run's page ----

// Every number lies in the bin that its own value says, however often the bins doubled behind it; the order is nothing.
START_TEST(a_tally_counts_each_number_in_its_bin)
{
    enum { NUMBERS = 2000 };
    static double numbers[NUMBERS];
    static grus_tally tally, backwards;
    grus_tally_begin(&tally, -20);
    grus_tally_begin(&backwards, -20);
    for (size_t i = 0; i < NUMBERS; i++)
        numbers[i] = ldexp(((double)(i * 7919 % 2001) - 1000.3) / 1000, (int)(12 * i / NUMBERS));
    for (size_t i = 0; i < NUMBERS; i++) {
        grus_tally_add(&tally, numbers[i]);
        grus_tally_add(&backwards, numbers[NUMBERS - 1 - i]);
    }
    ck_assert_uint_eq(tally.n, NUMBERS);
    ck_assert_int_gt(tally.exponent, -20);
    ck_assert_int_lt(tally.first, 0);
    for (int64_t bin = 0; bin <= tally.top; bin++) {
        uint64_t expected = 0;
        for (size_t i = 0; i < NUMBERS; i++)
            expected += floor(ldexp(numbers[i], -tally.exponent)) == (double)(tally.first + bin);
        ck_assert_uint_eq(tally.counts[bin], expected);
    }
    ck_assert_int_eq(tally.exponent, backwards.exponent);
    ck_assert_int_eq(tally.first, backwards.first);
    ck_assert_mem_eq(tally.counts, backwards.counts, sizeof tally.counts);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *model = tcase_create("model");
    suite_add_tcase(suite, model);
    tcase_add_test(model, a_model_tells_its_task);
    tcase_add_test(model, a_model_tells_its_heads_and_labels);
    tcase_add_test(model, a_model_tells_its_vocabularies);
    tcase_add_test(model, a_model_tells_its_prefixes);
    TCase *descriptions = tcase_create("descriptions");
    suite_add_tcase(suite, descriptions);
    tcase_add_test(descriptions, descriptions_are_json);
    tcase_add_test(descriptions, cells_are_described);
    tcase_add_test(descriptions, directions_are_described);
    tcase_add_test(descriptions, a_shard_is_described_as_json);
    TCase *tallies = tcase_create("tallies");
    suite_add_tcase(suite, tallies);
    tcase_add_test(tallies, a_tally_counts_each_number_in_its_bin);
    TCase *calls = tcase_create("calls");
    suite_add_tcase(suite, calls);
    tcase_add_test(calls, words_end_with_null);
    tcase_add_test(calls, a_stop_is_one_runs_own);
    tcase_add_test(calls, an_older_struct_is_read_and_filled_as_far_as_it_goes);
    tcase_add_test(calls, a_newer_struct_is_read_where_it_says_nothing_new);
    tcase_add_test(calls, a_number_of_no_value_is_refused);
    tcase_add_test(calls, heads_give_numbers);
    tcase_add_test(calls, a_benchmark_tells_where_it_is);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
