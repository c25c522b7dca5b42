// kernel.h: what this process multiplies with: a number type's kernel, how many lanes and units it computes together,
// and the vector functions that go with it. How its numbers lie in memory is known to engine/kernel alone (product.h is
// the door).
#ifndef GRUS_ENGINE_KERNEL_KERNEL_H
#define GRUS_ENGINE_KERNEL_KERNEL_H

#include "base/memory.h"
#include "engine/kernel/vector.h"
#include "grus.h"

typedef struct grus_kernel {
    const struct grus_number_type *type; // of weights and activations: a row of the table in choose.c
    size_t tile;                         // lanes (rows of activations) computed together, at most GRUS_MAX_TILE
    size_t units;                        // units (rows of a weight matrix) computed together: a group
    const char *name;
    const grus_vector *vector;
} grus_kernel;

#define GRUS_MAX_TILE 64

typedef struct grus_weights grus_weights; // a matrix (out, in), packed
typedef struct grus_panels grus_panels;   // rows of activations, packed

// The parts that a row of activations is given in, side by side; n is 0 where it is one whole.
typedef struct grus_parts {
    size_t n, columns[GRUS_MAX_PARTS];
} grus_parts;

// SIZE_MAX where it overflows.
static inline size_t grus_parts_columns(const grus_parts *parts)
{
    size_t columns = 0;
    for (size_t i = 0; i < parts->n; i++)
        columns = grus_add_sat(columns, parts->columns[i]);
    return columns;
}

// A dense matrix in memory, the unit of packing: rows row-major, ld floats apart. Of types whose numbers have scales:
// those of the rows (NULL: what the rows themselves give), and the parts of the activations that it will be multiplied
// with, which have scales of their own.
typedef struct grus_matrix {
    const float *data;
    size_t rows, columns, ld;
    const float *scales; // (rows)
    grus_parts parts;
} grus_matrix;

// Of rows that lie side by side.
static inline grus_matrix grus_dense(const float *data, size_t rows, size_t columns)
{
    return (grus_matrix){.data = data, .rows = rows, .columns = columns, .ld = columns};
}

// One part of the input: columns floats from each of n rows.
typedef struct grus_part_rows {
    const float *const *rows;
    size_t columns;
    bool bounded; // all of them lie in [-1, 1], by what they are
} grus_part_rows;

// A row of activations in the numbers of the kernel's type, which was rounded once to be packed several times.
typedef struct grus_rounded_row {
    const char *numbers; // NULL: zeros
    float scale;
} grus_rounded_row;

// One group of units by one tile of lanes, of whose sums one pass over the columns is made.
typedef struct grus_block {
    size_t group, tile, pass;
} grus_block;

// n rounded up to whole tiles.
static inline size_t grus_whole_tiles(const grus_kernel *kernel, size_t n)
{
    return (n + kernel->tile - 1) / kernel->tile * kernel->tile;
}

#endif
