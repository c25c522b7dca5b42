// parents.h: which rows of a decoding step go on from one state. Each parent, a row of the step before or the start of a
// sequence, is a lane, and has what depends on it alone computed once; its rows lie side by side in lane order.
#ifndef GRUS_ENGINE_PARENTS_H
#define GRUS_ENGINE_PARENTS_H

#include "base/arena.h"

#define GRUS_NO_ROW UINT32_MAX

// A live hypothesis at the start of a step.
typedef struct grus_row {
    uint32_t token;    // y_{t-1}
    uint32_t parent;   // its row in the step before; GRUS_NO_ROW at its first step
    uint32_t sequence; // the source it reads
    float *weights;    // (source length) where this step's attention goes; NULL: nowhere
    bool by_head;      // weights are (heads, source length)
} grus_row;

typedef struct grus_parents {
    size_t max_rows;
    size_t tile; // lanes
    size_t n_lanes;
    uint32_t *lane_of_parent; // (max_rows) scratch: GRUS_NO_ROW between steps
    uint32_t *row_of_lane;    // (n_lanes) its first row
    uint32_t *lane_of_row;    // (n)
    uint32_t *place;          // (n) the row's number in lane order
    uint32_t *lane;           // (n) in lane order: the lane, counted from its tile's first
    size_t *first_row;        // (tiles + 1) in lane order: the first row of a tile's lanes; the last is n
} grus_parents;

// Lists the room for steps of max_rows rows at most; false when arena has none left.
bool grus_parents_list(grus_parents *parents, size_t max_rows, grus_arena *arena);
// Before the first step, in lanes of whole tiles.
void grus_parents_begin(grus_parents *parents, size_t tile);

// Finds the lanes of n rows, in the order in which their parents are met. A row without a parent has a lane of its own.
void grus_parents_find(grus_parents *parents, const grus_row *rows, size_t n);

// Instead: each of n rows has a lane of its own, in their order.
void grus_parents_part(grus_parents *parents, size_t n);

#endif
