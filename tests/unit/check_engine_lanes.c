// check_engine_lanes.c: every position is planned once and in order, and hardly any padding is.
#include "config.h"

#include "engine/lanes.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

static size_t *offsets_of(const size_t *length, size_t n)
{
    size_t *offset = calloc(n + 1, sizeof *offset);
    for (size_t i = 0; i < n; i++)
        offset[i + 1] = offset[i] + length[i];
    return offset;
}

typedef struct planned {
    size_t n, positions, max_lanes;
} planned;

static bool list_lanes(void *object, grus_arena *arena)
{
    const planned *p = object;
    return grus_lanes_list(arena, p->n, p->positions, p->max_lanes);
}

// Walks the steps: those active are the first lanes, each goes on in its sequence or begins another where one has ended,
// and each position comes exactly once. Returns how many there are.
static size_t walk_plan(const grus_lane_plan *plan, const size_t *length, const size_t *offset, char *seen)
{
    size_t count = 0;
    for (size_t step = 0; step < plan->steps; step++) {
        size_t active = grus_lanes_active(plan, step);
        ck_assert(active > 0 && active <= plan->lanes && (step == 0 || active <= grus_lanes_active(plan, step - 1)));
        for (size_t lane = 0; lane < active; lane++) {
            const grus_lane_slot *slot = &plan->slot[plan->first[step] + lane];
            const grus_lane_slot *before = step ? &plan->slot[plan->first[step - 1] + lane] : NULL;
            ck_assert(slot->step < length[slot->sequence]);
            bool begins = slot->step == 0 && (!before || before->step + 1 == length[before->sequence]);
            bool goes_on = before && before->sequence == slot->sequence && before->step + 1 == slot->step;
            ck_assert_msg(begins || goes_on, "lane %zu, step %zu", lane, step);
            ck_assert_int_eq(seen[offset[slot->sequence] + slot->step]++, 0);
            count++;
        }
    }
    return count;
}

static double check_plan(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes)
{
    size_t *offset = offsets_of(length, n);
    ck_assert(grus_arena_reserve(arena, grus_arena_count(list_lanes, &(planned){n, offset[n], max_lanes})));
    size_t reserved = grus_arena_bytes(arena), measured = 0, computed = 0;
    grus_lane_plan plan;
    ck_assert(grus_lanes_plan(arena, length, n, tile, max_lanes, &plan));
    ck_assert_uint_le(grus_arena_bytes(arena), reserved);
    ck_assert_uint_le(plan.lanes, max_lanes);
    ck_assert_uint_eq(plan.lanes % tile, 0);
    char *seen = calloc(offset[n] + 1, 1);
    size_t count = walk_plan(&plan, length, offset, seen);
    for (size_t step = 0; step < plan.steps; step++)
        computed += grus_div_up(grus_lanes_active(&plan, step), tile) * tile;
    ck_assert_uint_eq(count, offset[n]);
    ck_assert_uint_eq(computed, plan.computed);
    grus_arena_reset(arena);
    ck_assert(grus_lanes_measure(arena, length, n, tile, max_lanes, &measured));
    ck_assert_uint_eq(measured, computed);
    free(seen);
    free(offset);
    return count ? (double)computed / (double)count - 1 : 0;
}

START_TEST(plans_of_random_lengths)
{
    uint64_t seed = 21;
    size_t length[400];
    grus_arena *arena = grus_arena_new(1024);
    for (int round = 0; round < 300; round++) {
        size_t n = random_below(&seed, 400), most = 1 + random_below(&seed, 60);
        for (size_t i = 0; i < n; i++)
            length[i] = random_below(&seed, most);
        check_plan(arena, length, n, 12, 96);
        check_plan(arena, length, n, 6, 96);
        check_plan(arena, length, n, 1, 8);
    }
    grus_arena_free(arena);
}
END_TEST

START_TEST(padding_is_small)
{
    uint64_t seed = 23;
    size_t length[1024];
    grus_arena *arena = grus_arena_new(1024);
    for (size_t i = 0; i < 1024; i++)
        length[i] = 8;
    ck_assert(check_plan(arena, length, 1024, 12, 96) <= 0.04);
    for (size_t i = 0; i < 1024; i++)
        length[i] = i % 2 ? 2 : 200;
    ck_assert(check_plan(arena, length, 1024, 12, 96) <= 0.04);
    for (size_t i = 0; i < 1024; i++)
        length[i] = 2 + random_below(&seed, 60);
    ck_assert(check_plan(arena, length, 1024, 12, 96) <= 0.03);
    // One long sequence among short ones: only lanes that it can share a tile with are opened.
    for (size_t i = 0; i < 1024; i++)
        length[i] = 10;
    length[500] = 800;
    ck_assert(check_plan(arena, length, 1024, 12, 96) <= 0.10);
    grus_arena_free(arena);
}
END_TEST

TCase *lanes_case(void)
{
    TCase *tcase = tcase_create("lanes");
    tcase_add_test(tcase, plans_of_random_lengths);
    tcase_add_test(tcase, padding_is_small);
    return tcase;
}
