// lstm.c: nn.LSTM's weights in gate order and its time step: as in gru.c, the rows of a group's four gates are multiplied
// by a tile of lanes and the gates run on the result while it is in L1.
#include "config.h"

#include "engine/nn/lstm.h"

#include <string.h>

#include "base/error.h"

#define GATES 4 // i, f, g, o

static grus_status read_lstm(grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                             grus_error *error)
{
    grus_cell_biases biases;
    grus_status status = grus_cell_read_recurrent(cell, reading, (grus_wanted){prefix, suffix, 0, 0},
                                                  (grus_gate_range){0, GATES, GATES}, &cell->weight_hh, error);
    if (!status)
        status = grus_cell_read_biases(cell, reading, prefix, suffix, &biases, error);
    return status ? status : grus_cell_add_biases(cell, reading, biases, error);
}

static bool lstm_scratch(const grus_cell *cell, size_t rows, grus_arena *arena, grus_cell_scratch *scratch)
{
    (void)rows;
    scratch->acc = grus_arena_alloc(arena, GATES * cell->kernel->tile * cell->kernel->units, sizeof *scratch->acc);
    return scratch->acc != NULL;
}

static uint64_t lstm_flops(const grus_cell *cell, size_t lanes, size_t rows)
{
    (void)rows;
    return grus_product_flops(lanes, cell->weight_hh, GATES * cell->hidden);
}

static void run_gates(const grus_cell *cell, const grus_cell_step *step, grus_cell_part part)
{
    grus_gates gates = grus_cell_gates(cell, step, part);
    cell->kernel->vector->lstm_gates(&gates);
}

// Hidden units of one group for one tile of lanes.
static void run_group(const grus_cell *cell, const grus_cell_step *step, size_t tile_number, size_t group)
{
    const grus_kernel *kernel = cell->kernel;
    size_t units = kernel->units, tile = kernel->tile, passes = grus_weights_passes(cell->weight_hh);
    size_t first = step->first_row[tile_number], last = step->first_row[tile_number + 1];
    grus_cell_multiply_inputs(cell, step, tile_number, group, (grus_gate_range){0, GATES, GATES});
    for (size_t pass = 0; pass < passes; pass++)
        for (size_t gate = 0; gate < GATES; gate++) {
            if (pass == 0)
                grus_cell_fetch_tabled(cell, step, last, GATES * group + gate);
            if (gate + 1 == GATES && pass + 1 == passes)
                grus_cell_fetch_rows(cell, step, first, grus_min(tile, last - first), group);
            grus_multiply(cell->weight_hh, step->panels, &(grus_block){GATES * group + gate, tile_number, pass}, 0,
                          step->scratch->acc + gate * tile * units, units);
        }
    for (; first < last; first += tile)
        run_gates(cell, step, (grus_cell_part){first, grus_min(tile, last - first), group});
}

static void lstm_run(const grus_cell *cell, const grus_cell_step *step)
{
    size_t block = grus_weights_block(cell->weight_hh, GATES) / GATES, tiles = step->n / cell->kernel->tile;
    GRUS_ASSERT(step->c_prev && step->c_new);
    for (size_t from = 0; from < cell->groups; from += block)
        for (size_t tile = 0; tile < tiles; tile++)
            for (size_t group = from; group < grus_min(cell->groups, from + block); group++)
                run_group(cell, step, tile, group);
}

const grus_cell_type grus_lstm = {
    .gates = GATES,
    .has_c = true,
    .read = read_lstm,
    .scratch = lstm_scratch,
    .run = lstm_run,
    .flops = lstm_flops,
};
