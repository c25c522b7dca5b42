// lanes.h: whole sequences laid end to end in lanes of nearly equal load, so that no padding is computed but inside the
// last tile; and the order in which a decoder admits them. Knows lengths only; what is computed in a lane is the
// encoder's.
#ifndef GRUS_ENGINE_LANES_H
#define GRUS_ENGINE_LANES_H

#include <stdint.h>

#include "base/arena.h"

// What a lane computes in a step: so many positions of a sequence lie before this one.
typedef struct grus_lane_slot {
    uint32_t sequence, step;
} grus_lane_slot;

// Lanes are ordered by load, the fullest first: at step s the lanes below grus_lanes_active(s) carry a position each, in
// the slots from first[s] on; lanes beyond them have ended.
typedef struct grus_lane_plan {
    size_t lanes;         // whole tiles
    size_t steps;         // load of the fullest lane
    size_t *first;        // (steps + 1)
    grus_lane_slot *slot; // (positions)
    size_t computed;      // slots that are computed: the sum over steps of active lanes rounded up to tiles
} grus_lane_plan;

static inline size_t grus_lanes_active(const grus_lane_plan *plan, size_t step)
{
    return plan->first[step + 1] - plan->first[step];
}

// Plans n sequences of length[i] positions, fewer than 2^32 each, over at most max_lanes lanes (a multiple of tile):
// longest first into the emptiest lane, over as many tiles as come out level. All of it lives in arena; false when that
// has none left.
bool grus_lanes_plan(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes,
                     grus_lane_plan *plan);

// Lists what a plan takes at most: grus_lanes_plan, on the arena alone.
bool grus_lanes_list(grus_arena *arena, size_t n, size_t positions, size_t max_lanes);

// What plan->computed would be.
bool grus_lanes_measure(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes,
                        size_t *computed);

// Whether so little of what is computed is padding that other lanes, or other sequences, would hardly better it.
static inline bool grus_lanes_are_level(size_t positions, size_t computed)
{
    return computed - positions <= computed / 64;
}

// A sequence by its number, and how long it is.
typedef struct grus_sized_sequence {
    size_t length;
    uint32_t sequence;
} grus_sized_sequence;

// Sorts by length, the longest first, equal ones by their numbers.
void grus_longest_first(grus_sized_sequence *sequences, size_t n);

#endif
