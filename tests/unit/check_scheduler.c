// check_scheduler.c: runs the suite of the scheduler; the arithmetic of a plan, slots, causes, records in memory.
// Whole runs are the business of tests/run_*.sh.
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/causes.h"
#include "scheduler/limits.h"
#include "scheduler/plan.h"
#include "tests/unit/check_scheduler.h"

// ---- plan ----

typedef struct costs_context {
    size_t position, record; // bytes
} costs_context;

static size_t workspace_cost(const void *data, const grus_slot_bounds *bounds)
{
    const costs_context *costs = data;
    return costs->position * bounds->positions + costs->record * bounds->records;
}

static size_t output_cost(const void *data, const grus_slot_bounds *bounds)
{
    (void)data;
    return bounds->bytes + 10 * bounds->positions;
}

static const costs_context some_costs = {.position = 20000, .record = 100};

static grus_plan_costs make_costs(void)
{
    return (grus_plan_costs){.data = &some_costs,
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
    ck_assert_uint_eq(plan.bounds.batch_tokens, GRUS_BATCH_TOKENS);
    ck_assert_uint_gt(plan.slots, plan.threads);
    ck_assert_uint_eq(plan.bounds.slot.positions, GRUS_BATCH_TOKENS);
    ck_assert_uint_eq(plan.bounds.wide_tokens, GRUS_WIDE_TOKENS);
    ck_assert_uint_eq(plan.bounds.big.positions, GRUS_WIDE_TOKENS);
    ck_assert_uint_ge(plan.bounds.big.bytes, costs.max_record);

    size_t worker = workspace_cost(&some_costs, &plan.bounds.slot),
           big_worker = workspace_cost(&some_costs, &plan.bounds.big);
    size_t expected = costs.fixed + plan.threads * worker + plan.slots * grus_slot_bytes(&plan.bounds.slot) +
                      plan.big_slots * (big_worker - worker + grus_slot_bytes(&plan.bounds.big)) +
                      grus_batcher_bytes(&plan.bounds.ahead);
    ck_assert_uint_eq(plan.memory, expected);
    ck_assert_int_eq(grus_plan_make(&costs, 4, 1, 0, &plan, &error), GRUS_OK);
    ck_assert_uint_eq(plan.bounds.batch_tokens, 1);
    ck_assert_uint_eq(plan.bounds.wide_tokens, 1);
    ck_assert_uint_eq(plan.bounds.big.positions, GRUS_RECORD_POSITIONS);
    ck_assert_uint_eq(plan.bounds.slot.positions, GRUS_LEAST_POSITIONS);
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
            ck_assert_uint_le(plan.bounds.slot.positions, 2 * GRUS_LEAST_POSITIONS);
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
                size_t records = plan.bounds.slot.records > plan.bounds.big.records ? plan.bounds.slot.records
                                                                                    : plan.bounds.big.records;
                ck_assert_uint_ge(plan.slots, 1);
                ck_assert_uint_ge(records, 1);
                ck_assert_uint_ge(plan.checkpoint_records, 1);
                ck_assert_uint_le(plan.checkpoint_records - 1 + plan.slots * records, plan.threads * intervals[i]);
            }
}
END_TEST

// ---- slots ----

static size_t held(const grus_slot *slot)
{
    size_t bytes = sizeof *slot + slot->out.capacity;
    for (size_t i = 0; i < GRUS_SLOT_COLUMNS; i++)
        bytes += slot->columns[i].capacity;
    return bytes;
}

START_TEST(slot_forgets_and_shrinks)
{
    grus_slot_bounds small = {.positions = 10, .records = 4, .bytes = 100, .targets = true, .out_bytes = 50};
    grus_slot_bounds large = {.positions = 10000, .records = 1, .bytes = 100000, .targets = true, .out_bytes = 50};
    static const uint32_t ids[7] = {1, 2, 3, 4, 5, 6, 7};
    grus_slot_entry entry = {.number = 3, .line = "line", .length = 4, .n_positions = 7, .n_targets = 2};
    entry.ids = entry.targets = ids;
    grus_slot slot = {0};
    grus_error error;
    ck_assert_int_eq(grus_slot_reset(&slot, &large, &error), GRUS_OK);
    ck_assert_uint_eq(held(&slot) + large.out_bytes, grus_slot_bytes(&large));
    for (int i = 0; i < 1000; i++)
        grus_buffer_text(&slot.out, "text");
    ck_assert_int_eq(grus_slot_append(&slot, &entry, &error), GRUS_OK);
    slot.causes[GRUS_CAUSE_NOT_FINITE] = 1;
    ck_assert_uint_eq(grus_slot_records_failed(&slot), 1);
    ck_assert_int_eq(grus_slot_reset(&slot, &small, &error), GRUS_OK);
    ck_assert_uint_eq(held(&slot) + small.out_bytes, grus_slot_bytes(&small));
    ck_assert_uint_eq(slot.n_records + slot.n_sequences + slot.n_positions + slot.n_targets, 0);
    ck_assert_uint_eq(grus_slot_records_failed(&slot), 0);

    // The first failure is kept.
    error.status = GRUS_E_MEMORY;
    grus_slot_fail(&slot, &error);
    error.status = GRUS_E_FAILED;
    grus_slot_fail(&slot, &error);
    ck_assert_int_eq(slot.error.status, GRUS_E_MEMORY);
    grus_slot_free(&slot);
    ck_assert_uint_eq(held(&slot), sizeof slot);
}
END_TEST

#define SLOT_RECORDS 6

// Record i of a slot: i ids from i up, or i rows of features, and 2 targets; every third is in error.
static grus_slot_entry make_entry(size_t i, const char *text, const uint32_t *ids, const float *features)
{
    grus_slot_entry entry = {.number = 10 + i, .line = text, .length = i + 1, .is_object = i % 2};
    if (i % 3 == 2) {
        entry.error = text + i;
        entry.cause = GRUS_CAUSE_BAD_TEXT;
        return entry;
    }
    entry.n_positions = i;
    entry.ids = ids + i;
    entry.features = features ? features + i : NULL;
    entry.n_targets = features ? 0 : 2;
    entry.targets = ids;
    return entry;
}

static void check_entry(const grus_slot_entry *entry, const grus_slot_entry *expected, size_t dim)
{
    ck_assert_uint_eq(entry->number, expected->number);
    ck_assert_uint_eq(entry->length, expected->length);
    ck_assert_int_eq(memcmp(entry->line, expected->line, entry->length), 0);
    ck_assert_int_eq(entry->is_object, expected->is_object);
    ck_assert_uint_eq(entry->n_positions, expected->n_positions);
    ck_assert_uint_eq(entry->n_targets, expected->n_targets);
    if (expected->error) {
        ck_assert_str_eq(entry->error, expected->error);
        ck_assert_int_eq(entry->cause, expected->cause);
        return;
    }
    ck_assert_ptr_null(entry->error);
    if (entry->n_positions && dim)
        ck_assert_int_eq(memcmp(entry->features, expected->features, entry->n_positions * dim * sizeof(float)), 0);
    if (entry->n_positions && !dim)
        ck_assert_int_eq(memcmp(entry->ids, expected->ids, entry->n_positions * sizeof(uint32_t)), 0);
    if (entry->n_targets)
        ck_assert_int_eq(memcmp(entry->targets, expected->targets, entry->n_targets * sizeof(uint32_t)), 0);
}

// However many are taken out of one slot into another, both have theirs.
START_TEST(records_move_from_slot_to_slot)
{
    static const char text[] = "the text of all records";
    uint32_t ids[2 * SLOT_RECORDS];
    float features[6 * SLOT_RECORDS];
    for (uint32_t i = 0; i < 2 * SLOT_RECORDS; i++)
        ids[i] = 100 + i;
    for (int i = 0; i < 6 * SLOT_RECORDS; i++)
        features[i] = (float)i;
    for (size_t dim = 0; dim <= 3; dim += 3)
        for (size_t taken = 0; taken <= SLOT_RECORDS; taken++) {
            grus_slot_bounds bounds = {.positions = 50, .records = SLOT_RECORDS, .bytes = 200, .feature_dim = dim};
            bounds.targets = !dim;
            grus_slot from = {0}, to = {0};
            grus_error error;
            ck_assert_int_eq(grus_slot_reset(&from, &bounds, &error), GRUS_OK);
            ck_assert_int_eq(grus_slot_reset(&to, &bounds, &error), GRUS_OK);
            for (size_t i = 0; i < SLOT_RECORDS; i++) {
                grus_slot_entry entry = make_entry(i, text, ids, dim ? features : NULL);
                ck_assert_int_eq(grus_slot_append(&from, &entry, &error), GRUS_OK);
            }
            ck_assert_int_eq(grus_slot_move(&from, taken, &to, &error), GRUS_OK);
            grus_slot_place at = {0}, left = {0};
            grus_slot_entry found;
            for (size_t i = 0; i < SLOT_RECORDS; i++) {
                grus_slot_entry expected = make_entry(i, text, ids, dim ? features : NULL);
                ck_assert(i < taken ? grus_slot_next(&to, &at, &found) : grus_slot_next(&from, &left, &found));
                check_entry(&found, &expected, dim);
            }
            ck_assert(!grus_slot_next(&to, &at, &found) && !grus_slot_next(&from, &left, &found));
            ck_assert_uint_eq(grus_slot_records_failed(&to), taken / 3);
            ck_assert_uint_eq(grus_slot_records_failed(&from), SLOT_RECORDS / 3 - taken / 3);
            grus_slot_free(&from);
            grus_slot_free(&to);
        }
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
    const char *builddir = getenv("builddir");
    char dir[256];
    grus_text output, again;
    grus_model *model;
    grus_run_options options;
    grus_search search;
    grus_error error;
    snprintf(dir, sizeof dir, "%s/tests/cases/bahdanau/model", builddir ? builddir : ".");
    ck_assert_int_eq(grus_model_load(dir, NULL, &model, &error), GRUS_OK);
    grus_run_options_init(&options, sizeof options);
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &error), GRUS_OK);
    ck_assert_int_eq(output.data[output.size], 0);
    size_t n = 0;
    for (size_t i = 0; i < output.size; i++)
        n += output.data[i] == '\n';
    ck_assert_uint_eq(n, 6);
    static const char start[] = "{\"text\": \"og\", \"output\": ";
    ck_assert_int_eq(memcmp(output.data, start, sizeof start - 1), 0);

    // The batches do not show.
    options.batch_tokens = 1;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &again, &error), GRUS_OK);
    ck_assert_uint_eq(output.size, again.size);
    ck_assert_int_eq(memcmp(output.data, again.data, output.size), 0);
    grus_text_free(&again);
    grus_text_free(&output);

    ck_assert_int_eq(grus_annotate(model, &options, "", 0, &output, &error), GRUS_OK);
    ck_assert_uint_eq(output.size, 0);
    grus_text_free(&output);
    options.fail_on_error = true;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &error), GRUS_E_FAILED);
    ck_assert_str_eq(error.place, "line 2");
    grus_search_init(&search, sizeof search, model);
    search.n_best = 7;
    options.search = &search;
    ck_assert_int_eq(grus_annotate(model, &options, lines, sizeof lines - 1, &output, &error), GRUS_E_USAGE);
    ck_assert_str_eq(error.place, "search.n_best");
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
    tcase_add_test(batches, records_move_from_slot_to_slot);
    tcase_add_test(batches, causes_are_found_by_name);
    suite_add_tcase(suite, batches);

    suite_add_tcase(suite, shards_case());
    suite_add_tcase(suite, affinity_case());

    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, records_in_memory_are_annotated);
    suite_add_tcase(suite, memory);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
