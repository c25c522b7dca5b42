// encoder.c: reads the layers of the encoder and counts what they compute.
#include "config.h"

#include "engine/encoder.h"

#include <stdio.h>

#include "base/error.h"

#define LANES_WANTED 96 // enough columns to amortise the streaming of weights; more only cost cache

size_t grus_encoder_lanes(const grus_kernel *kernel)
{
    return grus_whole_tiles(kernel, LANES_WANTED);
}

static grus_status read_embedding(const grus_config *config, grus_reading *reading, grus_encoder *encoder,
                                  grus_error *error)
{
    const grus_tensors *tensors = reading->tensors;
    encoder->vocab = config->source_vocab_size;
    grus_tensor tensor;
    const char *name = "encoder.embedding.weight";
    if (encoder->vocab == 0 && tensors->find(tensors->user, name, &tensor) && tensor.rank == 2)
        encoder->vocab = tensor.shape[0];
    return grus_read_tensor(reading, (grus_wanted){name, "", encoder->vocab, config->embedding_dim},
                            &encoder->embedding, error);
}

// Sets what the configuration says of the layers, and where their cells lie.
static grus_status set_layers(const grus_config *config, grus_reading *reading, grus_encoder *encoder,
                              grus_error *error)
{
    encoder->layer = grus_arena_alloc(reading->arena, encoder->layers, sizeof *encoder->layer);
    encoder->cells = grus_arena_alloc(reading->arena, 2 * encoder->layers, sizeof *encoder->cells);
    if (!encoder->layer || !encoder->cells)
        return grus_fail_memory(error, 2 * encoder->layers * sizeof *encoder->cells);
    for (size_t i = 0; i < encoder->layers; i++) {
        grus_direction direction = grus_config_direction(config, i);
        encoder->layer[i] = (grus_encoder_layer){.cells = encoder->cells + encoder->n_cells,
                                                 .directions = direction == GRUS_BOTH ? 2 : 1,
                                                 .output = grus_config_layer_size(config, i),
                                                 .backward = direction == GRUS_BACKWARD,
                                                 .kept = grus_config_keeps_layer(config, i),
                                                 .kept_at = grus_config_kept_below(config, i)};
        encoder->n_cells += encoder->layer[i].directions;
    }
    encoder->kept = grus_config_kept_below(config, encoder->layers);
    return GRUS_OK;
}

// As PyTorch has it: a layer of one direction has no suffix, whichever it is.
static void cell_suffix(size_t layer, size_t direction, char suffix[32])
{
    snprintf(suffix, 32, "l%zu%s", layer, direction ? "_reverse" : "");
}

static bool is_biased(const grus_encoder *encoder, const grus_tensors *tensors)
{
    bool biased = false;
    char suffix[32];
    for (size_t i = 0; i < encoder->layers; i++)
        for (size_t direction = 0; direction < encoder->layer[i].directions && !biased; direction++) {
            cell_suffix(i, direction, suffix);
            biased = grus_cell_has_bias(tensors, "encoder.rnn", suffix);
        }
    return biased;
}

static grus_status read_layer(grus_encoder *encoder, grus_reading *reading, size_t i, const grus_cell *like,
                              grus_error *error)
{
    const grus_encoder_layer *layer = encoder->layer + i;
    grus_embedding embedding = {encoder->embedding, encoder->vocab, encoder->input, 0};
    bool tokens = i == 0 && encoder->embedding && !encoder->behind_front;
    grus_status status = GRUS_OK;
    for (size_t direction = 0; direction < layer->directions && !status; direction++) {
        char suffix[32];
        cell_suffix(i, direction, suffix);
        layer->cells[direction] = *like;
        layer->cells[direction].input = i ? layer[-1].output : encoder->input;
        status = grus_cell_read(layer->cells + direction, reading, "encoder.rnn", suffix,
                                &(grus_linear_parts){.embedding = tokens ? &embedding : NULL}, error);
    }
    return status;
}

// Both, where the cells have a c. They are states and no weights: not rounded to scales.
static grus_status read_initial(grus_encoder *encoder, grus_reading *reading, grus_error *error)
{
    grus_wanted wanted = {"encoder", "initial_state", encoder->n_cells, encoder->hidden};
    grus_reading exact = *reading;
    exact.scaled = false;
    grus_status status = grus_read_tensor(&exact, wanted, &encoder->initial_state, error);
    wanted.suffix = "initial_cell";
    if (!status && encoder->cells->type->has_c)
        status = grus_read_tensor(&exact, wanted, &encoder->initial_cell, error);
    reading->parameters = exact.parameters;
    return status;
}

grus_status grus_encoder_read(grus_reading *reading, const grus_config *config, grus_encoder *encoder,
                              grus_error *error)
{
    *encoder = (grus_encoder){.kernel = reading->kernel,
                              .input = grus_config_input_size(config),
                              .behind_front = config->n_front > 0,
                              .input_bounded = grus_config_input_is_bounded(config),
                              .hidden = config->encoder.hidden_size,
                              .layers = config->encoder.num_layers,
                              .output = grus_config_output_size(config),
                              .bounded = grus_config_is_bounded(config)};
    grus_status status = set_layers(config, reading, encoder, error);
    if (!status && !config->features)
        status = read_embedding(config, reading, encoder, error);
    if (status)
        return status;
    grus_cell like = {.config = config->encoder.cell,
                      .hidden = encoder->hidden,
                      .biased = is_biased(encoder, reading->tensors),
                      .bounded = encoder->bounded};
    for (size_t i = 0; i < encoder->layers && !status; i++)
        status = read_layer(encoder, reading, i, &like, error);
    if (!status && config->encoder.learned_state)
        status = read_initial(encoder, reading, error);
    return status;
}

uint64_t grus_encoder_flops(const grus_encoder *encoder, size_t positions)
{
    uint64_t flops = 0;
    for (size_t i = 0; i < encoder->n_cells; i++)
        flops += grus_cell_flops(encoder->cells + i, positions);
    return flops;
}
