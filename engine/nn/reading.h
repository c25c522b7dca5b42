// reading.h: matrices and vectors of a model, read by name with their shapes checked. Knows names and shapes; what they
// mean, and in what order a cell wants its gates, is the caller's; how they are packed, engine/kernel's.
#ifndef GRUS_ENGINE_NN_READING_H
#define GRUS_ENGINE_NN_READING_H

#include "base/arena.h"
#include "base/tensor.h"
#include "engine/kernel/product.h"

// A model being read. What is read lies side by side in the arena, on as few pages as can be, since every step of a run
// walks through it; there it stays until the arena goes, whose owner the reader is.
typedef struct grus_reading {
    const grus_kernel *kernel;
    const grus_tensors *tensors;
    grus_arena *arena;
    size_t parameters; // read so far
    bool scaled;       // matrices are rounded to multiples of their rows' scales, and those that are packed have these
} grus_reading;

// Tensor prefix.suffix of exactly this shape; columns 0: a vector.
typedef struct grus_wanted {
    const char *prefix, *suffix;
    size_t rows, columns;
} grus_wanted;

bool grus_has_tensor(const grus_tensors *tensors, const char *prefix, const char *suffix);

// GRUS_E_MODEL names the tensor, what was expected and what was found; GRUS_E_MEMORY.
grus_status grus_read_tensor(grus_reading *reading, grus_wanted wanted, float **data, grus_error *error);
// The same, with `more` rows of zeros behind the tensor's.
grus_status grus_read_tensor_and(grus_reading *reading, grus_wanted wanted, size_t more, float **data,
                                 grus_error *error);
// The same as grus_read_tensor, but zeros where the tensor is absent.
grus_status grus_read_optional(grus_reading *reading, grus_wanted wanted, float **data, grus_error *error);
// A matrix that is packed and then no longer needed: what it points to is freed by grus_matrix_drop, of an empty one
// nothing. Its parts are the caller's to set.
grus_status grus_read_matrix(grus_reading *reading, grus_wanted wanted, grus_matrix *matrix, grus_error *error);
void grus_matrix_drop(grus_matrix *matrix);
// A tensor of exactly [rows, columns, taps] as a matrix of rows in which taps lie side by side, each of all columns.
grus_status grus_read_taps(grus_reading *reading, grus_wanted wanted, size_t taps, grus_matrix *matrix,
                           grus_error *error);
// The matrix of grus_read_matrix, packed: for activations in these parts, NULL where they are one whole.
grus_status grus_read_weights(grus_reading *reading, grus_wanted wanted, const grus_parts *parts,
                              grus_weights **weights, grus_error *error);
// The scales of a matrix whose floats grus_read_tensor gave, in the arena; NULL where the reading has none.
grus_status grus_read_scales(grus_reading *reading, grus_wanted wanted, const float **scales, grus_error *error);

// Gates [first, first + n) of a tensor that holds `of` gates of as many rows each, one after the other.
typedef struct grus_gate_range {
    size_t first, n, of;
} grus_gate_range;

// Reads gates of a tensor in the order of products: its units become groups of kernel->units, in a group first the rows
// of one gate, then those of the next; the last group filled up with zeros. matrix is (n * groups * units, columns),
// freed by grus_matrix_drop.
grus_status grus_read_gates(grus_reading *reading, grus_wanted wanted, grus_gate_range gates, grus_matrix *matrix,
                            grus_error *error);

// Index in that order of unit's row of a gate, 0 being the first of n.
static inline size_t grus_gate_row(const grus_kernel *kernel, size_t n, size_t gate, size_t unit)
{
    return (unit / kernel->units * n + gate) * kernel->units + unit % kernel->units;
}

#endif
