// check_engine_lanes.c: every position is planned once and in order, and hardly any padding is.
#include "config.h"

#include "engine/lanes.h"
#include "tests/check_engine.h"
#include "tests/random_model.h"

static size_t *offsets_of(const size_t *length, size_t n)
{
    size_t *offset = calloc(n + 1, sizeof *offset);
    for (size_t i = 0; i < n; i++)
        offset[i + 1] = offset[i] + length[i];
    return offset;
}

// Walks the lanes: sequences are whole, in order of position, and each position comes exactly once.
static double check_plan(const size_t *length, size_t n, size_t tile, size_t max_lanes)
{
    size_t *offset = offsets_of(length, n);
    grus_arena *arena = grus_arena_new(1024);
    ck_assert(grus_arena_reserve(arena, grus_lanes_bytes(offset[n], n, tile, max_lanes)));
    size_t reserved = grus_arena_bytes(arena);
    grus_lane_plan plan;
    ck_assert(grus_lanes_plan(arena, length, offset, n, tile, max_lanes, &plan));
    ck_assert_uint_le(grus_arena_bytes(arena), reserved);
    ck_assert_uint_le(plan.lanes, max_lanes);
    ck_assert_uint_eq(plan.lanes % tile, 0);
    char *seen = calloc(offset[n] + 1, 1);
    size_t count = 0, computed = 0;
    for (size_t lane = 0; lane < plan.lanes; lane++)
        for (size_t step = 0; step < plan.steps; step++) {
            size_t slot = step * plan.lanes + lane;
            uint32_t sequence = plan.sequence[slot];
            ck_assert(lane >= plan.active[step] || sequence != GRUS_NO_SEQUENCE);
            if (sequence == GRUS_NO_SEQUENCE)
                continue;
            size_t position = plan.position[slot];
            ck_assert(position >= offset[sequence] && position < offset[sequence + 1]);
            ck_assert_int_eq(seen[position]++, 0);
            if (position > offset[sequence])
                ck_assert_uint_eq(plan.position[slot - plan.lanes], position - 1);
            count++;
        }
    for (size_t step = 0; step < plan.steps; step++)
        computed += grus_div_up(plan.active[step], tile) * tile;
    ck_assert_uint_eq(count, offset[n]);
    ck_assert_uint_eq(computed, plan.computed);
    free(seen);
    free(offset);
    grus_arena_free(arena);
    return count ? (double)computed / (double)count - 1 : 0;
}

START_TEST(plans_of_random_lengths)
{
    uint64_t seed = 21;
    size_t length[400];
    for (int round = 0; round < 300; round++) {
        size_t n = random_below(&seed, 400), most = 1 + random_below(&seed, 60);
        for (size_t i = 0; i < n; i++)
            length[i] = random_below(&seed, most);
        check_plan(length, n, 12, 96);
        check_plan(length, n, 6, 96);
        check_plan(length, n, 1, 8);
    }
}
END_TEST

START_TEST(padding_is_small)
{
    uint64_t seed = 23;
    size_t length[1024];
    for (size_t i = 0; i < 1024; i++)
        length[i] = 8;
    ck_assert(check_plan(length, 1024, 12, 96) <= 0.04);
    for (size_t i = 0; i < 1024; i++)
        length[i] = i % 2 ? 2 : 200;
    ck_assert(check_plan(length, 1024, 12, 96) <= 0.04);
    for (size_t i = 0; i < 1024; i++)
        length[i] = 2 + random_below(&seed, 60);
    ck_assert(check_plan(length, 1024, 12, 96) <= 0.03);
    // One long sequence among short ones: only lanes that it can share a tile with are opened.
    for (size_t i = 0; i < 1024; i++)
        length[i] = 10;
    length[500] = 800;
    ck_assert(check_plan(length, 1024, 12, 96) <= 0.10);
}
END_TEST

TCase *lanes_case(void)
{
    TCase *tcase = tcase_create("lanes");
    tcase_add_test(tcase, plans_of_random_lengths);
    tcase_add_test(tcase, padding_is_small);
    return tcase;
}
