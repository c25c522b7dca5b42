// cells.c: the table of cells.
#include "config.h"

#include "engine/nn/cells.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/nn/gru.h"
#include "engine/nn/gru_before.h"
#include "engine/nn/lstm.h"

#define NARROW_BYTES ((size_t)640 << 10) // of weights, beside which a step's panels find room in the L2 cache

static const grus_cell_type *const types[][2] = {
    [GRUS_CELL_GRU] = {[GRUS_RESET_AFTER] = &grus_gru, [GRUS_RESET_BEFORE] = &grus_gru_before},
    [GRUS_CELL_LSTM] = {[GRUS_RESET_AFTER] = &grus_lstm},
};

bool grus_cell_has_bias(const grus_tensors *tensors, const char *prefix, const char *suffix)
{
    char ih[64], hh[64];
    snprintf(ih, sizeof ih, "bias_ih_%s", suffix);
    snprintf(hh, sizeof hh, "bias_hh_%s", suffix);
    return grus_has_tensor(tensors, prefix, ih) || grus_has_tensor(tensors, prefix, hh);
}

grus_status grus_cell_read(grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                           const grus_linear_parts *parts, grus_error *error)
{
    const grus_kernel *kernel = reading->kernel;
    cell->type = types[cell->config.kind][cell->config.reset];
    cell->kernel = cell->ih.kernel = kernel;
    size_t gates = cell->type->gates, hidden = cell->hidden;
    cell->groups = grus_div_up(hidden, kernel->units);
    cell->width = gates * cell->groups * kernel->units;
    grus_matrix ih;
    char name[64];
    snprintf(name, sizeof name, "weight_ih_%s", suffix);
    grus_status status = grus_read_gates(reading, (grus_wanted){prefix, name, gates * hidden, cell->input},
                                         (grus_gate_range){0, gates, gates}, &ih, error);
    if (!status)
        status = grus_linear_make(&cell->ih, reading->arena, ih, parts, error);
    grus_matrix_drop(&ih);
    if (!status)
        status = cell->type->read(cell, reading, prefix, suffix, error);
    if (!status)
        cell->narrow = grus_weights_bytes(cell->ih.rest) + grus_weights_bytes(cell->weight_hh) +
                           grus_weights_bytes(cell->weight_hn) <=
                       NARROW_BYTES;
    return status;
}

bool grus_cell_scratch_list(const grus_cell *cell, size_t rows, grus_arena *arena, grus_cell_scratch *scratch)
{
    size_t tile = cell->kernel->tile, row = cell->type->gates * cell->kernel->units;
    scratch->gi = grus_arena_alloc(arena, tile * row, sizeof *scratch->gi);
    scratch->gi_rows = grus_arena_alloc(arena, tile, sizeof *scratch->gi_rows);
    if (!scratch->gi || !scratch->gi_rows || !cell->type->scratch(cell, rows, arena, scratch))
        return false;
    for (size_t i = 0; i < tile && !grus_arena_counts(arena); i++)
        scratch->gi_rows[i] = scratch->gi + i * row;
    return true;
}

void grus_cell_run(const grus_cell *cell, const grus_cell_step *step)
{
    GRUS_ASSERT(step->n % cell->kernel->tile == 0);
    cell->type->run(cell, step);
}

size_t grus_cell_wanted(const grus_cell *cell)
{
    return cell->type->gates * cell->hidden;
}

uint64_t grus_cell_step_flops(const grus_cell *cell, size_t lanes, size_t rows)
{
    return cell->type->flops(cell, lanes, rows);
}

uint64_t grus_cell_flops(const grus_cell *cell, size_t rows)
{
    return grus_product_flops(rows, cell->ih.rest, grus_cell_wanted(cell)) + grus_cell_step_flops(cell, rows, rows);
}
