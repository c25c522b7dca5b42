// check_batcher.c: where batches end: within their bounds, no record lost, and hardly anything computed for nobody,
// whatever the mix of lengths. What is computed is counted here from the slots of each batch's lane plan.
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/synthetic.h"
#include "base/arena.h"
#include "engine/lanes.h"
#include "scheduler/limits.h"
#include "scheduler/plan.h"
#include "tests/unit/hold.h"

#define MOST_LENGTH 16384
#define LANES 96

static size_t workspace_cost(const void *data, const grus_slot_bounds *bounds)
{
    (void)data;
    return 4096 * bounds->positions;
}

static size_t output_cost(const void *data, const grus_slot_bounds *bounds)
{
    (void)data;
    return bounds->bytes;
}

// A shard of sequences of these lengths, cut into batches.
typedef struct cutting {
    grus_plan plan;
    grus_batcher batcher;
    const size_t *length; // (n)
    size_t n, done;       // records that have come out
    size_t positions, computed;
} cutting;

static void cutting_init(cutting *c, size_t tile, size_t batch_tokens, const size_t *length, size_t n)
{
    grus_error error;
    grus_plan_costs costs = {
        .workspace = workspace_cost, .output = output_cost, .tile = tile, .lanes = LANES, .max_record = 1 << 16};
    *c = (cutting){.length = length, .n = n};
    ck_assert_int_eq(grus_plan_make(&costs, 2, batch_tokens, 0, &c->plan, &error), GRUS_OK);
    c->batcher = (grus_batcher){.bounds = &c->plan.bounds};
    ck_assert_int_eq(grus_batcher_begin(&c->batcher, &error), GRUS_OK);
}

// What the tiles of the batch compute: whole tiles, wherever one lane of the tile has a position.
static size_t count_computed(const grus_slot *slot, size_t tile)
{
    size_t computed = 0, positions = 0;
    grus_arena *arena = grus_arena_new(1 << 16);
    grus_lane_plan plan;
    ck_assert(grus_lanes_plan(arena, grus_slot_batch(slot).length, slot->n_sequences, tile, LANES, &plan));
    for (size_t step = 0; step < plan.steps; step++) {
        size_t busy = grus_lanes_active(&plan, step);
        computed += grus_div_up(busy, tile) * tile;
        positions += busy;
    }
    ck_assert_uint_eq(positions, slot->n_positions);
    grus_arena_free(arena);
    return computed;
}

// The next records of the shard are in the slot, each as it was, in so many bytes of text at most.
static void check_records(cutting *c, const grus_slot *slot, size_t most)
{
    grus_slot_place place = {0};
    grus_slot_entry entry;
    size_t positions = 0, sequences = 0, bad = 0, bytes = 0;
    while (grus_slot_next(slot, &place, &entry)) {
        char expected[32];
        size_t size = (size_t)snprintf(expected, sizeof expected, "record %zu", c->done), same = 0;
        hold(entry.number == c->done + 1);
        hold(entry.length == size);
        hold(memcmp(entry.line, expected, size) == 0);
        bytes += size;
        if (c->length[c->done] == SIZE_MAX) {
            hold(entry.error && strcmp(entry.error, expected) == 0);
            hold(entry.cause == GRUS_CAUSE_BLANK);
            bytes += size + 1;
            bad++;
        } else {
            hold(!entry.error);
            hold(entry.n_positions == c->length[c->done]);
            for (size_t i = 0; i < entry.n_positions; i++)
                same += entry.ids[i] == (uint32_t)c->done;
            hold(same == entry.n_positions);
            positions += entry.n_positions;
            sequences++;
        }
        c->done++;
    }
    ck_assert_uint_eq(slot->n_records, sequences + bad);
    ck_assert_uint_eq(slot->n_sequences, sequences);
    ck_assert_uint_eq(slot->n_positions, positions);
    ck_assert_uint_eq(grus_slot_records_failed(slot), bad);
    ck_assert_uint_le(bytes, most);
}

static void take_batch(cutting *c, bool ended)
{
    grus_slot slot = {0};
    grus_error error;
    grus_cut cut = grus_batcher_cut(&c->batcher, ended);
    ck_assert_uint_ge(cut.records, 1);
    const grus_slot_bounds *bounds = cut.big ? &c->plan.bounds.big : &c->plan.bounds.slot;
    ck_assert_int_eq(grus_slot_reset(&slot, bounds, &error), GRUS_OK);
    ck_assert_int_eq(grus_batcher_move(&c->batcher, cut.records, &slot, &error), GRUS_OK);
    ck_assert_uint_eq(slot.n_records, cut.records);
    ck_assert_uint_le(slot.n_records, bounds->records);
    ck_assert_uint_le(slot.n_positions + slot.n_targets, bounds->positions);
    if (slot.n_records > 1)
        ck_assert_uint_le(slot.n_positions, cut.big ? c->plan.bounds.wide_tokens : c->plan.bounds.batch_tokens);

    check_records(c, &slot, bounds->bytes);
    c->positions += slot.n_positions;
    c->computed += count_computed(&slot, c->plan.bounds.tile);
    grus_slot_free(&slot);
}

// Cuts all of it, record i made of as many ids i. SIZE_MAX: a record in error.
static void cut_all(cutting *c)
{
    uint32_t *ids = calloc(MOST_LENGTH, sizeof *ids);
    grus_error error;
    for (size_t i = 0; i < c->n; i++) {
        char line[32];
        size_t size = (size_t)snprintf(line, sizeof line, "record %zu", i);
        grus_slot_entry entry = {.number = i + 1, .line = line, .length = size};
        if (c->length[i] == SIZE_MAX) {
            entry.error = line;
            entry.cause = GRUS_CAUSE_BLANK;
        } else {
            entry.n_positions = c->length[i];
            entry.ids = ids;
        }
        for (size_t j = 0; j < entry.n_positions; j++)
            ids[j] = (uint32_t)i;
        while (!grus_batcher_has_room(&c->batcher, &entry))
            take_batch(c, false);
        hold(grus_batcher_add(&c->batcher, &entry, &error) == GRUS_OK);
    }
    while (grus_batcher_records(&c->batcher))
        take_batch(c, true);
    ck_assert_uint_eq(c->done, c->n);
    grus_batcher_free(&c->batcher);
    free(ids);
}

static double padding_of(const cutting *c)
{
    return c->computed ? 1 - (double)c->positions / (double)c->computed : 0;
}

static const size_t tiles[] = {12, 6};

// Of a shard of this mix, at most so much.
static void check_padding(const char *mix, const size_t *length, size_t n, double most)
{
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        cutting c;
        cutting_init(&c, tiles[i], 0, length, n);
        cut_all(&c);
        ck_assert_msg(padding_of(&c) <= most, "%s, tile %zu: padding %.3f %%", mix, tiles[i], 100 * padding_of(&c));
    }
}

#define MANY 40000
static size_t many[MANY];

START_TEST(all_equal)
{
    static const size_t lengths[] = {1, 5, 8, 20, 50, 64, 100, 120, 200, 333, 500, 1000, 1365, 1366, 2000, 4096};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        // From some 500 sequences on the last, incomplete tile is less than 3 %.
        size_t n = grus_max(200000 / lengths[i], 500);
        char mix[40];
        snprintf(mix, sizeof mix, "%zu of length %zu", grus_min(n, MANY), lengths[i]);
        for (size_t j = 0; j < grus_min(n, MANY); j++)
            many[j] = lengths[i];
        check_padding(mix, many, grus_min(n, MANY), 0.03);
    }
}
END_TEST

START_TEST(log_normal)
{
    uint64_t state = 9;
    for (size_t i = 0; i < 10000; i++)
        many[i] = grus_synthetic_length(&state);
    check_padding("log-normal, 10,000", many, 10000, 0.03);
    check_padding("log-normal, 1,000", many, 1000, 0.03);
}
END_TEST

START_TEST(half_2_and_half_200)
{
    uint64_t state = 10;
    for (size_t n = 1000; n <= 10000; n *= 10) {
        for (size_t i = 0; i < n; i++)
            many[i] = i % 2 ? 2 : 200;
        check_padding("2 and 200, in turn", many, n, 0.03);
        for (size_t i = 0; i < n; i++)
            many[i] = grus_synthetic_number(&state) >> 63 ? 2 : 200;
        check_padding("2 and 200, at random", many, n, 0.03);
        for (size_t i = 0; i < n; i++)
            many[i] = i < n / 2 ? 2 : 200;
        check_padding("2 first, then 200", many, n, 0.03);
        for (size_t i = 0; i < n; i++)
            many[i] = i < n / 2 ? 200 : 2;
        check_padding("200 first, then 2", many, n, 0.03);
    }
}
END_TEST

START_TEST(one_of_5000_among_10000_of_10)
{
    static const size_t places[] = {0, 1, 700, 1600, 1700, 2500, 3333, 5000, 6000, 6554, 7000, 8191, 9000, 9900, 10000};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char mix[40];
        snprintf(mix, sizeof mix, "5000 at %zu of 10,001 of 10", places[i]);
        for (size_t j = 0; j < 10001; j++)
            many[j] = j == places[i] ? 5000 : 10;
        check_padding(mix, many, 10001, 0.03);
    }
}
END_TEST

// Documents of a few hundred to a few thousand positions: a batch holds but a few.
START_TEST(long_documents)
{
    uint64_t state = 12;
    for (size_t i = 0; i < 1000; i++)
        many[i] = 300 + grus_synthetic_number(&state) % 700;
    check_padding("300 to 1000", many, 1000, 0.08);
    for (size_t i = 0; i < 2000; i++)
        many[i] = i % 20 ? 20 : 1000;
    check_padding("one in 20 of 1000, the others 20", many, 2000, 0.03);
    for (size_t i = 0; i < 400; i++)
        many[i] = 3000;
    many[200] = MOST_LENGTH;
    // No wide batch can fill the lanes beside so long a one.
    check_padding("3000, and one of 16384", many, 400, 0.13);
}
END_TEST

START_TEST(records_come_out_as_they_went_in)
{
    static const size_t batch_tokens[] = {1, 7, 64, 1000, 1024, 5000, 0, 100000};
    uint64_t state = 13;
    for (size_t round = 0; round < 40; round++) {
        size_t n = grus_synthetic_number(&state) % 3000;
        for (size_t i = 0; i < n; i++) {
            uint64_t draw = grus_synthetic_number(&state) >> 11;
            many[i] = draw % 100 == 0 ? SIZE_MAX : draw % 90 == 0 ? draw % 3000 : draw % 25;
        }
        cutting c;
        cutting_init(&c, round % 2 ? 12 : 6, batch_tokens[round % 8], many, n);
        cut_all(&c);
    }
}
END_TEST

START_TEST(bounds_of_bytes_and_cells_hold)
{
    cutting c;
    grus_error error;
    char *line = calloc(1, (size_t)1 << 20);
    cutting_init(&c, 12, 0, NULL, 0);
    grus_slot_entry entry = {.number = 1, .line = line, .length = (size_t)1 << 20, .n_cells = 100};
    // Three lines of a megabyte are more than an ordinary slot of 2 MB takes, but not one too many to wait.
    for (size_t i = 0; i < 2; i++) {
        ck_assert(grus_batcher_has_room(&c.batcher, &entry));
        ck_assert_int_eq(grus_batcher_add(&c.batcher, &entry, &error), GRUS_OK);
    }
    entry.length = 1;
    ck_assert(!grus_batcher_has_room(&c.batcher, &entry));
    ck_assert_uint_eq(grus_batcher_cut(&c.batcher, false).records, 2);
    ck_assert_int_eq(grus_batcher_begin(&c.batcher, &error), GRUS_OK);
    // A record whose attention is too much for an ordinary slot is alone in a big one, or the first of it.
    entry.length = 10;
    entry.n_cells = GRUS_BATCH_CELLS + 1;
    ck_assert_int_eq(grus_batcher_add(&c.batcher, &entry, &error), GRUS_OK);
    grus_cut cut = grus_batcher_cut(&c.batcher, true);
    ck_assert(cut.big);
    ck_assert_uint_eq(cut.records, 1);
    entry.n_cells = 1;
    ck_assert_int_eq(grus_batcher_begin(&c.batcher, &error), GRUS_OK);
    ck_assert_int_eq(grus_batcher_add(&c.batcher, &entry, &error), GRUS_OK);
    entry.n_cells = GRUS_BATCH_CELLS;
    ck_assert_int_eq(grus_batcher_add(&c.batcher, &entry, &error), GRUS_OK);
    cut = grus_batcher_cut(&c.batcher, false);
    ck_assert(!cut.big);
    ck_assert_uint_eq(cut.records, 1);
    grus_batcher_free(&c.batcher);
    free(line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batcher");
    TCase *tcase = tcase_create("batcher");
    tcase_add_test(tcase, all_equal);
    tcase_add_test(tcase, log_normal);
    tcase_add_test(tcase, half_2_and_half_200);
    tcase_add_test(tcase, one_of_5000_among_10000_of_10);
    tcase_add_test(tcase, long_documents);
    tcase_add_test(tcase, records_come_out_as_they_went_in);
    tcase_add_test(tcase, bounds_of_bytes_and_cells_hold);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
