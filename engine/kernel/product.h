// product.h: rows of activations times packed weights, for any number of rows. The rows are given by pointers, in parts
// that are read as if they stood side by side, so that nothing is ever concatenated or gathered in memory.
#ifndef GRUS_ENGINE_KERNEL_PRODUCT_H
#define GRUS_ENGINE_KERNEL_PRODUCT_H

#include "base/memory.h"
#include "engine/kernel/weights.h"

// One part of the input: columns floats from each of rows[0..n).
typedef struct grus_part_rows {
    const float *const *rows;
    size_t columns;
} grus_part_rows;

// Rows packed into activation panels: (tiles, columns, kernel->tile), the lanes beyond n zero, a spare panel behind.
// Floats that n rows of columns need.
size_t grus_panels_floats(const grus_kernel *kernel, size_t n, size_t columns);
void grus_panels_pack(const grus_kernel *kernel, const grus_part_rows *parts, size_t n_parts, size_t n, float *panels);

// y[i] (ldy floats apart, weights->width written) = beta * y[i] + W x_i for the n rows packed in panels; rows up to the
// next multiple of kernel->tile are written too.
void grus_product(const grus_kernel *kernel, const grus_weights *weights, const float *panels, size_t n, float beta,
                  float *y, size_t ldy);

// Asks for floats that will soon be read to come into L2.
static inline void grus_fetch(const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += GRUS_ALIGN / sizeof *from)
        __builtin_prefetch(from + i, 0, 2);
}

// FLOPs of a product of n rows of whose width this many are wanted: a multiply-add counts as two.
static inline uint64_t grus_product_flops(size_t n, const grus_weights *weights, size_t wanted)
{
    return (uint64_t)2 * n * weights->in * wanted;
}

// n rounded up to whole tiles.
static inline size_t grus_whole_tiles(const grus_kernel *kernel, size_t n)
{
    return (n + kernel->tile - 1) / kernel->tile * kernel->tile;
}

#endif
