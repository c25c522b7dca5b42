// case_kernel.c: the bare micro-kernel, and the product over packed rows.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bench/case.h"
#include "bench/rates.h"
#include "engine/kernel/choose.h"
#include "engine/kernel/product.h"

#define WEIGHT_BYTES ((size_t)256 << 10) // with the tiles well inside any L2
#define TILES 8

static void run_kernel(void *state)
{
    bench_panels_pass(state);
}

static void free_kernel(void *state)
{
    bench_panels_free(state);
}

bool bench_make_kernel(const bench_parameters *p, bench_case *made, const char **why)
{
    const grus_kernel *kernel;
    *why = "no kernel, or no memory";
    bench_panels *panels = NULL;
    if (grus_kernel_get(bench_compute(p), &kernel, NULL) == GRUS_OK)
        panels = bench_panels_new(kernel, p->hidden, WEIGHT_BYTES, TILES * kernel->tile);
    if (!panels)
        return false;
    double flops = bench_panels_pass(panels);
    *made = (bench_case){BENCH_FLOPS, flops,      (double)(TILES * kernel->tile), "rows", -1, 1, panels,
                         run_kernel,  free_kernel};
    return true;
}

// ---- the product ----

#define ROWS 384

typedef struct product {
    const grus_kernel *kernel;
    grus_arena *arena;
    grus_weights *weights;
    grus_panels *panels;
    float *y;
} product;

static void run_product(void *state)
{
    product *p = state;
    grus_product(p->weights, p->panels, 0, p->y, grus_weights_width(p->weights));
}

static void free_product(void *state)
{
    product *p = state;
    grus_arena_free(p->arena);
    free(p);
}

// ROWS rows of zeros, packed, and room for their products.
static bool fill_product(product *p, size_t hidden)
{
    float *dense = grus_arena_alloc(p->arena, 3 * hidden * hidden, sizeof *dense);
    const float **rows = grus_arena_alloc(p->arena, ROWS, sizeof *rows);
    if (!dense || !rows)
        return false;
    memset(dense, 0, 3 * hidden * hidden * sizeof *dense);
    if (grus_weights_pack(p->kernel, p->arena, grus_dense(dense, 3 * hidden, hidden), &p->weights, NULL) != GRUS_OK)
        return false;
    p->panels = grus_panels_new(p->kernel, p->arena, ROWS, hidden);
    p->y = grus_arena_alloc(p->arena, grus_whole_tiles(p->kernel, ROWS) * grus_weights_width(p->weights), sizeof *p->y);
    if (!p->panels || !p->y)
        return false;
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = dense;
    grus_panels_pack(p->panels, &(grus_part_rows){rows, hidden, false}, 1, ROWS);
    return true;
}

// Rows by 3H rows of weights of H columns: the input product of a layer of a GRU.
bool bench_make_product(const bench_parameters *parameters, bench_case *made, const char **why)
{
    size_t hidden = parameters->hidden;
    product *p = calloc(1, sizeof *p);
    *why = "no kernel, or no memory";
    if (!p || grus_kernel_get(bench_compute(parameters), &p->kernel, NULL) != GRUS_OK ||
        !(p->arena = grus_arena_new(0)) || !fill_product(p, hidden)) {
        if (p)
            free_product(p);
        return false;
    }
    *made = (bench_case){BENCH_FLOPS, 2.0 * ROWS * 3.0 * (double)(hidden * hidden), ROWS, "rows", -1, 1, p, run_product,
                         free_product};
    return true;
}
