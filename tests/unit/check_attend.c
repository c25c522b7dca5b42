// check_attend.c: grus_attend_text: shapes, sums, the words for rows and columns, heads, errors, ownership.
#include "config.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grus.h"

static grus_model *load(const char *golden)
{
    const char *builddir = getenv("builddir");
    char path[4096];
    grus_model *model;
    grus_error error;
    snprintf(path, sizeof path, "%s/tests/cases/%s/model", builddir ? builddir : ".", golden);
    grus_load_options options;
    grus_load_options_init(&options, sizeof options);
    options.strict = true;
    grus_status status = grus_model_load(path, &options, &model, &error);
    ck_assert_msg(status == GRUS_OK, "%s: %s: %s", error.file, error.place, error.cause);
    return model;
}

static grus_attention_map *attend(const grus_model *model, const char *text)
{
    grus_attention_map *map;
    grus_error error;
    grus_status status = grus_attend_text(model, text, strlen(text), NULL, &map, &error);
    ck_assert_msg(status == GRUS_OK, "%s: %s", error.place, error.cause);
    return map;
}

static void check_rows(const grus_attention_map *map)
{
    for (size_t i = 0; i < map->rows && map->columns; i++) {
        double sum = 0;
        for (size_t j = 0; j < map->columns; j++) {
            ck_assert(map->weights[i * map->columns + j] >= 0);
            sum += (double)map->weights[i * map->columns + j];
        }
        ck_assert_double_eq_tol(sum, 1, 1e-6);
    }
}

START_TEST(a_decoder_has_a_row_for_each_step)
{
    grus_model *model = load("bahdanau");
    grus_attention_map *map = attend(model, "ö-o?o");
    ck_assert_uint_eq(map->columns, 5);
    ck_assert_str_eq(map->column_tokens[0], "ö");
    ck_assert_str_eq(map->column_tokens[1], "-");
    ck_assert_uint_ge(map->rows, 1);
    ck_assert_ptr_nonnull(map->output);
    ck_assert_uint_eq(map->n_heads, 0);
    ck_assert(map->logprob < 0 && isfinite(map->score));
    check_rows(map);
    grus_attention_map_free(map);
    grus_attention_map_free(NULL);
    grus_model_free(model);
}
END_TEST

START_TEST(a_search_is_taken)
{
    grus_model *model = load("bahdanau");
    grus_search search;
    grus_attention_map *map;
    grus_search_init(&search, sizeof search, model);
    search.max_length = 2;
    search.min_length = 2;
    ck_assert_int_eq(grus_attend_text(model, "yg", 2, &search, &map, NULL), GRUS_OK);
    ck_assert_uint_eq(map->rows, 2);
    grus_attention_map_free(map);
    search.n_best = 3;
    ck_assert_int_eq(grus_attend_text(model, "yg", 2, &search, &map, NULL), GRUS_E_USAGE);
    ck_assert_ptr_null(map);
    grus_model_free(model);
}
END_TEST

START_TEST(a_source_of_length_0_has_rows_and_no_columns)
{
    grus_model *model = load("bahdanau");
    grus_attention_map *map = attend(model, "");
    ck_assert_uint_eq(map->columns, 0);
    ck_assert_uint_ge(map->rows, 1);
    ck_assert_ptr_nonnull(map->row_tokens[0]);
    grus_attention_map_free(map);
    grus_model_free(model);
}
END_TEST

START_TEST(a_pooling_has_one_row_and_heads)
{
    grus_model *model = load("pool-general-learned");
    grus_attention_map *map = attend(model, "misotü nowhere sokami");
    ck_assert_uint_eq(map->rows, 1);
    ck_assert_uint_eq(map->columns, 3);
    ck_assert_str_eq(map->row_tokens[0], "");
    ck_assert_str_eq(map->column_tokens[0], "misotü");
    ck_assert_str_eq(map->column_tokens[1], "<unk>");
    ck_assert_ptr_null(map->output);
    ck_assert_uint_eq(map->n_heads, 2);
    for (size_t i = 0; i < map->n_heads; i++) {
        const grus_attention_head *head = map->heads[i];
        ck_assert_uint_eq(head->n, head->on_token ? 3 : 1);
        ck_assert_str_eq(head->name, head->on_token ? "slots" : "intent");
        for (size_t j = 0; j < head->n; j++)
            ck_assert(head->probs[j] > 0 && head->labels[j][0]);
    }
    check_rows(map);
    grus_attention_map_free(map);
    grus_model_free(model);
}
END_TEST

START_TEST(weights_are_the_mean_of_those_of_heads)
{
    static const char *const names[] = {"multihead", "multihead-pooling", "bahdanau"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        grus_model *model = load(names[k]);
        grus_attention_map *map = attend(model, "abc");
        size_t cells = map->rows * map->columns;
        ck_assert_uint_ge(cells, 3);
        check_rows(map);
        ck_assert((map->head_weights != NULL) == (k < 2));
        ck_assert_uint_eq(map->n_attention_heads, k < 2 ? 4 : 0);
        for (size_t i = 0; i < cells && map->head_weights; i++) {
            double sum = 0;
            for (size_t head = 0; head < 4; head++)
                sum += (double)map->head_weights[head * cells + i];
            ck_assert(fabs(sum / 4 - (double)map->weights[i]) < 1e-6);
        }
        grus_attention_map_free(map);
        grus_model_free(model);
    }
}
END_TEST

START_TEST(ids_and_features_are_read_from_text)
{
    grus_model *ids = load("pool-additive-learned"), *features = load("features-encoder");
    grus_attention_map *map = attend(ids, " 10 1\t4");
    ck_assert_uint_eq(map->columns, 3);
    ck_assert_str_eq(map->column_tokens[0], "10");
    grus_attention_map_free(map);
    map = attend(features, "[[1, 0.5, -1], [0, 0, 2]]");
    ck_assert_uint_eq(map->columns, 2);
    ck_assert_str_eq(map->column_tokens[1], "");
    check_rows(map);
    grus_attention_map_free(map);
    map = attend(features, "[]");
    ck_assert_uint_eq(map->columns, 0);
    grus_attention_map_free(map);
    grus_model_free(features);
    grus_model_free(ids);
}
END_TEST

START_TEST(what_cannot_be_done_is_an_error)
{
    static const struct {
        const char *golden, *text;
        grus_status status;
        const char *cause;
    } cases[] = {
        {"mean", "a", GRUS_E_USAGE, "no attention"},
        {"tagger", "a", GRUS_E_USAGE, "no attention"},
        {"bahdanau", "\xff", GRUS_E_FAILED, "UTF-8"},
        {"pool-additive-learned", "99999", GRUS_E_FAILED, "99999"},
        {"pool-additive-learned", "one", GRUS_E_FAILED, "one"},
        {"features-encoder", "hello", GRUS_E_FAILED, ""},
        {"features-encoder", "[[1, 2]]", GRUS_E_FAILED, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        grus_model *model = load(cases[i].golden);
        grus_attention_map *map;
        grus_error error;
        grus_status status = grus_attend_text(model, cases[i].text, strlen(cases[i].text), NULL, &map, &error);
        ck_assert_msg(status == cases[i].status, "%s, %s: %d", cases[i].golden, cases[i].text, (int)status);
        ck_assert_msg(strstr(error.cause, cases[i].cause) && error.cause[0], "%s", error.cause);
        ck_assert_ptr_null(map);
        grus_model_free(model);
    }
}
END_TEST

START_TEST(a_record_that_is_too_long_is_an_error)
{
    enum { LENGTH = 20000 };
    grus_model *model = load("bahdanau");
    char *text = malloc(LENGTH);
    grus_attention_map *map;
    grus_error error;
    ck_assert_ptr_nonnull(text);
    memset(text, 'o', LENGTH);
    ck_assert_int_eq(grus_attend_text(model, text, LENGTH, NULL, &map, &error), GRUS_E_FAILED);
    ck_assert_ptr_nonnull(strstr(error.cause, "20000"));
    free(text);
    grus_model_free(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attend");
    TCase *cases = tcase_create("map");
    suite_add_tcase(suite, cases);
    tcase_add_test(cases, a_decoder_has_a_row_for_each_step);
    tcase_add_test(cases, a_search_is_taken);
    tcase_add_test(cases, a_source_of_length_0_has_rows_and_no_columns);
    tcase_add_test(cases, a_pooling_has_one_row_and_heads);
    tcase_add_test(cases, weights_are_the_mean_of_those_of_heads);
    tcase_add_test(cases, ids_and_features_are_read_from_text);
    tcase_add_test(cases, what_cannot_be_done_is_an_error);
    tcase_add_test(cases, a_record_that_is_too_long_is_an_error);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
