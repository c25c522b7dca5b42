// gru.c: nn.GRU's weights in gate order and its time step.
//
// A step multiplies, for a group of hidden units, their r, z and n rows of W_hh by a tile of lanes and runs the gates on
// the result while it is in L1. Weight groups are blocked so that they stay in L2 while every tile passes over them.
#include "config.h"

#include "engine/nn/gru.h"

#include <string.h>

#include "base/error.h"

#define GATES 3 // r, z, n

// b_ih, and b_hh on r and z; that of n is inside the reset.
static void order_biases(grus_cell *cell, grus_cell_biases from)
{
    size_t hidden = cell->hidden;
    memset(cell->bias, 0, cell->width * sizeof *cell->bias);
    memset(cell->bias_hn, 0, cell->width / GATES * sizeof *cell->bias_hn);
    for (size_t unit = 0; unit < hidden; unit++) {
        for (size_t gate = 0; gate < GATES; gate++)
            cell->bias[grus_gate_row(cell->kernel, GATES, gate, unit)] =
                from.ih[gate * hidden + unit] + (gate < 2 ? from.hh[gate * hidden + unit] : 0);
        cell->bias_hn[unit] = from.hh[2 * hidden + unit];
    }
}

static grus_status read_gru(grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                            grus_error *error)
{
    grus_cell_biases biases;
    grus_status status = grus_cell_read_recurrent(cell, reading, (grus_wanted){prefix, suffix, 0, 0},
                                                  (grus_gate_range){0, GATES, GATES}, &cell->weight_hh, error);
    if (!status)
        status = grus_cell_read_biases(cell, reading, prefix, suffix, &biases, error);
    if (status)
        return status;
    cell->bias = grus_arena_alloc(reading->arena, cell->width, sizeof *cell->bias);
    cell->bias_hn = grus_arena_alloc(reading->arena, cell->width / GATES, sizeof *cell->bias_hn);
    if (!cell->bias || !cell->bias_hn)
        return grus_fail_memory(error, cell->width * sizeof *cell->bias);
    order_biases(cell, biases);
    return GRUS_OK;
}

// The products of a group by a tile, and as much as one of them for the gates.
static bool gru_scratch(const grus_cell *cell, size_t rows, grus_arena *arena, grus_cell_scratch *scratch)
{
    (void)rows;
    size_t block = cell->kernel->tile * cell->kernel->units;
    scratch->acc = grus_arena_alloc(arena, (GATES + 1) * block, sizeof *scratch->acc);
    return scratch->acc != NULL;
}

static uint64_t gru_flops(const grus_cell *cell, size_t lanes, size_t rows)
{
    (void)rows;
    return grus_product_flops(lanes, cell->weight_hh, GATES * cell->hidden);
}

static void run_gates(const grus_cell *cell, const grus_cell_step *step, grus_cell_part part)
{
    size_t units = cell->kernel->units;
    grus_gates gates = grus_cell_gates(cell, step, part);
    gates.bias_hn = cell->bias_hn + part.group * units;
    gates.scratch = step->scratch->acc + GATES * cell->kernel->tile * units;
    cell->kernel->vector->gates(&gates);
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
            if (gate == 2 && pass + 1 == passes)
                grus_cell_fetch_rows(cell, step, first, grus_min(tile, last - first), group);
            grus_multiply(cell->weight_hh, step->panels, &(grus_block){GATES * group + gate, tile_number, pass}, 0,
                          step->scratch->acc + gate * tile * units, units);
        }
    for (; first < last; first += tile)
        run_gates(cell, step, (grus_cell_part){first, grus_min(tile, last - first), group});
}

static void gru_run(const grus_cell *cell, const grus_cell_step *step)
{
    size_t block = grus_weights_block(cell->weight_hh, GATES) / GATES, tiles = step->n / cell->kernel->tile;
    for (size_t from = 0; from < cell->groups; from += block)
        for (size_t tile = 0; tile < tiles; tile++)
            for (size_t group = from; group < grus_min(cell->groups, from + block); group++)
                run_group(cell, step, tile, group);
}

const grus_cell_type grus_gru = {
    .gates = GATES,
    .read = read_gru,
    .scratch = gru_scratch,
    .run = gru_run,
    .flops = gru_flops,
};
