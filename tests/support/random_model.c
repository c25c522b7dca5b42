// random_model.c: tensors of a configuration, filled with seeded noise.
#include "config.h"

#include "tests/support/random_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DULL;
}

float random_float(uint64_t *state)
{
    return (float)((double)(next_random(state) >> 11) * 0x1p-52 - 1.0);
}

size_t random_below(uint64_t *state, size_t n)
{
    return (size_t)(next_random(state) >> 16) % n;
}

static void add_tensor(random_model *model, uint64_t *state, const char *name, size_t rows, size_t columns)
{
    random_tensor *tensor = &model->tensors[model->n++];
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->rank = columns ? 2 : 1;
    tensor->shape[0] = rows;
    tensor->shape[1] = columns;
    tensor->count = rows * (columns ? columns : 1);
    tensor->data = malloc(tensor->count * sizeof *tensor->data);
    float scale = columns ? 1.5f / sqrtf((float)columns) : 0.5f;
    for (size_t i = 0; i < tensor->count; i++)
        tensor->data[i] = scale * random_float(state);
}

// One layer; its directions have one input.
typedef struct layer_shape {
    size_t number, directions, input, hidden;
    grus_cell_kind cell;
} layer_shape;

static void add_layer(random_model *model, uint64_t *state, const char *prefix, layer_shape of)
{
    size_t rows = (of.cell == GRUS_CELL_LSTM ? 4 : 3) * of.hidden, layer = of.number;
    for (size_t direction = 0; direction < of.directions; direction++) {
        const char *reverse = direction ? "_reverse" : "";
        char name[128];
        snprintf(name, sizeof name, "%s.weight_ih_l%zu%s", prefix, layer, reverse);
        add_tensor(model, state, name, rows, of.input);
        snprintf(name, sizeof name, "%s.weight_hh_l%zu%s", prefix, layer, reverse);
        add_tensor(model, state, name, rows, of.hidden);
        snprintf(name, sizeof name, "%s.bias_ih_l%zu%s", prefix, layer, reverse);
        add_tensor(model, state, name, rows, 0);
        snprintf(name, sizeof name, "%s.bias_hh_l%zu%s", prefix, layer, reverse);
        add_tensor(model, state, name, rows, 0);
    }
}

// Weights of a convolution are those of a matrix of as many rows.
static void add_front(random_model *model, uint64_t *state, const grus_config *config)
{
    for (size_t i = 0; i < config->n_front; i++) {
        const grus_front_layer_config *layer = config->front + i;
        char name[128];
        if (layer->kind == GRUS_FRONT_MAX_POOL)
            continue;
        snprintf(name, sizeof name, "front.%zu.weight", i);
        add_tensor(model, state, name, layer->output, layer->input * layer->kernel);
        if (layer->kind == GRUS_FRONT_CONV1D) {
            random_tensor *tensor = &model->tensors[model->n - 1];
            tensor->rank = 3;
            tensor->shape[1] = layer->input;
            tensor->shape[2] = layer->kernel;
        }
        snprintf(name, sizeof name, "front.%zu.bias", i);
        add_tensor(model, state, name, layer->output, 0);
    }
}

static void add_encoder(random_model *model, uint64_t *state, const grus_config *config)
{
    size_t hidden = config->encoder.hidden_size, input = grus_config_input_size(config);
    size_t n_cells = 0;
    for (size_t layer = 0; layer < config->encoder.num_layers; layer++) {
        size_t size = grus_config_layer_size(config, layer);
        add_layer(model, state, "encoder.rnn",
                  (layer_shape){layer, size / hidden, input, hidden, config->encoder.cell.kind});
        input = size;
        n_cells += size / hidden;
    }
    if (config->encoder.learned_state)
        add_tensor(model, state, "encoder.initial_state", n_cells, hidden);
    if (config->encoder.learned_state && config->encoder.cell.kind == GRUS_CELL_LSTM)
        add_tensor(model, state, "encoder.initial_cell", n_cells, hidden);
}

static void add_attention(random_model *model, uint64_t *state, const grus_attention_config *config, size_t query,
                          size_t key)
{
    static const char *const parts[] = {"query", "key", "value", "output"};
    for (size_t i = 0; i < 4 && config->heads; i++) {
        char name[64];
        size_t rows = i == 3 ? config->context_dim : config->size, columns = i == 3 ? config->size : key;
        snprintf(name, sizeof name, "attention.%s.weight", parts[i]);
        add_tensor(model, state, name, rows, i == 0 && query ? query : columns);
        snprintf(name, sizeof name, "attention.%s.bias", parts[i]);
        add_tensor(model, state, name, rows, 0);
    }
    if (config->score == GRUS_SCORE_GENERAL)
        add_tensor(model, state, "attention.general.weight", key, query ? query : key);
    if (config->score == GRUS_SCORE_ADDITIVE) {
        if (query)
            add_tensor(model, state, "attention.query.weight", config->size, query);
        add_tensor(model, state, "attention.key.weight", config->size, key);
        add_tensor(model, state, "attention.key.bias", config->size, 0);
        add_tensor(model, state, "attention.energy.weight", 1, config->size);
    } else if (query == 0) {
        add_tensor(model, state, "attention.context", key, 0);
    }
}

static size_t parts_size(const grus_config *config, const grus_part *parts, size_t n)
{
    const grus_decoder_config *decoder = &config->decoder;
    size_t readout = decoder->readout_size, size = 0;
    for (size_t i = 0; i < n; i++)
        size += parts[i] == GRUS_PART_EMBEDDING ? decoder->embedding_dim
                : parts[i] == GRUS_PART_CONTEXT ? grus_config_context_size(config, &config->attention)
                : parts[i] == GRUS_PART_STATE   ? decoder->hidden_size
                : readout                       ? readout
                                                : parts_size(config, decoder->readout, decoder->n_readout);
    return size;
}

static void add_decoder(random_model *model, uint64_t *state, const grus_config *config)
{
    const grus_decoder_config *decoder = &config->decoder;
    size_t values = grus_config_output_size(config), hidden = decoder->hidden_size;
    size_t readout =
        decoder->readout_size ? decoder->readout_size : parts_size(config, decoder->readout, decoder->n_readout);
    size_t input = parts_size(config, decoder->inputs, decoder->n_inputs);
    add_tensor(model, state, "decoder.embedding.weight", decoder->vocab_size, decoder->embedding_dim);
    for (size_t layer = 0; layer < decoder->num_layers; layer++)
        add_layer(model, state, "decoder.rnn",
                  (layer_shape){layer, 1, layer ? hidden : input, hidden, decoder->cell.kind});
    if (decoder->conditional)
        add_layer(
            model, state, "decoder.rnn2",
            (layer_shape){0, 1, grus_config_context_size(config, &config->attention), hidden, decoder->cell.kind});
    add_attention(model, state, &config->attention,
                  decoder->query == GRUS_QUERY_EMBEDDING ? decoder->embedding_dim : hidden, values);
    if (decoder->bridge == GRUS_BRIDGE_LINEAR_TANH || decoder->bridge == GRUS_BRIDGE_MEAN_TANH) {
        add_tensor(model, state, "bridge.weight", decoder->num_layers * hidden, values);
        add_tensor(model, state, "bridge.bias", decoder->num_layers * hidden, 0);
    }
    if (decoder->readout_size)
        add_tensor(model, state, "decoder.readout.weight", readout,
                   parts_size(config, decoder->readout, decoder->n_readout));
    if (!decoder->tied)
        add_tensor(model, state, "decoder.output.weight", decoder->vocab_size, readout);
}

static size_t head_inputs(const grus_config *config, const grus_head_config *head)
{
    size_t columns = head->on_token ? 0 : grus_config_pooled_size(config);
    for (size_t i = 0; i < head->n_inputs && head->on_token; i++) {
        grus_head_input input = head->inputs[i];
        columns += input == GRUS_HEAD_SOURCE   ? grus_config_input_size(config)
                   : input == GRUS_HEAD_POOLED ? grus_config_pooled_size(config)
                   : input >= GRUS_HEAD_LAYER  ? grus_config_layer_size(config, input - GRUS_HEAD_LAYER)
                                               : grus_config_output_size(config);
    }
    return columns;
}

static void add_crf(random_model *model, uint64_t *state, const grus_head_config *head)
{
    static const char *const parts[] = {"transitions", "start", "end"};
    for (size_t i = 0; i < 3; i++) {
        char name[128];
        snprintf(name, sizeof name, "heads.%s.%s", head->name, parts[i]);
        add_tensor(model, state, name, head->n_labels, i ? 0 : head->n_labels);
    }
}

void random_model_make(random_model *model, const grus_config *config, uint64_t seed)
{
    uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
    size_t values = grus_config_output_size(config);
    *model = (random_model){.n = 0};
    if (!config->features)
        add_tensor(model, &state, "encoder.embedding.weight", config->source_vocab_size, config->embedding_dim);
    add_front(model, &state, config);
    add_encoder(model, &state, config);
    if (config->seq2seq) {
        add_decoder(model, &state, config);
        return;
    }
    if (config->pooling.kind == GRUS_POOL_ATTENTION)
        add_attention(model, &state, &config->pooling.attention, config->pooling.learned_query ? 0 : values, values);
    for (size_t i = 0; i < config->n_heads; i++) {
        char name[128];
        const grus_head_config *head = &config->heads[i];
        size_t columns = head_inputs(config, head);
        for (size_t k = 0; k < head->n_hidden; k++) {
            snprintf(name, sizeof name, "heads.%s.hidden.%zu.weight", head->name, k);
            add_tensor(model, &state, name, head->hidden[k].size, columns);
            columns = head->hidden[k].size;
        }
        snprintf(name, sizeof name, "heads.%s.weight", head->name);
        add_tensor(model, &state, name, head->n_labels, columns);
        if (head->decode == GRUS_HEAD_CRF)
            add_crf(model, &state, head);
    }
}

void random_front(uint64_t *state, size_t input, grus_front_layer_config *layers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        grus_front_layer_config *layer = layers + i;
        *layer = (grus_front_layer_config){.kind = (grus_front_kind)random_below(state, 3),
                                           .input = i ? layers[i - 1].output : input,
                                           .kernel = 1,
                                           .stride = 1,
                                           .dilation = 1};
        layer->output = layer->kind == GRUS_FRONT_MAX_POOL ? layer->input : 1 + random_below(state, 40);
        if (layer->kind != GRUS_FRONT_MAX_POOL)
            layer->activation = (grus_activation)random_below(state, 5);
        if (layer->kind == GRUS_FRONT_LINEAR)
            continue;
        layer->kernel = 1 + random_below(state, 6);
        layer->stride = 1 + random_below(state, 2) * random_below(state, 3);
        if (layer->kind == GRUS_FRONT_CONV1D)
            layer->dilation = 1 + random_below(state, 2) * random_below(state, 3);
        size_t most = layer->kind == GRUS_FRONT_CONV1D ? layer->dilation * (layer->kernel - 1) : layer->kernel / 2;
        layer->padding = random_below(state, most + 1);
    }
}

void random_model_free(random_model *model)
{
    for (size_t i = 0; i < model->n; i++)
        free(model->tensors[i].data);
    model->n = 0;
}

static const random_tensor *find_tensor(const random_model *model, const char *name)
{
    for (size_t i = 0; i < model->n; i++)
        if (strcmp(model->tensors[i].name, name) == 0)
            return &model->tensors[i];
    return NULL;
}

const float *random_model_get(const random_model *model, const char *name)
{
    const random_tensor *tensor = find_tensor(model, name);
    return tensor ? tensor->data : NULL;
}

static bool find(void *user, const char *name, grus_tensor *tensor)
{
    const random_tensor *found = find_tensor(user, name);
    if (!found)
        return false;
    *tensor = (grus_tensor){.dtype = GRUS_F32,
                            .rank = found->rank,
                            .shape = {found->shape[0], found->shape[1], found->shape[2]},
                            .count = found->count,
                            .data = found->data,
                            .name = found->name};
    return true;
}

grus_tensors random_model_tensors(random_model *model)
{
    return (grus_tensors){find, model, "random model"};
}

void random_config_condition(grus_decoder_config *decoder)
{
    size_t n = 0;
    decoder->conditional = true;
    decoder->query = GRUS_QUERY_STATE;
    decoder->num_layers = 1;
    if (decoder->cell.kind == GRUS_CELL_LSTM)
        decoder->cell = (grus_cell_config){0};
    for (size_t i = 0; i < decoder->n_inputs; i++)
        if (decoder->inputs[i] != GRUS_PART_CONTEXT)
            decoder->inputs[n++] = decoder->inputs[i];
    if (n == 0)
        decoder->inputs[n++] = GRUS_PART_EMBEDDING;
    decoder->n_inputs = n;
}
