// kernel.h: what this process multiplies with: a number type's kernel, how many lanes and units it computes together,
// and the vector functions that go with it. How its numbers lie in memory is known to engine/kernel alone (product.h is
// the door).
#ifndef GRUS_ENGINE_KERNEL_KERNEL_H
#define GRUS_ENGINE_KERNEL_KERNEL_H

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

// A dense matrix in memory, the unit of packing: rows row-major, ld floats apart.
typedef struct grus_matrix {
    const float *data;
    size_t rows, columns, ld;
} grus_matrix;

// One part of the input: columns floats from each of n rows.
typedef struct grus_part_rows {
    const float *const *rows;
    size_t columns;
} grus_part_rows;

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
