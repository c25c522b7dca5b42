// lanes.h: whole sequences laid end to end in lanes of nearly equal load, so that no padding is computed but inside the
// last tile. Knows lengths only; what is computed in a lane is the encoder's.
#ifndef GRUS_ENGINE_LANES_H
#define GRUS_ENGINE_LANES_H

#include <stdint.h>

#include "base/memory.h"

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
// multiple of tile). Longest first into the emptiest lane; no more lanes than the
// total can fill as high as the longest sequence.
// false when memory is short. All of it lives in arena.
bool grus_lanes_plan(grus_arena *arena, const size_t *length, const size_t *offset, size_t n, size_t tile,
                     size_t max_lanes, grus_lane_plan *plan);

// The most bytes of arena that a plan takes.
size_t grus_lanes_bytes(size_t positions, size_t n, size_t tile, size_t max_lanes);

#endif
