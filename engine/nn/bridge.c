// bridge.c: the bridges of the model contract.
#include "config.h"

#include "engine/nn/bridge.h"

#include <string.h>

static void read_input(const grus_decoder *decoder, const grus_encoded *encoded, size_t sequence, float *input)
{
    if (decoder->config->bridge == GRUS_BRIDGE_MEAN_TANH)
        grus_encoded_mean(encoded, sequence, decoder->values, input);
    else
        memcpy(input, encoded->final[decoder->first_final] + sequence * decoder->values,
               decoder->values * sizeof *input);
}

// initial[sequence] = tanh(W x + b) on the top final states or the mean outputs.
static uint64_t bridge_linear(const grus_decoder *decoder, const grus_encoded *encoded,
                              const grus_bridge_scratch *scratch, float *initial)
{
    size_t states = decoder->layers * decoder->hidden, width = decoder->bridge.width;
    for (size_t first = 0; first < encoded->n; first += scratch->n) {
        size_t n = grus_min(scratch->n, encoded->n - first);
        for (size_t i = 0; i < n; i++) {
            float *input = scratch->input + i * decoder->values;
            read_input(decoder, encoded, first + i, input);
            scratch->rows[i] = input;
        }
        grus_panels_pack(decoder->kernel, &(grus_part_rows){scratch->rows, decoder->values}, 1, n, scratch->panels);
        grus_product(decoder->kernel, &decoder->bridge, scratch->panels, n, 0, scratch->product, width);
        for (size_t i = 0; i < n; i++) {
            float *row = scratch->product + i * width;
            decoder->kernel->vector->tanh_bias(row, decoder->bridge_bias, states);
            memcpy(initial + (first + i) * states, row, states * sizeof *row);
        }
    }
    return grus_product_flops(encoded->n, &decoder->bridge, decoder->bridge.out);
}

static void bridge_last(const grus_decoder *decoder, const grus_encoded *encoded, float *initial)
{
    for (size_t i = 0; i < encoded->n; i++)
        for (size_t layer = 0; layer < decoder->layers; layer++)
            memcpy(initial + (i * decoder->layers + layer) * decoder->hidden,
                   encoded->final[decoder->first_final + layer] + i * decoder->values, decoder->hidden * sizeof(float));
}

uint64_t grus_bridge(const grus_decoder *decoder, const grus_encoded *encoded, const grus_bridge_scratch *scratch,
                     float *initial)
{
    if (decoder->bridge.data)
        return bridge_linear(decoder, encoded, scratch, initial);
    if (decoder->config->bridge == GRUS_BRIDGE_LAST)
        bridge_last(decoder, encoded, initial);
    else
        memset(initial, 0, encoded->n * decoder->layers * decoder->hidden * sizeof *initial);
    return 0;
}
