// gru_before.c: a time step of two products, since r * h can be multiplied only when all of r is known.
//
// First the r and z rows of W_hh by a tile of lanes, with r * h of every row behind them while the products are in L1; then
// W_hn by a tile of rows, with the new states behind it. Rows of one lane share the first product, not the second: each
// has its own r.
#include "config.h"

#include "engine/nn/gru_before.h"

#include "base/assert.h"

#define GATES 3 // r, z, n
#define EARLY 2 // of them, multiplied with the state itself

static grus_status read_before(grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                               grus_error *error)
{
    grus_cell_biases biases;
    grus_wanted wanted = {prefix, suffix, 0, 0};
    grus_status status =
        grus_cell_read_recurrent(cell, reading, wanted, (grus_gate_range){0, EARLY, GATES}, &cell->weight_hh, error);
    if (!status)
        status = grus_cell_read_recurrent(cell, reading, wanted, (grus_gate_range){EARLY, 1, GATES}, &cell->weight_hn,
                                          error);
    if (!status)
        status = grus_cell_read_biases(cell, reading, prefix, suffix, &biases, error);
    return status ? status : grus_cell_add_biases(cell, reading, biases, error);
}

static bool before_scratch(const grus_cell *cell, size_t rows, grus_arena *arena, grus_cell_scratch *scratch)
{
    const grus_kernel *kernel = cell->kernel;
    size_t floats = grus_mul_sat(rows, cell->hidden);
    scratch->acc = grus_arena_alloc(arena, EARLY * kernel->tile * kernel->units, sizeof *scratch->acc);
    scratch->reset = grus_arena_alloc(arena, floats, sizeof *scratch->reset);
    scratch->update = grus_arena_alloc(arena, floats, sizeof *scratch->update);
    scratch->rows = grus_arena_alloc(arena, rows, sizeof *scratch->rows);
    scratch->panels = grus_panels_new(kernel, arena, rows, cell->hidden);
    return scratch->acc && scratch->reset && scratch->update && scratch->rows && scratch->panels;
}

static uint64_t before_flops(const grus_cell *cell, size_t lanes, size_t rows)
{
    return grus_product_flops(lanes, cell->weight_hh, EARLY * cell->hidden) +
           grus_product_flops(rows, cell->weight_hn, cell->hidden);
}

// One half of the gates of a part.
static void run_gates(const grus_cell *cell, const grus_cell_step *step, grus_cell_part part,
                      void half(const grus_gates *gates))
{
    grus_gates gates = grus_cell_gates(cell, step, part);
    gates.ld = cell->hidden;
    gates.reset = step->scratch->reset + part.first * gates.ld;
    gates.update = step->scratch->update + part.first * gates.ld;
    half(&gates);
}

// r and z of one group of hidden units for one tile of lanes, and r * h of their rows.
static void reset_group(const grus_cell *cell, const grus_cell_step *step, size_t tile_number, size_t group)
{
    const grus_kernel *kernel = cell->kernel;
    size_t units = kernel->units, tile = kernel->tile, passes = grus_weights_passes(cell->weight_hh);
    size_t first = step->first_row[tile_number], last = step->first_row[tile_number + 1];
    grus_cell_multiply_inputs(cell, step, tile_number, group, (grus_gate_range){0, EARLY, GATES});
    for (size_t pass = 0; pass < passes; pass++)
        for (size_t gate = 0; gate < EARLY; gate++) {
            if (pass == 0)
                grus_cell_fetch_tabled(cell, step, last, GATES * group + gate);
            if (gate + 1 == EARLY && pass + 1 == passes)
                grus_cell_fetch_rows(cell, step, first, grus_min(tile, last - first), group);
            grus_multiply(cell->weight_hh, step->panels, &(grus_block){EARLY * group + gate, tile_number, pass}, 0,
                          step->scratch->acc + gate * tile * units, units);
        }
    for (; first < last; first += tile)
        run_gates(cell, step, (grus_cell_part){first, grus_min(tile, last - first), group},
                  kernel->vector->reset_gates);
}

// The new states of a part whose rows begin a tile.
static void update_part(const grus_cell *cell, const grus_cell_step *step, grus_cell_part part)
{
    const grus_kernel *kernel = cell->kernel;
    size_t passes = grus_weights_passes(cell->weight_hn), tile = part.first / kernel->tile;
    GRUS_ASSERT(part.first % kernel->tile == 0);
    grus_cell_multiply_inputs(cell, step, tile, part.group, (grus_gate_range){EARLY, 1, GATES});
    for (size_t pass = 0; pass < passes; pass++) {
        if (pass + 1 == passes)
            grus_cell_fetch_rows(cell, step, part.first, part.n, part.group);
        grus_multiply(cell->weight_hn, step->scratch->panels, &(grus_block){part.group, tile, pass}, 0,
                      step->scratch->acc, kernel->units);
    }
    run_gates(cell, step, part, kernel->vector->update_gates);
}

static void before_run(const grus_cell *cell, const grus_cell_step *step)
{
    const grus_cell_scratch *scratch = step->scratch;
    size_t tile = cell->kernel->tile, tiles = step->n / tile, rows = step->first_row[tiles];
    size_t block = grus_weights_block(cell->weight_hh, EARLY) / EARLY;
    for (size_t from = 0; from < cell->groups; from += block)
        for (size_t i = 0; i < tiles; i++)
            for (size_t group = from; group < grus_min(cell->groups, from + block); group++)
                reset_group(cell, step, i, group);
    for (size_t row = 0; row < rows; row++)
        scratch->rows[row] = scratch->reset + row * cell->hidden;
    grus_panels_pack(scratch->panels, &(grus_part_rows){scratch->rows, cell->hidden, cell->bounded}, 1, rows);
    block = grus_weights_block(cell->weight_hn, 1);
    for (size_t from = 0; from < cell->groups; from += block)
        for (size_t first = 0; first < rows; first += tile)
            for (size_t group = from; group < grus_min(cell->groups, from + block); group++)
                update_part(cell, step, (grus_cell_part){first, grus_min(tile, rows - first), group});
}

const grus_cell_type grus_gru_before = {
    .gates = GATES,
    .read = read_before,
    .scratch = before_scratch,
    .run = before_run,
    .flops = before_flops,
};
