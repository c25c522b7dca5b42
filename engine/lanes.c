// lanes.c: longest-first bins (Graham's LPT rule).
#include "config.h"

#include "engine/lanes.h"

#include <stdlib.h>
#include <string.h>

typedef struct item {
    size_t length;
    uint32_t sequence;
} item;

typedef struct lane {
    size_t load;
    uint32_t first, last; // of its sequences, chained by next
    uint32_t number;
} lane;

static int longer_first(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->length != b->length)
        return a->length > b->length ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

static int fuller_first(const void *left, const void *right)
{
    const lane *a = left, *b = right;
    if (a->load != b->load)
        return a->load > b->load ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

static size_t round_up(size_t n, size_t unit)
{
    return grus_div_up(n, unit) * unit;
}

static void fill_lanes(const item *items, size_t n_items, lane *lanes, size_t n_lanes, uint32_t *next)
{
    for (size_t i = 0; i < n_lanes; i++)
        lanes[i] = (lane){0, GRUS_NO_SEQUENCE, GRUS_NO_SEQUENCE, (uint32_t)i};
    for (size_t i = 0; i < n_items; i++) {
        lane *emptiest = lanes;
        for (size_t j = 1; j < n_lanes; j++)
            if (lanes[j].load < emptiest->load)
                emptiest = lanes + j;
        uint32_t sequence = items[i].sequence;
        next[sequence] = GRUS_NO_SEQUENCE;
        if (emptiest->load == 0)
            emptiest->first = sequence;
        else
            next[emptiest->last] = sequence;
        emptiest->last = sequence;
        emptiest->load += items[i].length;
    }
    qsort(lanes, n_lanes, sizeof *lanes, fuller_first);
}

static void write_slots(grus_lane_plan *plan, const lane *lanes, const uint32_t *next, const size_t *length,
                        const size_t *offset)
{
    memset(plan->sequence, 0xff, plan->steps * plan->lanes * sizeof *plan->sequence);
    memset(plan->active, 0, plan->steps * sizeof *plan->active);
    for (size_t number = 0; number < plan->lanes; number++) {
        size_t step = 0;
        for (uint32_t sequence = lanes[number].first; sequence != GRUS_NO_SEQUENCE; sequence = next[sequence])
            for (size_t t = 0; t < length[sequence]; t++, step++) {
                plan->sequence[step * plan->lanes + number] = sequence;
                plan->position[step * plan->lanes + number] = offset[sequence] + t;
                plan->active[step] = number + 1;
            }
    }
}

// Lanes worth having: whole tiles, all of which the total can fill as high as the longest sequence.
static size_t count_lanes(size_t total, size_t longest, size_t tile, size_t max_lanes)
{
    return grus_min(grus_max(total / longest / tile * tile, tile), max_lanes);
}

bool grus_lanes_plan(grus_arena *arena, const size_t *length, const size_t *offset, size_t n, size_t tile,
                     size_t max_lanes, grus_lane_plan *plan)
{
    *plan = (grus_lane_plan){0};
    item *items = grus_arena_alloc(arena, n, sizeof *items);
    uint32_t *next = grus_arena_alloc(arena, n, sizeof *next);
    lane *lanes = grus_arena_alloc(arena, max_lanes, sizeof *lanes);
    if (!items || !next || !lanes)
        return false;
    size_t n_items = 0, total = 0;
    for (size_t i = 0; i < n; i++)
        if (length[i] > 0) {
            items[n_items++] = (item){length[i], (uint32_t)i};
            total += length[i];
        }
    if (n_items == 0)
        return true;
    qsort(items, n_items, sizeof *items, longer_first);
    plan->lanes = count_lanes(total, items[0].length, tile, max_lanes);
    fill_lanes(items, n_items, lanes, plan->lanes, next);
    plan->steps = lanes[0].load;
    plan->active = grus_arena_alloc(arena, plan->steps, sizeof *plan->active);
    plan->sequence = grus_arena_alloc(arena, plan->steps * plan->lanes, sizeof *plan->sequence);
    plan->position = grus_arena_alloc(arena, plan->steps * plan->lanes, sizeof *plan->position);
    if (!plan->active || !plan->sequence || !plan->position)
        return false;
    write_slots(plan, lanes, next, length, offset);
    for (size_t step = 0; step < plan->steps; step++)
        plan->computed += round_up(plan->active[step], tile);
    return true;
}

size_t grus_lanes_bytes(size_t positions, size_t n, size_t tile, size_t max_lanes)
{
    // LPT's fullest lane holds at most total / lanes + longest. More lanes than a tile are opened only where they hold
    // the longest times over, so that lanes * longest <= total; in one tile the fullest lane holds at most all.
    size_t slots = grus_max(2, tile) * positions + max_lanes;
    size_t slot_bytes = sizeof(uint32_t) + sizeof(size_t);
    return n * (sizeof(item) + sizeof(uint32_t)) + max_lanes * sizeof(lane) + positions * sizeof(size_t) +
           slots * slot_bytes + 6 * GRUS_ALIGN;
}
