// kernel.h: what this process multiplies with: a number type's kernel, how many lanes and units it computes together,
// and the vector functions that go with it. How its numbers lie in memory is known to engine/kernel alone (product.h is
// the door).
#ifndef GRUS_ENGINE_KERNEL_KERNEL_H
#define GRUS_ENGINE_KERNEL_KERNEL_H

#include "engine/kernel/vector.h"
#include "grus.h"

typedef struct grus_kernel {
    const struct grus_number_type *type; // of weights and activations: a row of the table in kernel.c
    size_t tile;                         // lanes (rows of activations) computed together, at most GRUS_MAX_TILE
    size_t units;                        // units (rows of a weight matrix) computed together: a group
    const char *name;
    const grus_vector *vector;
} grus_kernel;

#define GRUS_MAX_TILE 64

// The kernel of this process, chosen once by CPUID and XGETBV unless BLIS_ARCH_TYPE is set. GRUS_E_USAGE where that
// names a kernel that is unknown or that the CPU cannot run.
grus_status grus_kernel_get(const grus_kernel **kernel, grus_error *error);

// n rounded up to whole tiles.
static inline size_t grus_whole_tiles(const grus_kernel *kernel, size_t n)
{
    return (n + kernel->tile - 1) / kernel->tile * kernel->tile;
}

#endif
