// bridge.c: the bridges of the model contract.
#include "config.h"

#include "engine/nn/bridge.h"

#include <string.h>

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

size_t grus_bridge_bytes(const grus_bridge *bridge)
{
    if (!maps(bridge))
        return 0;
    return grus_weights_bytes(bridge->weights) + bridge->layers * bridge->hidden * sizeof(float);
}

static void read_input(const grus_bridge *bridge, const grus_encoded *encoded, size_t sequence, float *input)
{
    if (bridge->kind == GRUS_BRIDGE_MEAN_TANH)
        grus_encoded_mean(encoded, sequence, input);
    else
        memcpy(input, grus_encoded_final(encoded, bridge->first_final, sequence), bridge->values * sizeof *input);
}

// initial[sequence] = tanh(W x + b) on the top final states or the mean outputs.
static uint64_t run_map(const grus_bridge *bridge, const grus_encoded *encoded, const grus_bridge_scratch *scratch,
                        float *initial)
{
    size_t states = bridge->layers * bridge->hidden, width = grus_weights_width(bridge->weights);
    for (size_t first = 0; first < encoded->n; first += scratch->n) {
        size_t n = grus_min(scratch->n, encoded->n - first);
        for (size_t i = 0; i < n; i++) {
            float *input = scratch->input + i * bridge->values;
            read_input(bridge, encoded, first + i, input);
            scratch->rows[i] = input;
        }
        grus_panels_pack(scratch->panels, &(grus_part_rows){scratch->rows, bridge->values}, 1, n);
        grus_product(bridge->weights, scratch->panels, 0, scratch->product, width);
        for (size_t i = 0; i < n; i++) {
            float *row = scratch->product + i * width;
            bridge->kernel->vector->tanh_bias(row, bridge->bias, states);
            memcpy(initial + (first + i) * states, row, states * sizeof *row);
        }
    }
    return grus_product_flops(encoded->n, bridge->weights, states);
}

static void copy_last(const grus_bridge *bridge, const grus_encoded *encoded, float *initial)
{
    for (size_t i = 0; i < encoded->n; i++)
        for (size_t layer = 0; layer < bridge->layers; layer++)
            memcpy(initial + (i * bridge->layers + layer) * bridge->hidden,
                   grus_encoded_final(encoded, bridge->first_final + layer, i), bridge->hidden * sizeof(float));
}

uint64_t grus_bridge_run(const grus_bridge *bridge, const grus_encoded *encoded, const grus_bridge_scratch *scratch,
                         float *initial)
{
    if (maps(bridge))
        return run_map(bridge, encoded, scratch, initial);
    if (bridge->kind == GRUS_BRIDGE_LAST)
        copy_last(bridge, encoded, initial);
    else
        memset(initial, 0, encoded->n * bridge->layers * bridge->hidden * sizeof *initial);
    return 0;
}
