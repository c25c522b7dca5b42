// gru.c: nn.GRU's weights in gate order and its time step.
//
// A step multiplies, for a group of hidden units, the r, z and n panels of W_hh by a tile of lanes and runs the gates on
// the result while it is in L1. Weight groups are blocked so that they stay in L2 while every tile passes over them.
#include "config.h"

#include "engine/gru.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define CACHE_LINE 64
#define TABLE_BYTES_MAX ((size_t)64 << 20)

static void order_biases(grus_gru *gru, const float *bias_ih, const float *bias_hh)
{
    size_t panel = gru->kernel->panel, hidden = gru->hidden;
    for (size_t unit = 0; unit < hidden; unit++) {
        for (size_t gate = 0; gate < 3; gate++)
            gru->bias[grus_gate_row(panel, gate, unit)] =
                bias_ih[gate * hidden + unit] + (gate < 2 ? bias_hh[gate * hidden + unit] : 0);
        gru->bias_hn[unit] = bias_hh[2 * hidden + unit];
    }
}

static grus_status read_biases(grus_gru *gru, const grus_tensor_source *source, const char *prefix, const char *suffix,
                               size_t *parameters, grus_error *error)
{
    float *bias_ih = NULL, *bias_hh = NULL;
    char name_ih[64], name_hh[64];
    snprintf(name_ih, sizeof name_ih, "bias_ih_%s", suffix);
    snprintf(name_hh, sizeof name_hh, "bias_hh_%s", suffix);
    grus_status status = grus_read_optional(source, prefix, name_ih, 3 * gru->hidden, 0, &bias_ih, parameters, error);
    if (!status)
        status = grus_read_optional(source, prefix, name_hh, 3 * gru->hidden, 0, &bias_hh, parameters, error);
    if (!status) {
        gru->bias = grus_alloc_zero(gru->width, sizeof *gru->bias);
        gru->bias_hn = grus_alloc_zero(gru->width / 3, sizeof *gru->bias_hn);
        if (gru->bias && gru->bias_hn)
            order_biases(gru, bias_ih, bias_hh);
        else
            status = grus_fail_memory(error, gru->width * sizeof *gru->bias);
    }
    free(bias_hh);
    free(bias_ih);
    return status;
}

// table[entry] = W_ih[:, its columns] embedding[entry], a tile of entries at a time.
static grus_status make_table(grus_gru *gru, const grus_embedding *embedding, grus_matrix weight_ih, grus_error *error)
{
    const grus_kernel *kernel = gru->kernel;
    size_t tile = kernel->tile, rows = grus_whole_tiles(kernel, embedding->entries);
    grus_weights columns;
    weight_ih.data += embedding->first;
    weight_ih.columns = embedding->columns;
    grus_status status = grus_weights_pack_gates(kernel, weight_ih, &columns, error);
    if (status)
        return status;
    float *panels = grus_alloc_zero(grus_panels_floats(kernel, tile, embedding->columns), sizeof *panels);
    gru->table = grus_alloc(rows * gru->width, sizeof *gru->table);
    if (!panels || !gru->table)
        status = grus_fail_memory(error, rows * gru->width * sizeof *gru->table);
    for (size_t first = 0; first < embedding->entries && !status; first += tile) {
        size_t n = grus_min(tile, embedding->entries - first);
        const float *pointers[GRUS_MAX_TILE];
        for (size_t i = 0; i < n; i++)
            pointers[i] = embedding->rows + (first + i) * embedding->columns;
        grus_panels_pack(kernel, &(grus_part_rows){pointers, embedding->columns}, 1, n, panels);
        grus_product(kernel, &columns, panels, n, 0, gru->table + first * gru->width, gru->width);
    }
    gru->table_entries = embedding->entries;
    free(panels);
    grus_weights_free(&columns);
    return status;
}

static bool table_pays(const grus_gru *gru, const grus_embedding *embedding)
{
    size_t floats;
    return embedding && grus_mul(embedding->entries + GRUS_MAX_TILE, gru->width, &floats) &&
           floats <= TABLE_BYTES_MAX / sizeof(float);
}

// Closes the gap that the columns [first, first + n) leave in each row; returns how many columns stay.
static size_t drop_columns(float *matrix, size_t rows, size_t ld, size_t first, size_t n)
{
    for (size_t row = 0; row < rows; row++)
        memmove(matrix + row * ld + first, matrix + row * ld + first + n, (ld - first - n) * sizeof *matrix);
    return ld - n;
}

grus_status grus_gru_read(const grus_kernel *kernel, const grus_tensor_source *source, const char *prefix,
                          const char *suffix, size_t input, size_t hidden, const grus_embedding *embedding,
                          grus_gru *gru, size_t *parameters, grus_error *error)
{
    *gru = (grus_gru){.kernel = kernel, .input = input, .hidden = hidden, .groups = grus_div_up(hidden, kernel->panel)};
    gru->width = 3 * gru->groups * kernel->panel;
    float *ih = NULL, *hh = NULL;
    char name_ih[64], name_hh[64];
    snprintf(name_ih, sizeof name_ih, "weight_ih_%s", suffix);
    snprintf(name_hh, sizeof name_hh, "weight_hh_%s", suffix);
    grus_status status = grus_read_tensor(source, prefix, name_ih, 3 * hidden, input, &ih, parameters, error);
    if (!status)
        status = grus_read_tensor(source, prefix, name_hh, 3 * hidden, hidden, &hh, parameters, error);
    if (!status)
        status = grus_weights_pack_gates(kernel, (grus_matrix){hh, 3 * hidden, hidden, hidden}, &gru->weight_hh, error);
    size_t columns = input;
    if (!status && table_pays(gru, embedding)) {
        status = make_table(gru, embedding, (grus_matrix){ih, 3 * hidden, input, input}, error);
        columns = drop_columns(ih, 3 * hidden, input, embedding->first, embedding->columns);
    }
    if (!status && columns)
        status = grus_weights_pack_gates(kernel, (grus_matrix){ih, 3 * hidden, columns, input}, &gru->weight_ih, error);
    if (!status)
        status = read_biases(gru, source, prefix, suffix, parameters, error);
    free(hh);
    free(ih);
    return status;
}

void grus_gru_free(grus_gru *gru)
{
    free(gru->table);
    free(gru->bias_hn);
    free(gru->bias);
    grus_weights_free(&gru->weight_ih);
    grus_weights_free(&gru->weight_hh);
    *gru = (grus_gru){0};
}

size_t grus_gru_bytes(const grus_gru *gru)
{
    return grus_weights_bytes(gru->kernel, &gru->weight_hh) + grus_weights_bytes(gru->kernel, &gru->weight_ih) +
           (gru->width + gru->width / 3) * sizeof(float) +
           (gru->table ? grus_whole_tiles(gru->kernel, gru->table_entries) * gru->width * sizeof(float) : 0);
}

size_t grus_gru_acc_floats(const grus_kernel *kernel)
{
    return 4 * kernel->tile * kernel->panel;
}

// Asks for what lies somewhere in memory before it is needed.
static void fetch(const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += CACHE_LINE / sizeof *from)
        __builtin_prefetch(from + i);
}

static void fetch_rows(const grus_gru *gru, const grus_gru_step *step, size_t first, size_t n, size_t group)
{
    size_t panel = gru->kernel->panel;
    for (size_t row = first; row < first + n; row++) {
        fetch(step->gi[row] + 3 * group * panel, 3 * panel);
        fetch(step->h_prev[row] + group * panel, panel);
        fetch(step->h_new[row] + group * panel, panel);
    }
}

// The gates of one group for n <= tile rows.
static void run_gates(const grus_gru *gru, const grus_gru_step *step, size_t first, size_t n, size_t group)
{
    const grus_kernel *kernel = gru->kernel;
    size_t panel = kernel->panel, tile = kernel->tile, unit = group * panel;
    const float *gi[GRUS_MAX_TILE], *h_prev[GRUS_MAX_TILE];
    float *h_new[GRUS_MAX_TILE];
    for (size_t i = 0; i < n; i++) {
        gi[i] = step->gi[first + i] + 3 * unit;
        h_prev[i] = step->h_prev[first + i] + unit;
        h_new[i] = step->h_new[first + i] + unit;
    }
    kernel->vector->gates(&(grus_gates){.lanes = tile,
                                        .width = panel,
                                        .units = grus_min(panel, gru->hidden - unit),
                                        .acc = step->acc,
                                        .bias = gru->bias + 3 * unit,
                                        .bias_hn = gru->bias_hn + unit,
                                        .scratch = step->acc + 3 * tile * panel,
                                        .n = n,
                                        .lane = step->lane + first,
                                        .gi = gi,
                                        .h_prev = h_prev,
                                        .h_new = h_new});
}

// Hidden units of one group for one tile of lanes.
static void run_group(const grus_gru *gru, const grus_gru_step *step, size_t tile_number, size_t group)
{
    const grus_kernel *kernel = gru->kernel;
    size_t panel = kernel->panel, tile = kernel->tile, panel_floats = gru->hidden * panel;
    const float *weights = gru->weight_hh.data + 3 * group * panel_floats;
    const float *x = step->panels + tile_number * tile * gru->hidden;
    size_t first = step->first_row[tile_number], last = step->first_row[tile_number + 1];
    fetch_rows(gru, step, first, grus_min(tile, last - first), group);
    for (size_t k = 0; k < gru->hidden; k += GRUS_KERNEL_DEPTH)
        for (size_t gate = 0; gate < 3; gate++)
            grus_kernel_run(kernel, grus_min(GRUS_KERNEL_DEPTH, gru->hidden - k),
                            weights + gate * panel_floats + k * panel, x + k * tile, k ? 1 : 0,
                            step->acc + gate * tile * panel, panel);
    for (; first < last; first += tile)
        run_gates(gru, step, first, grus_min(tile, last - first), group);
}

void grus_gru_run(const grus_gru *gru, const grus_gru_step *step)
{
    size_t group_bytes = 3 * gru->hidden * gru->kernel->panel * sizeof(float);
    size_t block = grus_max(1, GRUS_WEIGHT_BLOCK_BYTES / group_bytes), tiles = step->n / gru->kernel->tile;
    for (size_t from = 0; from < gru->groups; from += block)
        for (size_t tile = 0; tile < tiles; tile++)
            for (size_t group = from; group < grus_min(gru->groups, from + block); group++)
                run_group(gru, step, tile, group);
}
