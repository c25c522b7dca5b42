// kernel.h: BLIS's single-precision micro-kernel, and the product on panels packed by parse.c.
//
// Weights and activations are panels, k-major: a weight panel is (k, panel), an activation panel (k, tile). One call
// makes a tile of lanes by a panel of units, always of full width, in one order of k: that is why no result depends on
// its batch. Choosing instruction sets for everything else (vector.h) follows the kernel chosen here.
#ifndef GRUS_ENGINE_KERNEL_KERNEL_H
#define GRUS_ENGINE_KERNEL_KERNEL_H

#include "engine/kernel/vector.h"
#include "grus.h"

typedef struct grus_kernel {
    size_t panel;      // units (rows of a weight matrix) of a panel
    size_t tile;       // lanes of a tile
    bool weights_as_a; // the micro-kernel prefers columns: weights are its A, activations its B
    const char *name;
    const grus_vector *vector;
    const void *context; // BLIS's
    void (*gemm)(void);  // BLIS's micro-kernel, cast back where it is called
} grus_kernel;

// The kernel of this process, chosen once by CPUID and XGETBV unless BLIS_ARCH_TYPE is set. GRUS_E_USAGE where that
// names a kernel that is unknown or that the CPU cannot run.
grus_status grus_kernel_get(const grus_kernel **kernel, grus_error *error);

// Sums over k are cut into blocks of this depth, in order, so that a tile of activations stays in the L1 cache while
// weight panels pass over it. A constant: the order of summation is the same for every batch.
#define GRUS_KERNEL_DEPTH ((size_t)512)

#define GRUS_MAX_TILE 64                            // lanes of a tile, at most
#define GRUS_WEIGHT_BLOCK_BYTES ((size_t)384 << 10) // weights that stay in L2 while all tiles pass over them

// c[lane * ldc + unit] = beta * c + sum over k of x[k * tile + lane] * w[k * panel + unit]; beta is 0 or 1.
// c is (tile, ldc) of which (tile, panel) is written.
void grus_kernel_run(const grus_kernel *kernel, size_t k, const float *w, const float *x, float beta, float *c,
                     size_t ldc);

#endif
