// lanes.h: whole sequences laid end to end in lanes of nearly equal load, so that no padding is computed but inside the
// last tile; and the order in which a decoder admits them. Knows lengths only; what is computed in a lane is the
// encoder's.
#ifndef GRUS_ENGINE_LANES_H
#define GRUS_ENGINE_LANES_H

#include <stdint.h>

#include "base/arena.h"

#define GRUS_NO_SEQUENCE UINT32_MAX

// Lanes are ordered by load, the fullest first: at step s the lanes 0..active[s] carry a position each.
typedef struct grus_lane_plan {
    size_t lanes;       // whole tiles
    size_t steps;       // load of the fullest lane
    size_t *active;     // (steps)
    uint32_t *sequence; // (steps, lanes); GRUS_NO_SEQUENCE where the lane has ended
    size_t *position;   // (steps, lanes): offset[sequence] + step inside it, in forward order
    size_t computed;    // slots that are computed: the sum over steps of active[s] rounded up to tiles
} grus_lane_plan;

// Plans n sequences of length[i] positions, offset[i] the first position of each, over at most max_lanes lanes (a
// multiple of tile): longest first into the emptiest lane, over as many tiles as come out level.
// false when memory is short. All of it lives in arena.
bool grus_lanes_plan(grus_arena *arena, const size_t *length, const size_t *offset, size_t n, size_t tile,
                     size_t max_lanes, grus_lane_plan *plan);

// What plan->computed would be.
bool grus_lanes_measure(grus_arena *arena, const size_t *length, size_t n, size_t tile, size_t max_lanes,
                        size_t *computed);

// Whether so little of what is computed is padding that other lanes, or other sequences, would hardly better it.
static inline bool grus_lanes_are_level(size_t positions, size_t computed)
{
    return computed - positions <= computed / 64;
}

// The sequences (n) in order of length, the longest first, equal ones in their own order; NULL when memory is short.
uint32_t *grus_longest_first(grus_arena *arena, const size_t *length, size_t n);
size_t grus_longest_first_bytes(size_t n); // of arena, at most

// The most bytes of arena that a plan takes; a measure takes less.
size_t grus_lanes_bytes(size_t positions, size_t n, size_t tile, size_t max_lanes);

#endif
