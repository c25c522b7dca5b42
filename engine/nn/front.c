// front.c: the table of kinds, and a batch through all layers, from one buffer into the other.
#include "config.h"

#include "engine/nn/front.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/positions.h"
#include "engine/nn/front_layer.h"

static const grus_front_type *const types[] = {
    [GRUS_FRONT_CONV1D] = &grus_front_conv1d,
    [GRUS_FRONT_LINEAR] = &grus_front_linear,
    [GRUS_FRONT_MAX_POOL] = &grus_front_max_pool,
};

grus_status grus_front_read(grus_reading *reading, const grus_config *config, grus_front *front, grus_error *error)
{
    *front = (grus_front){.layers = config->n_front};
    front->layer = grus_arena_alloc(reading->arena, config->n_front, sizeof *front->layer);
    if (!front->layer)
        return grus_fail_memory(error, config->n_front * sizeof *front->layer);
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < front->layers && !status; i++) {
        const grus_front_layer_config *from = config->front + i;
        grus_front_layer *layer = front->layer + i;
        *layer = (grus_front_layer){.type = types[from->kind],
                                    .kernel = reading->kernel,
                                    .config = from,
                                    .input_bounded = i > 0 && grus_config_front_is_bounded(config, i - 1),
                                    .end = {reading->kernel->vector, from->activation, from->output, NULL}};
        char prefix[32];
        snprintf(prefix, sizeof prefix, "front.%zu", i);
        if (layer->type->read)
            status = layer->type->read(reading, prefix, layer, error);
    }
    return status;
}

double grus_front_flops(const grus_front *front, double *behind)
{
    double flops = 0;
    *behind = 1;
    for (size_t i = 0; i < front->layers; i++) {
        const grus_front_layer *layer = front->layer + i;
        *behind /= (double)layer->config->stride;
        flops += *behind * (double)grus_product_flops(1, layer->weights, layer->config->output);
    }
    return flops;
}

// What is kept of a batch, and what is given back: layers write two buffers in turn, the last one what is kept.
typedef struct room {
    size_t *length; // (sequences) kept
    float *output;  // (positions, size) kept
    size_t *between[2];
    float *buffer[2];
} room;

// Floats of buffer number i at most: that of every other layer but the last.
static size_t buffer_size(const grus_front *front, size_t sequences, size_t positions, size_t i)
{
    size_t most = 0;
    for (size_t layer = 0; layer + 1 < front->layers; layer++) {
        const grus_front_layer_config *config = front->layer[layer].config;
        positions = grus_positions_most_of_layer(config, positions, sequences);
        if (layer % 2 == i)
            most = grus_max(most, grus_mul_sat(positions, config->output));
    }
    return most;
}

static bool list_kept(const grus_front *front, size_t sequences, size_t positions, grus_arena *arena, room *r)
{
    for (size_t i = 0; i < front->layers; i++)
        positions = grus_positions_most_of_layer(front->layer[i].config, positions, sequences);
    size_t floats = grus_mul_sat(positions, front->layer[front->layers - 1].config->output);
    r->length = grus_arena_alloc(arena, sequences, sizeof *r->length);
    r->output = grus_arena_alloc(arena, floats, sizeof *r->output);
    return r->length && r->output;
}

static bool list_between(const grus_front *front, size_t sequences, size_t positions, grus_arena *arena, room *r)
{
    for (size_t i = 0; i < 2; i++) {
        r->between[i] = grus_arena_alloc(arena, sequences, sizeof *r->between[i]);
        r->buffer[i] = grus_arena_alloc(arena, buffer_size(front, sequences, positions, i), sizeof *r->buffer[i]);
        if (!r->between[i] || !r->buffer[i])
            return false;
    }
    return true;
}

bool grus_front_list(const grus_front *front, size_t sequences, size_t positions, grus_arena *arena)
{
    room r;
    if (front->layers == 0)
        return true;
    if (!list_kept(front, sequences, positions, arena, &r))
        return false;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = list_between(front, sequences, positions, arena, &r);
    for (size_t i = 0; i < front->layers && listed; i++)
        listed = !front->layer[i].type->list || front->layer[i].type->list(front->layer + i, arena);
    grus_arena_release(arena, mark);
    return listed;
}

static grus_status run_layers(const grus_front *front, const grus_batch *batch, const room *r, const grus_work *work)
{
    grus_front_rows rows = {batch->length, front->layer->config->input, batch->features, batch->ids, front->embedding};
    for (size_t i = 0; i < front->layers; i++) {
        bool last = i + 1 == front->layers;
        const grus_front_layer *layer = front->layer + i;
        size_t *length = last ? r->length : r->between[i % 2];
        grus_front_pass pass = {layer, batch->n, rows, length, 0, last ? r->output : r->buffer[i % 2]};
        for (size_t sequence = 0; sequence < batch->n; sequence++) {
            length[sequence] = grus_positions_of_layer(layer->config, rows.length[sequence]);
            pass.positions += length[sequence];
        }
        if (grus_stop_asked(work->stop))
            return grus_fail(work->error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        grus_status status = layer->type->run(&pass, work);
        if (status)
            return status;
        rows = (grus_front_rows){length, layer->config->output, pass.output, NULL, NULL};
    }
    return GRUS_OK;
}

grus_status grus_front_run(const grus_front *front, const grus_batch *batch, const grus_work *work, grus_batch *behind)
{
    *behind = *batch;
    if (front->layers == 0)
        return GRUS_OK;
    GRUS_ASSERT(batch->features || front->embedding);
    size_t positions = 0;
    for (size_t i = 0; i < batch->n; i++)
        positions += batch->length[i];
    room r;
    if (!list_kept(front, batch->n, positions, work->arena, &r))
        return grus_fail_memory(work->error, 0);
    grus_arena_mark mark = grus_arena_here(work->arena);
    grus_status status = list_between(front, batch->n, positions, work->arena, &r) ? run_layers(front, batch, &r, work)
                                                                                   : grus_fail_memory(work->error, 0);
    grus_arena_release(work->arena, mark);
    behind->length = r.length;
    behind->features = r.output;
    behind->ids = NULL;
    return status;
}
