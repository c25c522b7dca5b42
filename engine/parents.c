// parents.c: lanes by parent, and rows in their order.
#include "config.h"

#include "engine/parents.h"

#include <string.h>

#include "base/assert.h"

bool grus_parents_list(grus_parents *p, size_t max_rows, grus_arena *arena)
{
    uint32_t **lists[] = {&p->lane_of_parent, &p->row_of_lane, &p->lane_of_row, &p->place, &p->lane};
    p->max_rows = max_rows;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!(*lists[i] = grus_arena_alloc(arena, max_rows, sizeof **lists[i])))
            return false;
    return (p->first_row = grus_arena_alloc(arena, max_rows + 1, sizeof *p->first_row)) != NULL;
}

void grus_parents_begin(grus_parents *p, size_t tile)
{
    p->tile = tile;
    memset(p->lane_of_parent, 0xff, p->max_rows * sizeof *p->lane_of_parent);
}

static void find_lanes(grus_parents *p, const grus_row *rows, size_t n)
{
    p->n_lanes = 0;
    for (size_t i = 0; i < n; i++) {
        GRUS_ASSERT(rows[i].parent == GRUS_NO_ROW || rows[i].parent < p->max_rows);
        uint32_t parent = rows[i].parent, lane = parent == GRUS_NO_ROW ? GRUS_NO_ROW : p->lane_of_parent[parent];
        if (lane == GRUS_NO_ROW) {
            lane = (uint32_t)p->n_lanes++;
            p->row_of_lane[lane] = (uint32_t)i;
            if (parent != GRUS_NO_ROW)
                p->lane_of_parent[parent] = lane;
        }
        p->lane_of_row[i] = lane;
    }
    for (size_t i = 0; i < n; i++)
        if (rows[i].parent != GRUS_NO_ROW)
            p->lane_of_parent[rows[i].parent] = GRUS_NO_ROW;
}

// Counts the rows of each lane, then gives them their places.
static void order_rows(grus_parents *p, size_t n)
{
    uint32_t *next = p->lane; // of each lane: the place of its next row
    memset(next, 0, p->n_lanes * sizeof *next);
    for (size_t i = 0; i < n; i++)
        next[p->lane_of_row[i]]++;
    uint32_t places = 0;
    for (size_t lane = 0; lane < p->n_lanes; lane++) {
        uint32_t of_lane = next[lane];
        next[lane] = places;
        if (lane % p->tile == 0)
            p->first_row[lane / p->tile] = places;
        places += of_lane;
    }
    p->first_row[(p->n_lanes + p->tile - 1) / p->tile] = n;
    for (size_t i = 0; i < n; i++)
        p->place[i] = next[p->lane_of_row[i]]++;
    for (size_t i = 0; i < n; i++)
        p->lane[p->place[i]] = p->lane_of_row[i] % (uint32_t)p->tile;
}

void grus_parents_find(grus_parents *p, const grus_row *rows, size_t n)
{
    GRUS_ASSERT(n <= p->max_rows);
    find_lanes(p, rows, n);
    order_rows(p, n);
}

void grus_parents_part(grus_parents *p, size_t n)
{
    GRUS_ASSERT(n <= p->max_rows);
    p->n_lanes = n;
    for (size_t i = 0; i < n; i++) {
        p->row_of_lane[i] = p->lane_of_row[i] = p->place[i] = (uint32_t)i;
        p->lane[i] = (uint32_t)(i % p->tile);
    }
    for (size_t tile = 0; tile * p->tile < n; tile++)
        p->first_row[tile] = tile * p->tile;
    p->first_row[(n + p->tile - 1) / p->tile] = n;
}
