// output_layer.c: the output product, a block of weights by a tile of rows at a time, whose logits get their bias, their
// tops and their part of the log-sum-exp while they are in L1.
#include "config.h"

#include "engine/nn/output_layer.h"

#include "base/assert.h"

bool grus_output_layer_list(grus_output_layer *layer, size_t max_rows, grus_arena *arena)
{
    size_t blocks = grus_logits_blocks(grus_weights_out(layer->weights)), width = grus_weights_width(layer->weights);
    layer->max_rows = max_rows;
    layer->panels = grus_panels_new(layer->kernel, arena, max_rows, grus_weights_in(layer->weights));
    layer->logits = grus_arena_alloc(arena, grus_mul_sat(max_rows, width), sizeof *layer->logits);
    layer->top = grus_arena_alloc(arena, grus_mul_sat(max_rows, blocks), sizeof *layer->top);
    layer->sums = grus_arena_alloc(arena, max_rows, sizeof *layer->sums);
    layer->normalizers = grus_arena_alloc(arena, max_rows, sizeof *layer->normalizers);
    layer->rows = grus_arena_alloc(arena, grus_mul_sat(max_rows, layer->parts.n), sizeof *layer->rows);
    return layer->panels && layer->rows && layer->logits && layer->top && layer->sums && layer->normalizers;
}

// Groups of a block: about as many as stay in L2, and whole blocks of logits.
static size_t block_groups(const grus_output_layer *layer)
{
    size_t whole = 1;
    while (whole * layer->kernel->units % GRUS_LOGIT_BLOCK)
        whole++;
    return grus_weights_block(layer->weights, whole);
}

// The logits [first, first + columns) of n rows from first_row on go into their rows' sums.
static void add_logits(const grus_output_layer *layer, size_t first_row, size_t n, size_t first, size_t columns)
{
    size_t blocks = grus_logits_blocks(grus_weights_out(layer->weights)), width = grus_weights_width(layer->weights);
    for (size_t row = first_row; row < first_row + n; row++)
        layer->kernel->vector->add_exp_sum(layer->logits + row * width + first, layer->bias + first, columns,
                                           layer->sums + row, layer->top + row * blocks + first / GRUS_LOGIT_BLOCK);
}

static void pack(const grus_output_layer *layer, const float *const *readouts, size_t n)
{
    grus_part_rows parts[GRUS_MAX_PARTS];
    size_t at = 0;
    for (size_t part = 0; part < layer->parts.n; at += layer->parts.columns[part++]) {
        const float **rows = layer->rows + part * layer->max_rows;
        for (size_t row = 0; row < n; row++)
            rows[row] = readouts[row] + at;
        parts[part] = (grus_part_rows){rows, layer->parts.columns[part], layer->bounded[part]};
    }
    grus_panels_pack(layer->panels, parts, layer->parts.n, n);
}

grus_scores grus_output_layer_run(const grus_output_layer *layer, const float *const *readouts, size_t n)
{
    const grus_kernel *kernel = layer->kernel;
    const grus_weights *weights = layer->weights;
    size_t vocab = grus_weights_out(weights), width = grus_weights_width(weights),
           groups = grus_weights_groups(weights);
    size_t tile = kernel->tile, block = block_groups(layer);
    GRUS_ASSERT(n <= layer->max_rows);
    pack(layer, readouts, n);
    for (size_t row = 0; row < n; row++)
        grus_logits_begin(layer->sums + row);
    for (size_t from = 0; from < groups; from += block) {
        size_t to = grus_min(groups, from + block), first = from * kernel->units;
        for (size_t row = 0; row < n; row += tile) {
            grus_product_tile(weights, layer->panels, (grus_part_groups){row / tile, from, to}, 0,
                              layer->logits + row * width + first, width);
            add_logits(layer, row, grus_min(tile, n - row), first, grus_min(to * kernel->units, vocab) - first);
        }
    }
    for (size_t row = 0; row < n; row++)
        layer->normalizers[row] = grus_logits_end(kernel->vector, layer->sums + row);
    return (grus_scores){layer->logits, layer->top, width, grus_logits_blocks(vocab), layer->normalizers};
}
