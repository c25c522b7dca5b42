// float32.c: the layout of weights and panels of floats; float32.h.
#include "config.h"

#include "engine/kernel/float32.h"

#include <string.h>

#include "base/memory.h"

// Sums over k are cut into passes of this depth, in order, so that a tile of activations stays in the L1 cache while
// weight panels pass over it. A constant: the order of summation is the same for every batch.
#define DEPTH ((size_t)512)

// ---- weights: (groups, columns, units), rows beyond the last zero, one spare group behind ----

size_t grus_float32_group_bytes(const grus_kernel *kernel, const grus_parts *parts)
{
    return grus_mul_sat(kernel->units * sizeof(float), grus_parts_columns(parts));
}

size_t grus_float32_weights_bytes(const grus_kernel *kernel, size_t groups, const grus_parts *parts)
{
    return grus_mul_sat(grus_float32_group_bytes(kernel, parts), grus_add_sat(groups, 1));
}

void grus_float32_pack_weights(grus_matrix matrix, const grus_weights *weights)
{
    size_t units = weights->kernel->units, group_floats = units * matrix.columns;
    float *data = weights->data;
    size_t whole = matrix.rows / units * group_floats; // the groups behind are filled up with zeros
    memset(data + whole, 0, ((weights->groups + 1) * group_floats - whole) * sizeof *data);
    for (size_t row = 0; row < matrix.rows; row++) {
        float *to = data + row / units * group_floats + row % units;
        for (size_t k = 0; k < matrix.columns; k++)
            to[k * units] = matrix.data[row * matrix.ld + k];
    }
}

// ---- rows: (tiles, columns, tile), the lanes beyond the last zero, a spare tile behind ----

size_t grus_float32_panels_bytes(const grus_kernel *kernel, size_t n, size_t columns)
{
    return grus_mul_sat(grus_mul_sat(grus_whole_tiles(kernel, n) + kernel->tile, columns), sizeof(float));
}

// One lane behind the last row: no pointer to follow, zeros in the panel.
static void clear_lanes(float *panel, size_t tile, size_t from, size_t columns)
{
    for (size_t k = 0; k < columns; k++)
        for (size_t lane = from; lane < tile; lane++)
            panel[k * tile + lane] = 0;
}

void grus_float32_pack_rows(const grus_part_rows *parts, size_t n_parts, const grus_panels *panels)
{
    size_t tile = panels->kernel->tile, n = panels->n;
    float *panel = panels->data;
    for (size_t first = 0; first < n; first += tile) {
        size_t lanes = grus_min(tile, n - first);
        for (size_t part = 0; part < n_parts; part++) {
            const float *rows[GRUS_MAX_TILE];
            for (size_t lane = 0; lane < tile; lane++)
                rows[lane] = parts[part].rows[first + grus_min(lane, lanes - 1)];
            panels->kernel->vector->pack(tile, parts[part].columns, rows, panel);
            clear_lanes(panel, tile, lanes, parts[part].columns);
            panel += parts[part].columns * tile;
        }
    }
}

// ---- blocks ----

size_t grus_float32_passes(const grus_weights *weights)
{
    return grus_div_up(weights->in, DEPTH);
}

grus_float32_block grus_float32_find(const grus_weights *weights, const grus_panels *panels, const grus_block *block)
{
    size_t in = weights->in, first = block->pass * DEPTH;
    return (grus_float32_block){
        .weights = (const float *)weights->data + (block->group * in + first) * weights->kernel->units,
        .rows = (const float *)panels->data + (block->tile * in + first) * weights->kernel->tile,
        .depth = grus_min(DEPTH, in - first)};
}
