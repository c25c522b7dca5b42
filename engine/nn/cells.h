// cells.h: the table of cells, and what an encoder or a decoder asks of one. A new cell is its own file and a row here.
#ifndef GRUS_ENGINE_NN_CELLS_H
#define GRUS_ENGINE_NN_CELLS_H

#include "engine/nn/cell.h"

// Whether a cell has a bias. If any of a stack has, all must have both, as PyTorch's modules do.
bool grus_cell_has_bias(const grus_tensors *tensors, const char *prefix, const char *suffix);

// Reads <prefix>.weight_ih_<suffix> and its companions; cell->config, input, hidden and biased are set, parts are those of
// the input.
grus_status grus_cell_read(grus_cell *cell, grus_reading *reading, const char *prefix, const char *suffix,
                           const grus_linear_parts *parts, grus_error *error);

// Lists in arena what steps of so many rows of cells of this type and size take; false when it has none left.
bool grus_cell_scratch_list(const grus_cell *cell, size_t rows, grus_arena *arena, grus_cell_scratch *scratch);

void grus_cell_run(const grus_cell *cell, const grus_cell_step *step);

// FLOPs of a step, without its inputs'.
uint64_t grus_cell_step_flops(const grus_cell *cell, size_t lanes, size_t rows);
// Of a sequence's rows, each a lane of its own, what is tabled left out.
uint64_t grus_cell_flops(const grus_cell *cell, size_t rows);

// Floats of an input product that are wanted, without what fills up groups.
size_t grus_cell_wanted(const grus_cell *cell);

#endif
