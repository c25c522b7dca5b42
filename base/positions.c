// positions.c: the output length of torch.nn.Conv1d and torch.nn.MaxPool1d, floor((L + 2 p - d (k - 1) - 1) / s) + 1, where
// that is above 0.
#include "config.h"

#include "base/positions.h"

#include "base/memory.h"

// The positions of an input that the first output reads, zeros included.
static size_t window(const grus_front_layer_config *layer)
{
    return layer->dilation * (layer->kernel - 1) + 1;
}

size_t grus_positions_of_layer(const grus_front_layer_config *layer, size_t length)
{
    size_t padded = grus_add_sat(length, 2 * layer->padding);
    return length == 0 || padded < window(layer) ? 0 : (padded - window(layer)) / layer->stride + 1;
}

size_t grus_positions_of(const grus_config *config, size_t length)
{
    for (size_t i = 0; i < config->n_front; i++)
        length = grus_positions_of_layer(config->front + i, length);
    return length;
}

// A sequence of length L has at most (L + more) / s of them.
size_t grus_positions_most_of_layer(const grus_front_layer_config *layer, size_t positions, size_t sequences)
{
    size_t reach = 2 * layer->padding + layer->stride, more = reach > window(layer) ? reach - window(layer) : 0;
    size_t most = grus_add_sat(positions, grus_mul_sat(sequences, more));
    return most == SIZE_MAX ? SIZE_MAX : most / layer->stride;
}

size_t grus_positions_most(const grus_config *config, size_t positions, size_t sequences)
{
    for (size_t i = 0; i < config->n_front; i++)
        positions = grus_positions_most_of_layer(config->front + i, positions, sequences);
    return positions;
}

bool grus_positions_are_kept(const grus_config *config)
{
    for (size_t i = 0; i < config->n_front; i++)
        if (config->front[i].stride != 1 || window(config->front + i) != 2 * config->front[i].padding + 1)
            return false;
    return true;
}
