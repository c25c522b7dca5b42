// product.c: packing activation panels and multiplying them, blocked so that weight panels stay in the L2 cache.
#include "config.h"

#include "engine/kernel/product.h"

#include <string.h>

#include "base/memory.h"

size_t grus_panels_floats(const grus_kernel *kernel, size_t n, size_t columns)
{
    size_t floats = (grus_whole_tiles(kernel, n) + kernel->tile) * columns;
    return grus_div_up(floats, GRUS_ALIGN) * GRUS_ALIGN;
}

// One lane behind the last row: no pointer to follow, zeros in the panel.
static void clear_lanes(float *panel, size_t tile, size_t from, size_t columns)
{
    for (size_t k = 0; k < columns; k++)
        for (size_t lane = from; lane < tile; lane++)
            panel[k * tile + lane] = 0;
}

// Rows may come from anywhere in memory, one of a table each: asked for all at once, they come at the pace of its
// bandwidth and not of its latency.
static void fetch_rows(const grus_part_rows *part, size_t first, size_t n)
{
    for (size_t row = first; row < first + n; row++)
        grus_fetch(part->rows[row], part->columns);
}

void grus_panels_pack(const grus_kernel *kernel, const grus_part_rows *parts, size_t n_parts, size_t n, float *panels)
{
    size_t tile = kernel->tile;
    for (size_t first = 0; first < n; first += tile) {
        size_t lanes = grus_min(tile, n - first);
        for (size_t part = 0; part < n_parts; part++) {
            const float *rows[GRUS_MAX_TILE];
            for (size_t lane = 0; lane < tile; lane++)
                rows[lane] = parts[part].rows[first + grus_min(lane, lanes - 1)];
            if (first + tile < n)
                fetch_rows(parts + part, first + tile, grus_min(tile, n - first - tile));
            kernel->vector->pack(tile, parts[part].columns, rows, panels);
            clear_lanes(panels, tile, lanes, parts[part].columns);
            panels += parts[part].columns * tile;
        }
    }
}

void grus_product(const grus_kernel *kernel, const grus_weights *weights, const float *panels, size_t n, float beta,
                  float *y, size_t ldy)
{
    size_t panel_floats = weights->in * kernel->panel, tile_floats = weights->in * kernel->tile;
    size_t block = grus_max(1, GRUS_WEIGHT_BLOCK_BYTES / (panel_floats * sizeof(float) + 1));
    for (size_t from = 0; from < weights->panels; from += block) {
        size_t to = grus_min(weights->panels, from + block);
        for (size_t row = 0; row < n; row += kernel->tile) {
            const float *x = panels + row / kernel->tile * tile_floats;
            for (size_t k = 0; k < weights->in; k += GRUS_KERNEL_DEPTH)
                for (size_t p = from; p < to; p++)
                    grus_kernel_run(kernel, grus_min(GRUS_KERNEL_DEPTH, weights->in - k),
                                    weights->data + p * panel_floats + k * kernel->panel, x + k * kernel->tile,
                                    k ? 1 : beta, y + row * ldy + p * kernel->panel, ldy);
        }
    }
}
