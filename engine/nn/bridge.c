// bridge.c: the bridges of the model contract.
#include "config.h"

#include "engine/nn/bridge.h"

#include <string.h>

#include "base/error.h"

static bool maps(const grus_bridge *bridge)
{
    return bridge->kind == GRUS_BRIDGE_LINEAR_TANH || bridge->kind == GRUS_BRIDGE_MEAN_TANH;
}

grus_status grus_bridge_read(grus_reading *reading, const grus_config *config, grus_bridge *bridge, grus_error *error)
{
    const grus_decoder_config *decoder = &config->decoder;
    size_t encoder_layers = config->encoder.num_layers, states = decoder->num_layers * decoder->hidden_size;
    size_t taken = decoder->bridge == GRUS_BRIDGE_LAST ? grus_min(decoder->num_layers, encoder_layers) : 1;
    *bridge = (grus_bridge){.kernel = reading->kernel,
                            .kind = decoder->bridge,
                            .layers = decoder->num_layers,
                            .hidden = decoder->hidden_size,
                            .values = grus_config_output_size(config),
                            .bounded = grus_config_is_bounded(config),
                            .first_final = encoder_layers - taken};
    if (!maps(bridge))
        return GRUS_OK;
    grus_status status = grus_read_weights(reading, (grus_wanted){"bridge", "weight", states, bridge->values}, NULL,
                                           &bridge->weights, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){"bridge", "bias", states, 0}, &bridge->bias, error);
    return status;
}

// A run of one that maps, over a batch.
typedef struct running {
    const grus_bridge *bridge;
    const grus_encoded *encoded;
    float *means;   // (a chunk, D) of mean_tanh
    float *initial; // (records, layers, H)
} running;

static void place_means(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS])
{
    const running *r = user;
    for (size_t i = 0; i < n; i++) {
        float *mean = r->means + i * r->bridge->values;
        grus_encoded_mean(r->encoded, first + i, mean);
        rows[0][i] = mean;
    }
}

static void finish_states(void *user, size_t first, size_t n, float *products)
{
    const running *r = user;
    const grus_bridge *bridge = r->bridge;
    size_t states = bridge->layers * bridge->hidden, width = grus_weights_width(bridge->weights);
    for (size_t i = 0; i < n; i++) {
        float *row = products + i * width;
        bridge->kernel->vector->tanh_bias(row, bridge->bias, states);
        memcpy(r->initial + (first + i) * states, row, states * sizeof *row);
    }
}

// initial[sequence] = tanh(W x + b) on the top final states, which are dense, or on the mean outputs.
static bool list_run(running *r, grus_arena *arena, grus_mapping *mapping)
{
    const grus_bridge *bridge = r->bridge;
    *mapping = (grus_mapping){.kernel = bridge->kernel,
                              .parts = 1,
                              .columns = {bridge->values},
                              .bounded = {bridge->bounded},
                              .counts = true,
                              .n_maps = 1,
                              .map = {{.weights = bridge->weights,
                                       .finish = finish_states,
                                       .user = r,
                                       .wanted = grus_weights_out(bridge->weights)}}};
    if (bridge->kind != GRUS_BRIDGE_MEAN_TANH)
        return true;
    mapping->place = place_means;
    mapping->user = r;
    size_t means = grus_mul_sat(grus_chunk_rows(bridge->kernel), bridge->values);
    r->means = grus_arena_alloc(arena, means, sizeof *r->means);
    return r->means != NULL;
}

bool grus_bridge_list(const grus_bridge *bridge, grus_arena *arena)
{
    running r = {.bridge = bridge};
    grus_mapping mapping;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = !maps(bridge) || (list_run(&r, arena, &mapping) && grus_map_rows_list(&mapping, arena));
    grus_arena_release(arena, mark);
    return listed;
}

static grus_status run_map(const grus_bridge *bridge, const grus_encoded *encoded, const grus_work *work,
                           float *initial)
{
    running r = {.bridge = bridge, .encoded = encoded, .initial = initial};
    grus_mapping mapping;
    grus_arena_mark mark = grus_arena_here(work->arena);
    if (!list_run(&r, work->arena, &mapping))
        return grus_fail_memory(work->error, 0);
    mapping.n = encoded->n;
    if (!mapping.place && encoded->n > 0)
        mapping.dense = grus_encoded_final(encoded, bridge->first_final, 0);
    grus_status status = grus_map_rows(&mapping, work);
    grus_arena_release(work->arena, mark);
    return status;
}

static void copy_last(const grus_bridge *bridge, const grus_encoded *encoded,
                      float *final(const grus_encoded *encoded, size_t layer, size_t sequence), float *initial)
{
    for (size_t i = 0; i < encoded->n; i++)
        for (size_t layer = 0; layer < bridge->layers; layer++)
            memcpy(initial + (i * bridge->layers + layer) * bridge->hidden,
                   final(encoded, bridge->first_final + layer, i), bridge->hidden * sizeof(float));
}

grus_status grus_bridge_run(const grus_bridge *bridge, const grus_encoded *encoded, const grus_work *work,
                            float *initial, float *initial_cell)
{
    size_t bytes = encoded->n * bridge->layers * bridge->hidden * sizeof *initial;
    bool last = bridge->kind == GRUS_BRIDGE_LAST;
    if (initial_cell && last && encoded->final_cell)
        copy_last(bridge, encoded, grus_encoded_final_cell, initial_cell);
    else if (initial_cell)
        memset(initial_cell, 0, bytes);
    if (maps(bridge))
        return run_map(bridge, encoded, work, initial);
    if (last)
        copy_last(bridge, encoded, grus_encoded_final, initial);
    else
        memset(initial, 0, bytes);
    return GRUS_OK;
}
