// gru.c: nn.GRU's weights in gate order and its time step.
//
// A step multiplies, for a group of hidden units, their r, z and n rows of W_hh by a tile of lanes and runs the gates on
// the result while it is in L1. Weight groups are blocked so that they stay in L2 while every tile passes over them.
#include "config.h"

#include "engine/nn/gru.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void order_biases(grus_gru *gru, const float *bias_ih, const float *bias_hh)
{
    size_t hidden = gru->hidden;
    memset(gru->bias, 0, gru->width * sizeof *gru->bias);
    memset(gru->bias_hn, 0, gru->width / 3 * sizeof *gru->bias_hn);
    for (size_t unit = 0; unit < hidden; unit++) {
        for (size_t gate = 0; gate < 3; gate++)
            gru->bias[grus_gate_row(gru->kernel, 3, gate, unit)] =
                bias_ih[gate * hidden + unit] + (gate < 2 ? bias_hh[gate * hidden + unit] : 0);
        gru->bias_hn[unit] = bias_hh[2 * hidden + unit];
    }
}

static grus_status read_biases(grus_gru *gru, grus_reading *reading, const char *prefix, const char *suffix,
                               grus_error *error)
{
    float *bias_ih = NULL, *bias_hh = NULL;
    char name_ih[64], name_hh[64];
    snprintf(name_ih, sizeof name_ih, "bias_ih_%s", suffix);
    snprintf(name_hh, sizeof name_hh, "bias_hh_%s", suffix);
    grus_status status =
        grus_read_optional(reading, (grus_wanted){prefix, name_ih, 3 * gru->hidden, 0}, &bias_ih, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){prefix, name_hh, 3 * gru->hidden, 0}, &bias_hh, error);
    if (!status) {
        gru->bias = grus_arena_alloc(reading->arena, gru->width, sizeof *gru->bias);
        gru->bias_hn = grus_arena_alloc(reading->arena, gru->width / 3, sizeof *gru->bias_hn);
        if (gru->bias && gru->bias_hn)
            order_biases(gru, bias_ih, bias_hh);
        else
            status = grus_fail_memory(error, gru->width * sizeof *gru->bias);
    }
    return status;
}

grus_status grus_gru_read(grus_gru *gru, grus_reading *reading, const char *prefix, const char *suffix,
                          const grus_linear_parts *parts, grus_error *error)
{
    const grus_kernel *kernel = reading->kernel;
    size_t hidden = gru->hidden;
    gru->kernel = gru->ih.kernel = kernel;
    gru->groups = grus_div_up(hidden, kernel->units);
    gru->width = 3 * gru->groups * kernel->units;
    grus_matrix ih, hh;
    float *ih_data = NULL, *hh_data = NULL;
    char name_ih[64], name_hh[64];
    snprintf(name_ih, sizeof name_ih, "weight_ih_%s", suffix);
    snprintf(name_hh, sizeof name_hh, "weight_hh_%s", suffix);
    grus_gate_range all = {0, 3, 3};
    grus_status status =
        grus_read_gates(reading, (grus_wanted){prefix, name_ih, 3 * hidden, gru->input}, all, &ih, &ih_data, error);
    if (!status)
        status = grus_linear_make(&gru->ih, reading->arena, ih, parts, error);
    if (!status)
        status =
            grus_read_gates(reading, (grus_wanted){prefix, name_hh, 3 * hidden, hidden}, all, &hh, &hh_data, error);
    if (!status)
        status = grus_weights_pack(kernel, reading->arena, hh, &gru->weight_hh, error);
    if (!status)
        status = read_biases(gru, reading, prefix, suffix, error);
    free(hh_data);
    free(ih_data);
    return status;
}

size_t grus_gru_acc_floats(const grus_kernel *kernel)
{
    return 4 * kernel->tile * kernel->units;
}

// As grus_fetch, but into L1.
static void fetch_near(const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += GRUS_ALIGN / sizeof *from)
        __builtin_prefetch(from + i);
}

static void fetch_rows(const grus_gru *gru, const grus_gru_step *step, size_t first, size_t n, size_t group)
{
    size_t units = gru->kernel->units;
    for (size_t row = first; row < first + n; row++) {
        fetch_near(step->gi[row] + 3 * group * units, 3 * units);
        if (step->more)
            fetch_near(step->more[row] + 3 * group * units, 3 * units);
        fetch_near(step->h_prev[row] + group * units, units);
        fetch_near(step->h_new[row] + group * units, units);
    }
}

// A table may lie outside of all caches: what the rows from first on, the next tile's, want of it goes into L2, a gate
// at a time, since lines that are waited for keep the micro-kernel's own out.
static void fetch_tabled(const grus_gru *gru, const grus_gru_step *step, size_t first, size_t at)
{
    size_t end = grus_min(step->tabled, first + gru->kernel->tile);
    for (size_t row = first; row < end; row++)
        grus_fetch(step->gi[row] + at, gru->kernel->units);
}

// The gates of one group for n <= tile rows.
static void run_gates(const grus_gru *gru, const grus_gru_step *step, size_t first, size_t n, size_t group)
{
    const grus_kernel *kernel = gru->kernel;
    size_t units = kernel->units, tile = kernel->tile, unit = group * units;
    const float *gi[GRUS_MAX_TILE], *more[GRUS_MAX_TILE], *h_prev[GRUS_MAX_TILE];
    float *h_new[GRUS_MAX_TILE];
    for (size_t i = 0; i < n; i++) {
        gi[i] = step->gi[first + i] + 3 * unit;
        more[i] = step->more ? step->more[first + i] + 3 * unit : NULL;
        h_prev[i] = step->h_prev[first + i] + unit;
        h_new[i] = step->h_new[first + i] + unit;
    }
    kernel->vector->gates(&(grus_gates){.lanes = tile,
                                        .width = units,
                                        .units = grus_min(units, gru->hidden - unit),
                                        .acc = step->acc,
                                        .bias = gru->bias + 3 * unit,
                                        .bias_hn = gru->bias_hn + unit,
                                        .scratch = step->acc + 3 * tile * units,
                                        .n = n,
                                        .lane = step->lane + first,
                                        .gi = gi,
                                        .more = step->more ? more : NULL,
                                        .h_prev = h_prev,
                                        .h_new = h_new});
}

// Hidden units of one group for one tile of lanes.
static void run_group(const grus_gru *gru, const grus_gru_step *step, size_t tile_number, size_t group)
{
    const grus_kernel *kernel = gru->kernel;
    size_t units = kernel->units, tile = kernel->tile, passes = grus_weights_passes(gru->weight_hh);
    size_t first = step->first_row[tile_number], last = step->first_row[tile_number + 1];
    for (size_t pass = 0; pass < passes; pass++)
        for (size_t gate = 0; gate < 3; gate++) {
            if (pass == 0)
                fetch_tabled(gru, step, last, (3 * group + gate) * units);
            if (gate == 2 && pass + 1 == passes)
                fetch_rows(gru, step, first, grus_min(tile, last - first), group);
            grus_multiply(gru->weight_hh, step->panels, (grus_block){3 * group + gate, tile_number, pass}, 0,
                          step->acc + gate * tile * units, units);
        }
    for (; first < last; first += tile)
        run_gates(gru, step, first, grus_min(tile, last - first), group);
}

void grus_gru_run(const grus_gru *gru, const grus_gru_step *step)
{
    size_t block = grus_weights_block(gru->weight_hh, 3) / 3, tiles = step->n / gru->kernel->tile;
    for (size_t from = 0; from < gru->groups; from += block)
        for (size_t tile = 0; tile < tiles; tile++)
            for (size_t group = from; group < grus_min(gru->groups, from + block); group++)
                run_group(gru, step, tile, group);
}
