// states.c: room for states, and where each row's c lies.
#include "config.h"

#include "engine/states.h"

static bool list_state(const grus_states *states, size_t rows, grus_arena *arena, grus_state *state)
{
    size_t floats = grus_mul_sat(rows, states->layers * states->hidden);
    state->h = grus_arena_alloc(arena, floats, sizeof *state->h);
    state->c = states->has_c ? grus_arena_alloc(arena, floats, sizeof *state->c) : NULL;
    return state->h && (state->c || !states->has_c);
}

bool grus_states_list_first(grus_states *states, size_t records, grus_arena *arena)
{
    return list_state(states, records, arena, &states->first);
}

bool grus_states_list_rows(grus_states *states, grus_arena *arena)
{
    size_t rows = states->max_rows;
    if (!list_state(states, rows, arena, &states->sides[0]) || !list_state(states, rows, arena, &states->sides[1]))
        return false;
    states->c_prev = NULL;
    states->c_new = NULL;
    if (!states->has_c)
        return true;
    states->c_prev = grus_arena_alloc(arena, rows, sizeof *states->c_prev);
    states->c_new = grus_arena_alloc(arena, rows, sizeof *states->c_new);
    return states->c_prev && states->c_new;
}

void grus_states_place_c(grus_states *states, size_t side, size_t layer, const grus_row *rows, size_t n,
                         const uint32_t *place)
{
    for (size_t i = 0; i < n && states->has_c; i++) {
        const grus_state *from = rows[i].parent == GRUS_NO_ROW ? &states->first : &states->sides[1 - side];
        states->c_prev[place[i]] = from->c + grus_states_at(states, rows + i, layer);
        states->c_new[place[i]] = states->sides[side].c + (layer * states->max_rows + i) * states->hidden;
    }
}
