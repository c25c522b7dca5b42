// describe.c: a model as a table for people. Its JSON is describe_json.c's, shards are describe_shard.c's.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <string.h>

#include "api/describe_json.h"
#include "api/table.h"
#include "base/names.h"
#include "base/text.h"
#include "scheduler/model.h"

static void print_parts(grus_buffer *to, const grus_part *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        grus_buffer_printf(to, "%s%s", i ? " + " : "", grus_part_names[parts[i]]);
}

static void print_attention(grus_buffer *to, const grus_attention_config *attention)
{
    grus_buffer_printf(to, "%s", grus_score_names[attention->score]);
    if (attention->heads)
        grus_buffer_printf(to, ", %zu head%s", attention->heads, attention->heads == 1 ? "" : "s");
    if (attention->size)
        grus_buffer_printf(to, ", size %zu", attention->size);
    if (attention->heads)
        grus_buffer_printf(to, ", context %zu", attention->context_dim);
    if (attention->temperature < 1 || attention->temperature > 1)
        grus_buffer_printf(to, ", temperature %g", attention->temperature);
}

static void print_pooling(grus_buffer *to, const grus_pooling_config *pooling)
{
    grus_buffer_printf(to, "pooling       %s", grus_pooling_names[pooling->kind]);
    if (pooling->kind == GRUS_POOL_ATTENTION) {
        grus_buffer_printf(to, " of a %s query, ", pooling->learned_query ? "learned" : "last_hidden");
        print_attention(to, &pooling->attention);
    }
    grus_buffer_printf(to, "%s\n", pooling->normalize ? ", normalised" : "");
}

// The kind in capitals, and what of it is no default.
static void print_cell(grus_buffer *to, const grus_cell_config *cell)
{
    for (const char *kind = grus_cell_names[cell->kind]; *kind; kind++)
        grus_buffer_byte(to, (char)(*kind - ('a' - 'A')));
    if (cell->reset != GRUS_RESET_AFTER)
        grus_buffer_printf(to, ", reset %s", grus_reset_names[cell->reset]);
    if (cell->gate_activation != GRUS_GATE_SIGMOID)
        grus_buffer_printf(to, ", %s", grus_gate_activation_names[cell->gate_activation]);
    if (cell->activation != GRUS_CELL_TANH)
        grus_buffer_printf(to, ", %s%s", cell->activation == GRUS_CELL_LINEAR ? "activation " : "",
                           grus_cell_activation_names[cell->activation]);
}

// Of all layers, or of each, where they differ.
static void print_directions(grus_buffer *to, const grus_config *config)
{
    size_t layers = config->encoder.directions ? config->encoder.num_layers : 1;
    for (size_t i = 0; i < layers; i++) {
        grus_direction direction = grus_config_direction(config, i);
        grus_buffer_printf(to, "%s%s%s", i ? ", " : "", grus_direction_names[direction],
                           direction == GRUS_BOTH && layers == 1 ? " directions" : "");
    }
}

static void print_window(grus_buffer *to, const grus_front_layer_config *layer)
{
    grus_buffer_printf(to, ", stride %zu", layer->stride);
    if (layer->padding)
        grus_buffer_printf(to, ", padding %zu", layer->padding);
    if (layer->dilation > 1)
        grus_buffer_printf(to, ", dilation %zu", layer->dilation);
}

static void print_front(grus_buffer *to, const grus_front_layer_config *layer)
{
    grus_buffer_printf(to, "front         %s", grus_front_names[layer->kind]);
    switch (layer->kind) {
    case GRUS_FRONT_CONV1D:
        grus_buffer_printf(to, " to %zu channels, kernel %zu", layer->output, layer->kernel);
        print_window(to, layer);
        break;
    case GRUS_FRONT_LINEAR:
        grus_buffer_printf(to, " to %zu values", layer->output);
        break;
    case GRUS_FRONT_MAX_POOL:
        grus_buffer_printf(to, " of %zu positions", layer->kernel);
        print_window(to, layer);
        break;
    }
    if (layer->activation != GRUS_ACTIVATION_NONE)
        grus_buffer_printf(to, ", %s", grus_activation_names[layer->activation]);
    grus_buffer_byte(to, '\n');
}

// What it reads where it is not the default.
static void print_head_inputs(grus_buffer *to, const grus_head_config *head)
{
    bool plain = head->n_inputs == 0 || (head->n_inputs == 1 && head->inputs[0] == GRUS_HEAD_STATE);
    for (size_t i = 0; i < head->n_inputs && !plain; i++) {
        char word[GRUS_HEAD_INPUT_NAME];
        grus_buffer_printf(to, "%s%s", i ? " + " : " of ", grus_head_input_name(head->inputs[i], word));
    }
}

static void print_head(grus_buffer *to, const grus_head_config *head)
{
    char name[GRUS_TABLE_NAME];
    grus_buffer_printf(to, "head          %s, %zu %s on %s", grus_table_printable(head->name, name), head->n_labels,
                       head->activation == GRUS_HEAD_NUMBERS ? "numbers" : "labels",
                       head->on_token ? "tokens" : "sequences");
    print_head_inputs(to, head);
    for (size_t i = 0; i < head->n_hidden; i++)
        grus_buffer_printf(to, ", hidden %zu %s", head->hidden[i].size,
                           grus_activation_names[head->hidden[i].activation]);
    if (head->activation == GRUS_HEAD_SIGMOID)
        grus_buffer_printf(to, ", sigmoid, threshold %g", (double)head->threshold);
    if (head->decode != GRUS_HEAD_ARGMAX)
        grus_buffer_printf(to, ", %s", grus_head_decode_names[head->decode]);
    grus_buffer_byte(to, '\n');
}

static void print_encoder(grus_buffer *to, const grus_model *model)
{
    const grus_config *config = &model->config;
    grus_buffer_printf(to, "model         %s, %s\n", model->dir, config->seq2seq ? "seq2seq" : "encoder");
    if (config->features)
        grus_buffer_printf(to, "source        features of %zu values\n", config->feature_dim);
    else
        grus_buffer_printf(to, "source        %s, %zu tokens, embedding of %zu\n",
                           grus_tokenizer_names[config->tokenizer.kind], model->facts.source_vocab,
                           config->embedding_dim);
    for (size_t i = 0; i < config->n_front; i++)
        print_front(to, config->front + i);
    grus_buffer_text(to, "encoder       ");
    print_cell(to, &config->encoder.cell);
    grus_buffer_printf(to, ", %zu %s of %zu units, ", config->encoder.num_layers,
                       config->encoder.num_layers == 1 ? "layer" : "layers", config->encoder.hidden_size);
    print_directions(to, config);
    if (config->encoder.learned_state)
        grus_buffer_text(to, ", learned initial states");
    grus_buffer_byte(to, '\n');
    if (config->pooling.kind != GRUS_POOL_NONE)
        print_pooling(to, &config->pooling);
    for (size_t i = 0; i < config->n_heads; i++)
        print_head(to, &config->heads[i]);
}

static void print_decoder(grus_buffer *to, const grus_model *model)
{
    const grus_decoder_config *decoder = &model->config.decoder;
    if (decoder->query != GRUS_QUERY_NONE) {
        grus_buffer_printf(to, "attention     ");
        print_attention(to, &model->config.attention);
        grus_buffer_printf(to, ", query %s\n", grus_query_names[decoder->query]);
    }
    grus_buffer_printf(to, "target        %s, %zu tokens, embedding of %zu%s\n",
                       grus_tokenizer_names[decoder->tokenizer.kind], model->facts.target_vocab, decoder->embedding_dim,
                       decoder->tied ? ", tied" : "");
    grus_buffer_text(to, "decoder       ");
    print_cell(to, &decoder->cell);
    if (decoder->conditional)
        grus_buffer_text(to, ", conditional");
    grus_buffer_printf(to, ", %zu %s of %zu units on ", decoder->num_layers,
                       decoder->num_layers == 1 ? "layer" : "layers", decoder->hidden_size);
    print_parts(to, decoder->inputs, decoder->n_inputs);
    grus_buffer_printf(to, "; bridge %s\n", grus_bridge_names[decoder->bridge]);
    grus_buffer_printf(to, "readout       ");
    print_parts(to, decoder->readout, decoder->n_readout);
    if (decoder->readout_size)
        grus_buffer_printf(to, ", size %zu", decoder->readout_size);
    grus_buffer_printf(to, "%s\n", decoder->readout_tanh ? ", tanh" : "");
    grus_buffer_printf(to, "search        beam %zu, n-best %zu, at most %zu steps\n",
                       model->config.generation.beam_size, model->config.generation.n_best,
                       model->config.generation.max_length);
}

static void print_tensors(grus_buffer *to, const grus_model *model)
{
    int widest = 6;
    size_t bytes = 0;
    for (size_t i = 0; i < model->n_tensors; i++) {
        widest = grus_table_widen(model->tensors[i].name, widest);
        bytes += model->tensors[i].bytes;
    }
    grus_table_begin(to, widest);
    for (size_t i = 0; i < model->n_tensors; i++)
        grus_table_tensor(to, widest, &model->tensors[i]);
    grus_buffer_printf(to, "%-*s  %-5s  %10zu\n", widest, "all", "", bytes);
}

static void print_costs(grus_buffer *to, const grus_model *model)
{
    const grus_engine_facts *facts = &model->facts;
    grus_buffer_printf(to, "parameters    %zu, %.1f MiB when packed\n", facts->parameters,
                       (double)facts->weight_bytes / (1024 * 1024));
    grus_buffer_printf(to, "FLOPs         %.0f a source position", facts->encoder_flops);
    if (model->config.seq2seq)
        grus_buffer_printf(to, ", %.0f a generated token and hypothesis, both without attention", facts->decoder_flops);
    else
        grus_buffer_printf(to, " without pooling and heads");
    grus_buffer_printf(to, "\nmemory        %zu bytes a source position, %zu a lane, %zu lanes\n",
                       facts->position_bytes, facts->lane_bytes, facts->lanes);
}

static void print_model(grus_buffer *to, const grus_model *model)
{
    print_encoder(to, model);
    if (model->config.seq2seq)
        print_decoder(to, model);
    print_costs(to, model);
    grus_buffer_printf(to, "kernel        %s%s\n", model->facts.kernel,
                       model->compute_type == GRUS_COMPUTE_INT8 ? ", int8" : "");
    grus_buffer_printf(to, "hash          %016" PRIx64 "\n", model->hash);
    print_tensors(to, model);
}

grus_status grus_model_describe(const grus_model *model, bool as_json, grus_text *text, grus_error *error)
{
    grus_buffer buffer = {0};
    if (as_json)
        grus_describe_json(model, &buffer);
    else
        print_model(&buffer, model);
    return grus_text_take(text, &buffer, error);
}
