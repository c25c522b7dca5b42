// check_scheduler.c: runs the suite of the scheduler; the arithmetic of a plan, slots, causes, records in memory.
// Whole runs are the business of tests/run_*.sh.
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/batcher.h"
#include "scheduler/causes.h"
#include "scheduler/plan.h"
#include "tests/unit/check_scheduler.h"

// ---- plan ----

typedef struct costs_context {
    size_t position, record; // bytes
} costs_context;

static size_t workspace_cost(const void *context, const grus_slot_bounds *bounds)
{
    const costs_context *costs = context;
    return costs->position * bounds->positions + costs->record * bounds->records;
}

static size_t output_cost(const void *context, const grus_slot_bounds *bounds)
{
    (void)context;
    return bounds->bytes + 10 * bounds->positions;
}

static const costs_context some_costs = {.position = 20000, .record = 100};

static grus_plan_costs make_costs(void)
{
    return (grus_plan_costs){.context = &some_costs,
                             .fixed = 100 << 20,
                             .workspace = workspace_cost,
                             .output = output_cost,
                             .max_record = 16 << 20};
}

START_TEST(plan_without_bound_is_what_was_asked)
{
    grus_plan_costs costs = make_costs();
    grus_plan plan;
    grus_error error;
    ck_assert_int_eq(grus_plan_make(&costs, 4, 0, 0, &plan, &error), GRUS_OK);
    ck_assert_uint_eq(plan.threads, 4);
    ck_assert_uint_eq(plan.batch_tokens, GRUS_BATCH_TOKENS);
    ck_assert_uint_gt(plan.slots, plan.threads);
    ck_assert_uint_eq(plan.slot.positions, GRUS_BATCH_TOKENS);
    ck_assert_uint_eq(plan.wide_tokens, GRUS_WIDE_TOKENS);
    ck_assert_uint_eq(plan.big.positions, GRUS_WIDE_TOKENS);
    ck_assert_uint_ge(plan.big.bytes, costs.max_record);

    size_t worker = workspace_cost(&some_costs, &plan.slot), big_worker = workspace_cost(&some_costs, &plan.big);
    size_t expected = costs.fixed + plan.threads * worker + plan.slots * grus_slot_bytes(&plan.slot) +
                      plan.big_slots * (big_worker - worker + grus_slot_bytes(&plan.big)) +
                      grus_batcher_bytes(&plan.ahead);
    ck_assert_uint_eq(plan.memory, expected);
    ck_assert_int_eq(grus_plan_make(&costs, 4, 1, 0, &plan, &error), GRUS_OK);
    ck_assert_uint_eq(plan.batch_tokens, 1);
    ck_assert_uint_eq(plan.wide_tokens, 1);
    ck_assert_uint_eq(plan.big.positions, GRUS_RECORD_POSITIONS);
    ck_assert_uint_eq(plan.slot.positions, GRUS_LEAST_POSITIONS);
}
END_TEST

START_TEST(plan_keeps_within_the_bound)
{
    grus_plan_costs costs = make_costs();
    grus_plan whole, plan;
    grus_error error;
    ck_assert_int_eq(grus_plan_make(&costs, 8, 0, 0, &whole, &error), GRUS_OK);
    size_t previous_threads = whole.threads;
    for (size_t bound = whole.memory; bound > 10; bound -= bound / 20) {
        grus_status status = grus_plan_make(&costs, 8, 0, bound, &plan, &error);
        if (status != GRUS_OK) {
            ck_assert_int_eq(status, GRUS_E_USAGE);
            // The least that would do, does.
            ck_assert_uint_gt(plan.memory, bound);
            ck_assert_int_eq(grus_plan_make(&costs, 8, 0, plan.memory, &plan, &error), GRUS_OK);
            ck_assert_uint_eq(plan.threads, 1);
            return;
        }
        ck_assert_uint_le(plan.memory, bound);
        ck_assert_uint_le(plan.threads, previous_threads);
        // Threads go last.
        if (plan.threads == 8 && plan.slots < whole.slots)
            ck_assert_uint_le(plan.slot.positions, 2 * GRUS_LEAST_POSITIONS);
        previous_threads = plan.threads;
    }
    ck_abort_msg("no bound was too small");
}
END_TEST

START_TEST(plan_of_huge_sizes_does_not_wrap)
{
    grus_plan_costs costs = make_costs();
    grus_plan plan;
    grus_error error;
    costs.fixed = SIZE_MAX - 5;
    ck_assert_int_eq(grus_plan_make(&costs, 4096, (size_t)1 << 30, 0, &plan, &error), GRUS_OK);
    ck_assert_uint_eq(plan.memory, SIZE_MAX);
    ck_assert_int_eq(grus_plan_make(&costs, 4, 0, (size_t)1 << 40, &plan, &error), GRUS_E_USAGE);
}
END_TEST

// The most that is done and in no checkpoint, when one is about to be taken: all slots hold what is done, the last that
// was written too, and before it one record less than asks for a checkpoint.
START_TEST(plan_leaves_at_most_an_interval_a_thread_without_checkpoint)
{
    static const size_t intervals[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 20, 100, 1000, 4095, 50000, 1000000, SIZE_MAX / 64};
    grus_plan_costs costs = make_costs();
    grus_plan plan;
    grus_error error;
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++)
        for (size_t threads = 1; threads <= 64; threads++)
            for (size_t memory = 0; memory <= (size_t)4 << 30; memory += (size_t)2 << 30) {
                costs.checkpoint_records = intervals[i];
                if (grus_plan_make(&costs, threads, 0, memory, &plan, &error) != GRUS_OK)
                    continue;
                size_t records = plan.slot.records > plan.big.records ? plan.slot.records : plan.big.records;
                ck_assert_uint_ge(plan.slots, 1);
                ck_assert_uint_ge(records, 1);
                ck_assert_uint_ge(plan.checkpoint_records, 1);
                ck_assert_uint_le(plan.checkpoint_records - 1 + plan.slots * records, plan.threads * intervals[i]);
            }
}
END_TEST

// ---- slots ----

START_TEST(slot_forgets_and_shrinks)
{
    grus_slot_bounds small = {.positions = 10, .records = 4, .bytes = 100, .targets = true, .out_bytes = 50};
    grus_slot_bounds large = {.positions = 10000, .records = 1, .bytes = 100000, .targets = true, .out_bytes = 50};
    grus_slot slot = {0};
    grus_error error;
    ck_assert_int_eq(grus_slot_reset(&slot, &large, &error), GRUS_OK);
    ck_assert_uint_ge(slot.lines.capacity, 100000);
    for (int i = 0; i < 1000; i++)
        grus_buffer_text(&slot.out, "text");
    slot.n_records = 1;
    slot.causes[GRUS_CAUSE_BLANK] = 1;
    ck_assert_uint_eq(grus_slot_records_failed(&slot), 1);
    ck_assert_int_eq(grus_slot_reset(&slot, &small, &error), GRUS_OK);
    ck_assert_uint_eq(slot.lines.capacity, 100);
    ck_assert_uint_eq(slot.ids.capacity, 10);
    ck_assert_uint_ge(slot.records_capacity, 4);
    ck_assert_uint_eq(slot.out.capacity, 0);
    ck_assert_uint_eq(slot.n_records, 0);
    ck_assert_uint_eq(grus_slot_records_failed(&slot), 0);

    // The first failure is kept.
    error.status = GRUS_E_MEMORY;
    grus_slot_fail(&slot, &error);
    error.status = GRUS_E_FAILED;
    grus_slot_fail(&slot, &error);
    ck_assert_int_eq(slot.error.status, GRUS_E_MEMORY);
    grus_slot_free(&slot);
}
END_TEST

START_TEST(causes_are_found_by_name)
{
    for (int i = 0; i < GRUS_N_CAUSES; i++) {
        ck_assert_ptr_nonnull(grus_cause_name((grus_cause)i));
        ck_assert_int_eq(grus_cause_find(grus_cause_name((grus_cause)i)), i);
    }
    ck_assert_int_eq(grus_cause_find("never heard of"), GRUS_CAUSE_OTHER);
}
END_TEST

// ---- records in memory ----

START_TEST(records_in_memory_are_annotated)
{
    static const char lines[] =
        "{\"text\": \"og\"}\n\n{\"text\": \"yö\"}\r\n{\"text\": \"\"}\n{\"text\": 1}\n{\"text\": \"og\"}";
    const char *source = getenv("srcdir");
    char dir[256], *output, *again;
    size_t size, size_again;
    grus_model *model;
    grus_run_options options;
    grus_error error;
    snprintf(dir, sizeof dir, "%s/tests/golden/bahdanau/model", source ? source : ".");
    ck_assert_int_eq(grus_model_load(dir, true, NULL, NULL, &model, &error), GRUS_OK);
    grus_run_options_init(&options, model);
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &size, &error), GRUS_OK);
    ck_assert_uint_gt(size, 0);
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        n += output[i] == '\n';
    ck_assert_uint_eq(n, 6);
    static const char start[] = "{\"text\": \"og\", \"output\": ";
    ck_assert_int_eq(memcmp(output, start, sizeof start - 1), 0);

    // The batches do not show.
    options.batch_tokens = 1;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &again, &size_again, &error), GRUS_OK);
    ck_assert_uint_eq(size, size_again);
    ck_assert_int_eq(memcmp(output, again, size), 0);
    free(again);
    free(output);

    ck_assert_int_eq(grus_annotate(model, &options, "", 0, &output, &size, &error), GRUS_OK);
    ck_assert_uint_eq(size, 0);
    free(output);
    options.fail_on_error = true;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &size, &error), GRUS_E_FAILED);
    ck_assert_str_eq(error.place, "line 2");
    options.search.n_best = 7;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &size, &error), GRUS_E_USAGE);
    grus_model_free(model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler");

    suite_add_tcase(suite, queue_case());

    TCase *plan = tcase_create("plan");
    tcase_add_test(plan, plan_without_bound_is_what_was_asked);
    tcase_add_test(plan, plan_keeps_within_the_bound);
    tcase_add_test(plan, plan_of_huge_sizes_does_not_wrap);
    tcase_add_test(plan, plan_leaves_at_most_an_interval_a_thread_without_checkpoint);
    suite_add_tcase(suite, plan);

    TCase *batches = tcase_create("batches");
    tcase_add_test(batches, slot_forgets_and_shrinks);
    tcase_add_test(batches, causes_are_found_by_name);
    suite_add_tcase(suite, batches);

    suite_add_tcase(suite, shards_case());

    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, records_in_memory_are_annotated);
    suite_add_tcase(suite, memory);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
