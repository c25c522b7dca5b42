// float32.h: how floats lie in weights and panels, for every micro-kernel that multiplies them. Included by these alone.
//
// Each sum is one chain of fused multiply-adds over the columns, from 0 or from what y holds, cut into passes of 512
// columns that are added in order: BLIS's skx, haswell, zen and ARMv8 kernels and portable.c agree to the last bit.
#ifndef GRUS_ENGINE_KERNEL_FLOAT32_H
#define GRUS_ENGINE_KERNEL_FLOAT32_H

#include "engine/kernel/number_type.h"

// The functions of a number type (number_type.h) but for its multiply, and the row that they make with one.
size_t grus_float32_group_bytes(const grus_kernel *kernel, const grus_parts *parts);
size_t grus_float32_weights_bytes(const grus_kernel *kernel, size_t groups, const grus_parts *parts);
void grus_float32_pack_weights(grus_matrix matrix, const grus_weights *weights);
size_t grus_float32_panels_bytes(const grus_kernel *kernel, size_t n, size_t columns);
void grus_float32_pack_rows(const grus_part_rows *parts, size_t n_parts, const grus_panels *panels);
size_t grus_float32_passes(const grus_weights *weights);
#define GRUS_FLOAT32_TYPE(multiply_)                                                                             \
    {                                                                                                            \
        .name = "float32", .group_bytes = grus_float32_group_bytes, .weights_bytes = grus_float32_weights_bytes, \
        .pack_weights = grus_float32_pack_weights, .panels_bytes = grus_float32_panels_bytes,                    \
        .pack_rows = grus_float32_pack_rows, .passes = grus_float32_passes, .multiply = multiply_,               \
    }

// Where the numbers of a block lie.
typedef struct grus_float32_block {
    const float *weights; // (depth, units)
    const float *rows;    // (depth, tile)
    size_t depth;
} grus_float32_block;
grus_float32_block grus_float32_find(const grus_weights *weights, const grus_panels *panels, const grus_block *block);

#endif
