// product.c: weights and panels of any number type, and products blocked so that weights stay in the L2 cache.
#include "config.h"

#include "engine/kernel/product.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/kernel/number_type.h"

#define WEIGHT_BLOCK_BYTES ((size_t)384 << 10) // weights that stay in L2 while all tiles pass over them

grus_status grus_weights_pack(const grus_kernel *kernel, grus_arena *arena, grus_matrix matrix, grus_weights **weights,
                              grus_error *error)
{
    if (matrix.parts.n == 0)
        matrix.parts = (grus_parts){1, {matrix.columns}};
    GRUS_ASSERT(grus_parts_columns(&matrix.parts) == matrix.columns);
    size_t groups = grus_div_up(matrix.rows, kernel->units);
    size_t bytes = kernel->type->weights_bytes(kernel, groups, &matrix.parts);
    grus_weights *packed = grus_arena_alloc(arena, 1, sizeof *packed);
    void *data = grus_arena_alloc(arena, bytes, 1);
    if (!packed || !data)
        return grus_fail_memory(error, bytes);
    *packed = (grus_weights){kernel, matrix.rows, matrix.columns, groups, matrix.parts, data};
    kernel->type->pack_weights(matrix, packed);
    *weights = packed;
    return GRUS_OK;
}

size_t grus_weights_in(const grus_weights *weights)
{
    return weights ? weights->in : 0;
}

size_t grus_weights_out(const grus_weights *weights)
{
    return weights ? weights->out : 0;
}

size_t grus_weights_width(const grus_weights *weights)
{
    return weights ? weights->groups * weights->kernel->units : 0;
}

size_t grus_weights_groups(const grus_weights *weights)
{
    return weights ? weights->groups : 0;
}

size_t grus_weights_bytes(const grus_weights *weights)
{
    return weights ? weights->kernel->type->weights_bytes(weights->kernel, weights->groups, &weights->parts) : 0;
}

size_t grus_weights_block(const grus_weights *weights, size_t of)
{
    size_t groups =
        WEIGHT_BLOCK_BYTES / grus_max(1, weights->kernel->type->group_bytes(weights->kernel, &weights->parts));
    return grus_max(of, groups / of * of);
}

size_t grus_weights_passes(const grus_weights *weights)
{
    return weights->kernel->type->passes(weights);
}

uint64_t grus_product_flops(size_t n, const grus_weights *weights, size_t wanted)
{
    return weights ? (uint64_t)2 * n * weights->in * wanted : 0;
}

grus_panels *grus_panels_new(const grus_kernel *kernel, grus_arena *arena, size_t n, size_t columns)
{
    size_t bytes = kernel->type->panels_bytes(kernel, n, columns);
    grus_panels *panels = grus_arena_alloc(arena, 1, sizeof *panels);
    void *data = grus_arena_alloc(arena, bytes, 1);
    if (!panels || !data)
        return NULL;
    if (!grus_arena_counts(arena))
        *panels = (grus_panels){.kernel = kernel, .bytes = bytes, .data = data};
    return panels;
}

void grus_panels_pack(grus_panels *panels, const grus_part_rows *parts, size_t n_parts, size_t n)
{
    const grus_kernel *kernel = panels->kernel;
    panels->n = n;
    panels->columns = 0;
    for (size_t part = 0; part < n_parts; part++)
        panels->columns += parts[part].columns;
    GRUS_ASSERT(kernel->type->panels_bytes(kernel, n, panels->columns) <= panels->bytes);
    kernel->type->pack_rows(parts, n_parts, panels);
}

size_t grus_rounded_bytes(const grus_kernel *kernel)
{
    return kernel->type->rounded_bytes ? kernel->type->rounded_bytes(kernel) : 0;
}

float grus_round_row(const grus_kernel *kernel, const float *row, size_t n, bool bounded, char *to)
{
    GRUS_ASSERT(kernel->type->round_row);
    return kernel->type->round_row(kernel, row, n, bounded, to);
}

void grus_panels_pack_rounded(grus_panels *panels, const grus_rounded_row *rows, size_t columns, bool bounded, size_t n)
{
    const grus_kernel *kernel = panels->kernel;
    panels->n = n;
    panels->columns = columns;
    GRUS_ASSERT(kernel->type->pack_rounded && kernel->type->panels_bytes(kernel, n, columns) <= panels->bytes);
    kernel->type->pack_rounded(rows, bounded, panels);
}

void grus_multiply(const grus_weights *weights, const grus_panels *panels, const grus_block *block, float beta,
                   float *y, size_t ldy)
{
    GRUS_ASSERT(weights->in == panels->columns && block->group < weights->groups);
    GRUS_ASSERT(block->tile * panels->kernel->tile < panels->n);
    weights->kernel->type->multiply(weights, panels, block, beta, y, ldy);
}

void grus_product_tile(const grus_weights *weights, const grus_panels *panels, grus_part_groups part, float beta,
                       float *y, size_t ldy)
{
    const grus_number_type *type = weights->kernel->type;
    size_t units = weights->kernel->units, passes = type->passes(weights);
    GRUS_ASSERT(weights->in == panels->columns && part.to <= weights->groups);
    for (size_t pass = 0; pass < passes; pass++)
        for (size_t group = part.from; group < part.to; group++)
            type->multiply(weights, panels, &(grus_block){group, part.tile, pass}, beta,
                           y + (group - part.from) * units, ldy);
}

void grus_product(const grus_weights *weights, const grus_panels *panels, float beta, float *y, size_t ldy)
{
    size_t units = weights->kernel->units, rows = weights->kernel->tile, block = grus_weights_block(weights, 1);
    size_t tiles = grus_div_up(panels->n, rows);
    for (size_t from = 0; from < weights->groups; from += block) {
        size_t to = grus_min(weights->groups, from + block);
        for (size_t tile = 0; tile < tiles; tile++)
            grus_product_tile(weights, panels, (grus_part_groups){tile, from, to}, beta,
                              y + tile * rows * ldy + from * units, ldy);
    }
}

void grus_kernel_leave(const grus_kernel *kernel)
{
    if (kernel->type->leave)
        kernel->type->leave();
}
