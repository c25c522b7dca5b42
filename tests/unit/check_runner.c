// check_runner.c: records in memory give what the lines of a shard give, number by number.
#include "config.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "grus.h"
#include "tests/unit/runner_records.h"

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
