// cell.h: a recurrent cell, one layer and direction of an encoder or a decoder: its weights, one time step of a set of
// lanes, and what a kind of cell is made of. Which lanes, in what order and from what state is the caller's; which kinds
// there are, cells.h's.
#ifndef GRUS_ENGINE_NN_CELL_H
#define GRUS_ENGINE_NN_CELL_H

#include "base/assert.h"
#include "base/memory.h"
#include "engine/kernel/vector.h"
#include "engine/nn/linear.h"
#include "engine/nn/reading.h"

typedef struct grus_cell {
    const struct grus_cell_type *type;
    grus_cell_config config;
    const grus_kernel *kernel;
    size_t input, hidden;
    bool biased;             // it has both of its biases; else none
    bool bounded;            // its states, the first ones too, lie in [-1, 1]
    size_t groups;           // of kernel->units hidden units
    size_t width;            // gates * groups * units: floats of an input product's row
    grus_linear ih;          // W_ih
    grus_weights *weight_hh; // the rows of W_hh whose products are with the state itself, (., hidden)
    grus_weights *weight_hn; // those whose products are with r * state, of types that have them, (., hidden)
    float *bias;             // (groups, gates, units)
    float *bias_hn;          // (groups, units): what is added to the product inside the reset, of types that have it
    bool narrow;             // W_ih and W_hh stay in the L2 cache together: steps may multiply their own inputs
} grus_cell;

// Room for a step; which of it a type takes is its own.
typedef struct grus_cell_scratch {
    float *acc; // products and gates of one group by one tile
    // (tile, gates, units) input products of one group by one tile, where the step makes them; and its (tile) rows.
    float *gi;
    const float **gi_rows;
    // Of a reset before the product, for each row.
    float *reset, *update; // (rows, hidden), (rows, hidden)
    const float **rows;    // (rows) of reset
    grus_panels *panels;   // (rows, hidden)
} grus_cell_scratch;

// A state is a row of hidden floats, h. With a type that has a c (nn.LSTM) a second row goes along. It is never multiplied,
// attended or handed out, so panels and lanes say nothing of it; the encoder keeps a row of it for each lane, decoding.c
// beside the states of its two sides, and the bridge sets it.

// One time step: n lanes of states, n a multiple of kernel->tile, and the rows that go on from them. Several rows may go
// on from one lane, whose products with the state they share; in what order they lie is theirs.
typedef struct grus_cell_step {
    size_t n;
    const grus_panels *panels; // (n, hidden): the lanes' states
    const size_t *first_row;   // (n / tile + 1) the rows that go on from tile t are [first_row[t], first_row[t + 1])
    const uint32_t *lane;      // (rows) that the row goes on from, counted from its tile's first
    const float *const *gi;    // (rows) of width: the input products; NULL: the step makes them, of
    const grus_panels *inputs; // what each lane's one row reads, in tiles like the step's from
    size_t first_input;        // this one on
    const float *const *more;  // the other part of their sum; NULL where there is none
    size_t tabled; // of gi that are rows of the table: those of the step, and any that later steps will take; 0: none
    const float *const *h_prev; // (rows) of hidden: the lane's state
    float *const *h_new;        // (rows) of hidden, written; may be h_prev where each lane has one row
    const grus_cell_scratch *scratch;
    const float *const *c_prev; // (rows) of hidden, as h_prev; NULL where the type has none
    float *const *c_new;        // likewise; may be c_prev where each lane has one row
} grus_cell_step;

// A kind of cell.
typedef struct grus_cell_type {
    size_t gates; // blocks of hidden rows in weight_ih and weight_hh
    bool has_c;   // a second row goes along with each state
    // Reads weight_hh and the biases of a cell whose input is read; names as for grus_cell_read.
    grus_status (*read)(grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                        grus_error *error);
    // Lists in arena what steps of so many rows take; false when it has none left.
    bool (*scratch)(const grus_cell *cell, size_t rows, grus_arena *arena, grus_cell_scratch *scratch);
    void (*run)(const grus_cell *cell, const grus_cell_step *step);
    // FLOPs of a step's own products.
    uint64_t (*flops)(const grus_cell *cell, size_t lanes, size_t rows);
} grus_cell_type;

// ---- for the types ----

// Reads gates of <prefix>.weight_hh_<suffix> in the order of products, and packs them.
grus_status grus_cell_read_recurrent(const grus_cell *cell, grus_reading *reading, grus_wanted wanted,
                                     grus_gate_range gates, grus_weights **weights, grus_error *error);

// <prefix>.bias_ih_<suffix> and .bias_hh_<suffix> as they lie in the file; zeros where the cell is not biased.
typedef struct grus_cell_biases {
    float *ih, *hh; // (gates * hidden)
} grus_cell_biases;
grus_status grus_cell_read_biases(const grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                                  grus_cell_biases *biases, grus_error *error);

// Makes cell->bias of them, each the sum of both, for types that take all of them outside of a reset.
grus_status grus_cell_add_biases(grus_cell *cell, grus_reading *reading, grus_cell_biases biases, grus_error *error);

// n <= kernel->tile rows from first on, and the units of one group of them.
typedef struct grus_cell_part {
    size_t first, n, group;
} grus_cell_part;

// The gates of a part: all that the step and the cell say of them. What lies in a type's own scratch it sets itself.
static inline grus_gates grus_cell_gates(const grus_cell *cell, const grus_cell_step *step, grus_cell_part part)
{
    const grus_kernel *kernel = cell->kernel;
    size_t units = kernel->units, unit = part.group * units, first = part.first, gates = cell->type->gates;
    GRUS_ASSERT(part.n <= kernel->tile && part.group < cell->groups);
    return (grus_gates){.lanes = kernel->tile,
                        .width = units,
                        .units = grus_min(units, cell->hidden - unit),
                        .acc = step->scratch->acc,
                        .bias = cell->bias + gates * unit,
                        .hard = cell->config.gate_activation == GRUS_GATE_HARD_SIGMOID,
                        .activation = cell->config.activation,
                        .n = part.n,
                        .lane = step->lane + first,
                        .gi_at = step->gi ? gates * unit : 0,
                        .at = unit,
                        .gi = step->gi ? step->gi + first : step->scratch->gi_rows,
                        .more = step->more ? step->more + first : NULL,
                        .h_prev = step->h_prev + first,
                        .h_new = step->h_new + first,
                        .c_prev = step->c_prev ? step->c_prev + first : NULL,
                        .c_new = step->c_new ? step->c_new + first : NULL};
}

// Makes the input products of some gates of a group for a tile, where the step does: what grus_cell_gates points to.
void grus_cell_multiply_inputs(const grus_cell *cell, const grus_cell_step *step, size_t tile, size_t group,
                               grus_gate_range gates);
// Asks for what n rows from first on will read and write of one group to come into L1.
static GRUS_FETCHES void grus_cell_fetch_rows(const grus_cell *cell, const grus_cell_step *step, size_t first, size_t n,
                                              size_t group)
{
    size_t units = cell->kernel->units, gates = cell->type->gates * units;
    for (size_t row = first; row < first + n; row++) {
        if (step->gi) {
            grus_fetch_near(step->gi[row] + group * gates, gates);
            grus_fetch_near(step->h_prev[row] + group * units, units);
        }
        if (step->more)
            grus_fetch_near(step->more[row] + group * gates, gates);
        grus_fetch_near(step->h_new[row] + group * units, units);
        if (step->c_prev) {
            grus_fetch_near(step->c_prev[row] + group * units, units);
            grus_fetch_near(step->c_new[row] + group * units, units);
        }
    }
}

// A table may lie outside of all caches: what the rows from first on, the next tile's, want of it goes into L2, a gate
// (number `row` of all groups') at a time, since lines that are waited for keep the micro-kernel's own out.
static GRUS_FETCHES void grus_cell_fetch_tabled(const grus_cell *cell, const grus_cell_step *step, size_t first,
                                                size_t row)
{
    size_t units = cell->kernel->units, end = grus_min(step->tabled, first + cell->kernel->tile);
    for (; first < end; first++)
        grus_fetch(step->gi[first] + row * units, units);
}

#endif
