// lanes.c: longest-first bins (Graham's LPT rule).
#include "config.h"

#include "engine/lanes.h"

#include <stdlib.h>

#include "base/assert.h"

#define NONE UINT32_MAX // no sequence: the end of a chain

typedef struct lane {
    size_t load;
    uint32_t first, last; // of its sequences, chained by next
    uint32_t number;
} lane;

static int longer_first(const void *left, const void *right)
{
    const grus_sized_sequence *a = left, *b = right;
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

static bool is_emptier(const lane *a, const lane *b)
{
    return a->load != b->load ? a->load < b->load : a->number < b->number;
}

// The heap's first lane, the emptiest, has a new load: it sinks below those that are emptier now.
static void sink(lane *heap, size_t n)
{
    lane moved = heap[0];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_emptier(&heap[child + 1], &heap[child]))
            child++;
        if (is_emptier(&moved, &heap[child]))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

// A sequence and those laid out behind it in its lane are chained by next. Afterwards the fullest lane is the first.
static void fill_lanes(const grus_sized_sequence *items, size_t n_items, lane *lanes, size_t n_lanes, uint32_t *next)
{
    for (size_t i = 0; i < n_lanes; i++)
        lanes[i] = (lane){0, NONE, NONE, (uint32_t)i};
    for (size_t i = 0; i < n_items; i++) {
        lane *emptiest = lanes;
        uint32_t sequence = items[i].sequence;
        next[sequence] = NONE;
        if (emptiest->load == 0)
            emptiest->first = sequence;
        else
            next[emptiest->last] = sequence;
        emptiest->last = sequence;
        emptiest->load += items[i].length;
        sink(lanes, n_lanes);
    }
    qsort(lanes, n_lanes, sizeof *lanes, fuller_first);
}

// Lanes are in order of load: those that are active at a step lie side by side.
static void count_active(grus_lane_plan *plan, const lane *lanes)
{
    size_t slots = 0, active = plan->lanes;
    for (size_t step = 0; step < plan->steps; step++) {
        while (lanes[active - 1].load <= step)
            active--;
        plan->first[step] = slots;
        slots += active;
    }
    plan->first[plan->steps] = slots;
}

static void write_slots(grus_lane_plan *plan, const lane *lanes, const uint32_t *next, const size_t *length)
{
    for (size_t number = 0; number < plan->lanes; number++) {
        size_t step = 0;
        for (uint32_t sequence = lanes[number].first; sequence != NONE; sequence = next[sequence])
            for (size_t t = 0; t < length[sequence]; t++, step++) {
                GRUS_ASSERT(number < grus_lanes_active(plan, step) && t <= UINT32_MAX);
                plan->slot[plan->first[step] + number] = (grus_lane_slot){sequence, (uint32_t)t};
            }
        GRUS_ASSERT(step == lanes[number].load);
    }
}

// The sequences of a batch in a choice of lanes.
typedef struct packing {
    grus_sized_sequence *items; // (n_items) longest first
    size_t n_items, total;
    uint32_t *next;
    lane *lanes; // (n_lanes)
    size_t n_lanes, computed;
} packing;

static void pack_into(packing *p, size_t n_lanes, size_t tile)
{
    fill_lanes(p->items, p->n_items, p->lanes, n_lanes, p->next);
    p->n_lanes = n_lanes;
    p->computed = 0;
    for (size_t first = 0; first < n_lanes; first += tile)
        p->computed += tile * p->lanes[first].load;
}

// Tries whole tiles, the most first, but no more than the total can fill as high as the longest sequence: the first
// number of lanes that comes out level, else the one of least work. A step takes as long as its tiles and about half a
// tile more, for the weights pass by once a step whatever the tiles.
static void choose_lanes(packing *p, size_t tile, size_t max_lanes)
{
    size_t best = 0, least = SIZE_MAX;
    size_t most = grus_min(grus_div_up(grus_max(p->total / p->items[0].length, 1), tile) * tile, max_lanes);
    for (size_t n_lanes = most; n_lanes > 0; n_lanes -= tile) {
        pack_into(p, n_lanes, tile);
        if (grus_lanes_are_level(p->total, p->computed))
            return;
        size_t work = p->computed + p->lanes[0].load * tile / 2;
        if (work < least) {
            least = work;
            best = n_lanes;
        }
    }
    pack_into(p, best, tile);
}

void grus_longest_first(grus_sized_sequence *sequences, size_t n)
{
    qsort(sequences, n, sizeof *sequences, longer_first);
}

static bool list_packing(grus_arena *arena, size_t n, size_t max_lanes, packing *p)
{
    *p = (packing){.items = grus_arena_alloc(arena, n, sizeof *p->items),
                   .next = grus_arena_alloc(arena, n, sizeof *p->next),
                   .lanes = grus_arena_alloc(arena, max_lanes, sizeof *p->lanes)};
    return p->items && p->next && p->lanes;
}

static bool list_plan(grus_arena *arena, size_t steps, size_t positions, grus_lane_plan *plan)
{
    plan->first = grus_arena_alloc(arena, grus_add_sat(steps, 1), sizeof *plan->first);
    plan->slot = grus_arena_alloc(arena, positions, sizeof *plan->slot);
    return plan->first && plan->slot;
}

bool grus_lanes_list(grus_arena *arena, size_t n, size_t positions, size_t max_lanes)
{
    packing p;
    grus_lane_plan plan;
    // The fullest lane holds no more than all there is.
    return list_packing(arena, n, max_lanes, &p) && list_plan(arena, positions, positions, &plan);
}

static bool pack(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes, packing *p)
{
    if (!list_packing(arena, n, max_lanes, p))
        return false;
    for (size_t i = 0; i < n; i++)
        p->items[i] = (grus_sized_sequence){length[i], (uint32_t)i};
    grus_longest_first(p->items, n);
    for (; p->n_items < n && p->items[p->n_items].length > 0; p->n_items++)
        p->total += p->items[p->n_items].length;
    if (p->n_items > 0)
        choose_lanes(p, tile, max_lanes);
    return true;
}

bool grus_lanes_measure(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes,
                        size_t *computed)
{
    packing p;
    if (!pack(arena, length, n, tile, max_lanes, &p))
        return false;
    *computed = p.computed;
    return true;
}

bool grus_lanes_plan(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes,
                     grus_lane_plan *plan)
{
    packing p;
    *plan = (grus_lane_plan){0};
    if (!pack(arena, length, n, tile, max_lanes, &p))
        return false;
    if (p.n_items == 0)
        return true;
    plan->lanes = p.n_lanes;
    plan->steps = p.lanes[0].load;
    plan->computed = p.computed;
    if (!list_plan(arena, plan->steps, p.total, plan))
        return false;
    count_active(plan, p.lanes);
    write_slots(plan, p.lanes, p.next, length);
    GRUS_ASSERT(plan->first[plan->steps] == p.total);
    return true;
}
