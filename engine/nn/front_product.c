// front_product.c: conv1d and linear: one product whose row is a window of positions, zeros where that leaves the sequence.
#include "config.h"

#include <string.h>

#include "base/error.h"
#include "engine/nn/front_layer.h"
#include "engine/nn/map_rows.h"

static grus_status read_bias(grus_reading *reading, const char *prefix, grus_front_layer *layer, grus_error *error)
{
    float *bias;
    grus_status status =
        grus_read_optional(reading, (grus_wanted){prefix, "bias", layer->config->output, 0}, &bias, error);
    if (!status)
        layer->end.bias = bias;
    return status;
}

static grus_status read_linear(grus_reading *reading, const char *prefix, grus_front_layer *layer, grus_error *error)
{
    const grus_front_layer_config *config = layer->config;
    grus_status status = grus_read_weights(reading, (grus_wanted){prefix, "weight", config->output, config->input},
                                           NULL, &layer->weights, error);
    return status ? status : read_bias(reading, prefix, layer, error);
}

static grus_status read_conv1d(grus_reading *reading, const char *prefix, grus_front_layer *layer, grus_error *error)
{
    const grus_front_layer_config *config = layer->config;
    grus_matrix matrix;
    grus_status status = grus_read_taps(reading, (grus_wanted){prefix, "weight", config->output, config->input},
                                        config->kernel, &matrix, error);
    if (!status)
        status = grus_weights_pack(reading->kernel, reading->arena, matrix, &layer->weights, error);
    grus_matrix_drop(&matrix);
    return status ? status : read_bias(reading, prefix, layer, error);
}

typedef struct running {
    const grus_front_layer *layer;
    const grus_front_pass *pass;
    grus_front_cursor cursor;
    float *windows; // (a chunk, kernel * input), where windows are put together; NULL: they are single positions
} running;

// A window as it lies in the input; NULL: it has to be put together.
static const float *whole_window(const running *r)
{
    const grus_front_layer_config *config = r->layer->config;
    const grus_front_pass *pass = r->pass;
    if (config->kernel == 1)
        return grus_front_cursor_tap(pass, &r->cursor, 0);
    size_t at = r->cursor.step * config->stride;
    bool whole = pass->input.values && config->dilation == 1 && at >= config->padding &&
                 at - config->padding + config->kernel <= pass->input.length[r->cursor.sequence];
    return whole ? grus_front_cursor_tap(pass, &r->cursor, 0) : NULL;
}

static void gather_window(const running *r, float *to)
{
    size_t size = r->pass->input.size;
    for (size_t tap = 0; tap < r->layer->config->kernel; tap++, to += size) {
        const float *row = grus_front_cursor_tap(r->pass, &r->cursor, tap);
        if (row)
            memcpy(to, row, size * sizeof *to);
        else
            memset(to, 0, size * sizeof *to);
    }
}

static void place_windows(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS])
{
    (void)first;
    running *r = user;
    size_t size = grus_weights_in(r->layer->weights);
    for (size_t i = 0; i < n; i++, r->cursor.step++) {
        grus_front_cursor_settle(r->pass, &r->cursor);
        rows[0][i] = whole_window(r);
        if (!rows[0][i]) {
            gather_window(r, r->windows + i * size);
            rows[0][i] = r->windows + i * size;
        }
    }
}

static void finish_rows(void *user, size_t first, size_t n, float *products)
{
    const running *r = user;
    size_t size = r->layer->config->output, width = grus_weights_width(r->layer->weights);
    grus_activate(&r->layer->end, products, n, width);
    for (size_t i = 0; i < n; i++)
        memcpy(r->pass->output + (first + i) * size, products + i * width, size * sizeof *products);
}

static bool list_run(running *r, grus_arena *arena, grus_mapping *mapping)
{
    const grus_front_layer *layer = r->layer;
    size_t columns = grus_weights_in(layer->weights);
    *mapping = (grus_mapping){
        .kernel = layer->kernel,
        .parts = 1,
        .columns = {columns},
        .bounded = {layer->input_bounded},
        .place = place_windows,
        .user = r,
        .counts = true,
        .n_maps = 1,
        .map = {{.weights = layer->weights, .finish = finish_rows, .user = r, .wanted = layer->config->output}}};
    r->windows = NULL;
    return layer->config->kernel == 1 ||
           (r->windows = grus_arena_alloc(arena, grus_mul_sat(grus_chunk_rows(layer->kernel), columns),
                                          sizeof *r->windows)) != NULL;
}

static bool list(const grus_front_layer *layer, grus_arena *arena)
{
    running r = {.layer = layer};
    grus_mapping mapping;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = list_run(&r, arena, &mapping) && grus_map_rows_list(&mapping, arena);
    grus_arena_release(arena, mark);
    return listed;
}

static grus_status run(const grus_front_pass *pass, const grus_work *work)
{
    running r = {.layer = pass->layer, .pass = pass};
    grus_mapping mapping;
    grus_arena_mark mark = grus_arena_here(work->arena);
    if (!list_run(&r, work->arena, &mapping))
        return grus_fail_memory(work->error, 0);
    mapping.n = pass->positions;
    grus_status status = grus_map_rows(&mapping, work);
    grus_arena_release(work->arena, mark);
    return status;
}

const grus_front_type grus_front_conv1d = {read_conv1d, run, list};
const grus_front_type grus_front_linear = {read_linear, run, list};
