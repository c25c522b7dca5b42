// output_layer.c: the output product, a block of weights by a tile of rows at a time, whose logits get their bias, their
// tops and their part of the log-sum-exp while they are in L1.
#include "config.h"

#include "engine/nn/output_layer.h"

bool grus_output_layer_alloc(const grus_kernel *kernel, const grus_weights *weights, const float *bias,
                             grus_arena *arena, size_t max_rows, grus_output_layer *layer)
{
    *layer = (grus_output_layer){
        .kernel = kernel,
        .weights = weights,
        .bias = bias,
        .panels = grus_arena_alloc(arena, grus_panels_floats(kernel, max_rows, weights->in), sizeof(float)),
        .logits = grus_arena_alloc(arena, max_rows * weights->width, sizeof(float)),
        .top = grus_arena_alloc(arena, max_rows * grus_logits_blocks(weights->out), sizeof(float)),
        .sums = grus_arena_alloc(arena, max_rows, sizeof *layer->sums),
        .normalizers = grus_arena_alloc(arena, max_rows, sizeof *layer->normalizers)};
    return layer->panels && layer->logits && layer->top && layer->sums && layer->normalizers;
}

size_t grus_output_layer_bytes(const grus_kernel *kernel, const grus_weights *weights, size_t max_rows)
{
    size_t floats = grus_panels_floats(kernel, max_rows, weights->in) +
                    max_rows * (weights->width + grus_logits_blocks(weights->out));
    return floats * sizeof(float) + max_rows * (sizeof(grus_exp_sum) + sizeof(grus_normalizer)) + 5 * GRUS_ALIGN;
}

// Weight panels of a block: about as many as stay in L2, and whole blocks of logits.
static size_t block_panels(const grus_weights *weights, size_t panel)
{
    size_t whole = 1, panels = GRUS_WEIGHT_BLOCK_BYTES / (weights->in * panel * sizeof(float) + 1);
    while (whole * panel % GRUS_LOGIT_BLOCK)
        whole++;
    return grus_max(whole, panels / whole * whole);
}

// The logits [first, first + columns) of n rows from first_row on go into their rows' sums.
static void add_logits(const grus_output_layer *layer, size_t first_row, size_t n, size_t first, size_t columns)
{
    size_t blocks = grus_logits_blocks(layer->weights->out);
    for (size_t row = first_row; row < first_row + n; row++)
        layer->kernel->vector->add_exp_sum(layer->logits + row * layer->weights->width + first, layer->bias + first,
                                           columns, layer->sums + row,
                                           layer->top + row * blocks + first / GRUS_LOGIT_BLOCK);
}

grus_scores grus_output_layer_run(const grus_output_layer *layer, const float *const *readouts, size_t n)
{
    const grus_kernel *kernel = layer->kernel;
    const grus_weights *weights = layer->weights;
    size_t panel = kernel->panel, tile = kernel->tile, block = block_panels(weights, panel);
    grus_panels_pack(kernel, &(grus_part_rows){readouts, weights->in}, 1, n, layer->panels);
    for (size_t row = 0; row < n; row++)
        grus_logits_begin(layer->sums + row);
    for (size_t from = 0; from < weights->panels; from += block) {
        grus_weights part = *weights;
        part.panels = grus_min(block, weights->panels - from);
        part.data += from * weights->in * panel;
        size_t first = from * panel, columns = grus_min(part.panels * panel, weights->out - first);
        for (size_t row = 0; row < n; row += tile) {
            size_t rows = grus_min(tile, n - row);
            grus_product(kernel, &part, layer->panels + row * weights->in, rows, 0,
                         layer->logits + row * weights->width + first, weights->width);
            add_logits(layer, row, rows, first, columns);
        }
    }
    for (size_t row = 0; row < n; row++)
        layer->normalizers[row] = grus_logits_end(kernel->vector, layer->sums + row);
    return (grus_scores){layer->logits, layer->top, weights->width, grus_logits_blocks(weights->out),
                         layer->normalizers};
}
