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
static void fill_lanes(const item *items, size_t n_items, lane *lanes, size_t n_lanes, uint32_t *next)
{
    for (size_t i = 0; i < n_lanes; i++)
        lanes[i] = (lane){0, GRUS_NO_SEQUENCE, GRUS_NO_SEQUENCE, (uint32_t)i};
    for (size_t i = 0; i < n_items; i++) {
        lane *emptiest = lanes;
        uint32_t sequence = items[i].sequence;
        next[sequence] = GRUS_NO_SEQUENCE;
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

// The sequences of a batch in a choice of lanes.
typedef struct packing {
    item *items; // (n_items) longest first
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

// The sequences, longest first; NULL when memory is short.
static item *sort_items(grus_arena *arena, const size_t *length, size_t n)
{
    item *items = grus_arena_alloc(arena, n, sizeof *items);
    for (size_t i = 0; items && i < n; i++)
        items[i] = (item){length[i], (uint32_t)i};
    if (items)
        qsort(items, n, sizeof *items, longer_first);
    return items;
}

uint32_t *grus_longest_first(grus_arena *arena, const size_t *length, size_t n)
{
    uint32_t *order = grus_arena_alloc(arena, n, sizeof *order);
    const item *items = sort_items(arena, length, n);
    if (!order || !items)
        return NULL;
    for (size_t i = 0; i < n; i++)
        order[i] = items[i].sequence;
    return order;
}

size_t grus_longest_first_bytes(size_t n)
{
    return n * (sizeof(item) + sizeof(uint32_t)) + 2 * GRUS_ALIGN;
}

static bool pack(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes, packing *p)
{
    *p = (packing){.items = sort_items(arena, length, n),
                   .next = grus_arena_alloc(arena, n, sizeof *p->next),
                   .lanes = grus_arena_alloc(arena, max_lanes, sizeof *p->lanes)};
    if (!p->items || !p->next || !p->lanes)
        return false;
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

bool grus_lanes_plan(grus_arena *arena, const size_t *length, const size_t *offset, size_t n, size_t tile,
                     size_t max_lanes, grus_lane_plan *plan)
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
    plan->active = grus_arena_alloc(arena, plan->steps, sizeof *plan->active);
    plan->sequence = grus_arena_alloc(arena, plan->steps * plan->lanes, sizeof *plan->sequence);
    plan->position = grus_arena_alloc(arena, plan->steps * plan->lanes, sizeof *plan->position);
    if (!plan->active || !plan->sequence || !plan->position)
        return false;
    write_slots(plan, p.lanes, p.next, length, offset);
    return true;
}

size_t grus_lanes_bytes(size_t positions, size_t n, size_t tile, size_t max_lanes)
{
    // LPT's fullest lane holds at most total / lanes + longest. There are at most total / longest lanes, rounded up to
    // whole tiles: lanes * longest <= total + (tile - 1) * longest, and so lanes * steps <= (tile + 1) * total.
    size_t slots = (tile + 1) * positions + max_lanes;
    size_t slot_bytes = sizeof(uint32_t) + sizeof(size_t);
    return n * (sizeof(item) + sizeof(uint32_t)) + max_lanes * sizeof(lane) + positions * sizeof(size_t) +
           slots * slot_bytes + 6 * GRUS_ALIGN;
}
