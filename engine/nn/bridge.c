// bridge.c: the bridges of the model contract.
#include "config.h"

#include "engine/nn/bridge.h"

#include <string.h>

#include "base/error.h"

#define CHUNK 96 // sequences a product

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
                            .first_final = encoder_layers - taken};
    if (!maps(bridge))
        return GRUS_OK;
    grus_status status =
        grus_read_weights(reading, (grus_wanted){"bridge", "weight", states, bridge->values}, &bridge->weights, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){"bridge", "bias", states, 0}, &bridge->bias, error);
    return status;
}

static void read_input(const grus_bridge *bridge, const grus_encoded *encoded, size_t sequence, float *input)
{
    if (bridge->kind == GRUS_BRIDGE_MEAN_TANH)
        grus_encoded_mean(encoded, sequence, input);
    else
        memcpy(input, grus_encoded_final(encoded, bridge->first_final, sequence), bridge->values * sizeof *input);
}

// Room for the inputs of a chunk of sequences.
typedef struct chunk {
    size_t n;
    float *input, *product; // (n, D), (n, width)
    grus_panels *panels;    // (n, D)
    const float **rows;     // (n)
} chunk;

static bool list_chunk(const grus_bridge *bridge, grus_arena *arena, chunk *c)
{
    c->n = grus_whole_tiles(bridge->kernel, CHUNK);
    c->input = grus_arena_alloc(arena, c->n * bridge->values, sizeof *c->input);
    c->product = grus_arena_alloc(arena, c->n * grus_weights_width(bridge->weights), sizeof *c->product);
    c->panels = grus_panels_new(bridge->kernel, arena, c->n, bridge->values);
    c->rows = grus_arena_alloc(arena, c->n, sizeof *c->rows);
    return c->input && c->product && c->panels && c->rows;
}

bool grus_bridge_list(const grus_bridge *bridge, grus_arena *arena)
{
    chunk c;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = !maps(bridge) || list_chunk(bridge, arena, &c);
    grus_arena_release(arena, mark);
    return listed;
}

// initial[sequence] = tanh(W x + b) on the top final states or the mean outputs.
static void run_map(const grus_bridge *bridge, const grus_encoded *encoded, const chunk *c, float *initial)
{
    size_t states = bridge->layers * bridge->hidden, width = grus_weights_width(bridge->weights);
    for (size_t first = 0; first < encoded->n; first += c->n) {
        size_t n = grus_min(c->n, encoded->n - first);
        for (size_t i = 0; i < n; i++) {
            float *input = c->input + i * bridge->values;
            read_input(bridge, encoded, first + i, input);
            c->rows[i] = input;
        }
        grus_panels_pack(c->panels, &(grus_part_rows){c->rows, bridge->values}, 1, n);
        grus_product(bridge->weights, c->panels, 0, c->product, width);
        for (size_t i = 0; i < n; i++) {
            float *row = c->product + i * width;
            bridge->kernel->vector->tanh_bias(row, bridge->bias, states);
            memcpy(initial + (first + i) * states, row, states * sizeof *row);
        }
    }
}

static void copy_last(const grus_bridge *bridge, const grus_encoded *encoded, float *initial)
{
    for (size_t i = 0; i < encoded->n; i++)
        for (size_t layer = 0; layer < bridge->layers; layer++)
            memcpy(initial + (i * bridge->layers + layer) * bridge->hidden,
                   grus_encoded_final(encoded, bridge->first_final + layer, i), bridge->hidden * sizeof(float));
}

grus_status grus_bridge_run(const grus_bridge *bridge, const grus_encoded *encoded, const grus_work *work,
                            float *initial)
{
    chunk c;
    if (bridge->kind == GRUS_BRIDGE_LAST) {
        copy_last(bridge, encoded, initial);
    } else if (!maps(bridge)) {
        memset(initial, 0, encoded->n * bridge->layers * bridge->hidden * sizeof *initial);
    } else {
        grus_arena_mark mark = grus_arena_here(work->arena);
        if (!list_chunk(bridge, work->arena, &c))
            return grus_fail_memory(work->error, 0);
        run_map(bridge, encoded, &c, initial);
        grus_arena_release(work->arena, mark);
        work->stats->flops += grus_product_flops(encoded->n, bridge->weights, grus_weights_out(bridge->weights));
    }
    return GRUS_OK;
}
