// states.h: the recurrent states of a decoding's rows, in all layers: those that the bridge makes, and two sides, one of
// which a step reads and the other it writes. Which rows there are, and which side is written, is decoding_step.c's.
#ifndef GRUS_ENGINE_STATES_H
#define GRUS_ENGINE_STATES_H

#include "engine/parents.h"

// h, and c where the cells have one, else NULL.
typedef struct grus_state {
    float *h, *c;
} grus_state;

typedef struct grus_states {
    size_t layers, hidden, max_rows;
    bool has_c;
    grus_state first;     // (records, layers, hidden)
    grus_state sides[2];  // (layers, max_rows, hidden)
    const float **c_prev; // (max_rows) of a layer, in lane order; NULL where there is no c
    float **c_new;        // likewise: where it goes
} grus_states;

// layers to has_c are set. List the room for so many records' first states, and for the sides; false when arena has none
// left.
bool grus_states_list_first(grus_states *states, size_t records, grus_arena *arena);
bool grus_states_list_rows(grus_states *states, grus_arena *arena);

// Of a state that row goes on from, that it writes as row number i: the place in a side, or in the first states.
static inline size_t grus_states_at(const grus_states *states, const grus_row *row, size_t layer)
{
    return row->parent == GRUS_NO_ROW ? (row->sequence * states->layers + layer) * states->hidden
                                      : (layer * states->max_rows + row->parent) * states->hidden;
}

// The h that a row goes on from when `side` is written.
static inline const float *grus_states_previous(const grus_states *states, size_t side, const grus_row *row,
                                                size_t layer)
{
    const grus_state *from = row->parent == GRUS_NO_ROW ? &states->first : &states->sides[1 - side];
    return from->h + grus_states_at(states, row, layer);
}

// The h of row number i that is written.
static inline float *grus_states_new(const grus_states *states, size_t side, size_t i, size_t layer)
{
    return states->sides[side].h + (layer * states->max_rows + i) * states->hidden;
}

// Sets c_prev and c_new of a layer for n rows whose numbers in lane order are in place; nothing where there is no c.
void grus_states_place_c(grus_states *states, size_t side, size_t layer, const grus_row *rows, size_t n,
                         const uint32_t *place);

#endif
