// cell.c: what the kinds of cells share: reading by names, and the input products that a step makes.
#include "config.h"

#include "engine/nn/cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

grus_status grus_cell_read_recurrent(const grus_cell *cell, grus_reading *reading, grus_wanted wanted,
                                     grus_gate_range gates, grus_weights **weights, grus_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "weight_hh_%s", wanted.suffix);
    grus_matrix matrix;
    grus_status status = grus_read_gates(
        reading, (grus_wanted){wanted.prefix, name, gates.of * cell->hidden, cell->hidden}, gates, &matrix, error);
    if (!status)
        status = grus_weights_pack(cell->kernel, reading->arena, matrix, weights, error);
    grus_matrix_drop(&matrix);
    return status;
}

grus_status grus_cell_read_biases(const grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                                  grus_cell_biases *biases, grus_error *error)
{
    char name[64];
    size_t rows = cell->type->gates * cell->hidden;
    snprintf(name, sizeof name, "bias_ih_%s", suffix);
    grus_status (*read)(grus_reading *, grus_wanted, float **, grus_error *) =
        cell->biased ? grus_read_tensor : grus_read_optional;
    grus_status status = read(reading, (grus_wanted){prefix, name, rows, 0}, &biases->ih, error);
    snprintf(name, sizeof name, "bias_hh_%s", suffix);
    if (!status)
        status = read(reading, (grus_wanted){prefix, name, rows, 0}, &biases->hh, error);
    return status;
}

grus_status grus_cell_add_biases(grus_cell *cell, grus_reading *reading, grus_cell_biases biases, grus_error *error)
{
    size_t gates = cell->type->gates, hidden = cell->hidden;
    cell->bias = grus_arena_alloc(reading->arena, cell->width, sizeof *cell->bias);
    if (!cell->bias)
        return grus_fail_memory(error, cell->width * sizeof *cell->bias);
    memset(cell->bias, 0, cell->width * sizeof *cell->bias);
    for (size_t i = 0; i < gates * hidden; i++)
        cell->bias[grus_gate_row(cell->kernel, gates, i / hidden, i % hidden)] = biases.ih[i] + biases.hh[i];
    return GRUS_OK;
}

void grus_cell_multiply_inputs(const grus_cell *cell, const grus_cell_step *step, size_t tile, size_t group,
                               grus_gate_range gates)
{
    if (step->gi)
        return;
    size_t units = cell->kernel->units, passes = grus_weights_passes(cell->ih.rest);
    for (size_t pass = 0; pass < passes; pass++)
        for (size_t gate = gates.first; gate < gates.first + gates.n; gate++)
            grus_multiply(cell->ih.rest, step->inputs,
                          &(grus_block){gates.of * group + gate, step->first_input + tile, pass}, 0,
                          step->scratch->gi + gate * units, gates.of * units);
}
