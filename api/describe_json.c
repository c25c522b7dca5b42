// describe_json.c: a model as JSON: what config.json says where it stands in every model, and what the weights have told.
#include "config.h"

#include "api/describe_json.h"

#include <inttypes.h>
#include <string.h>

#include "api/table.h"
#include "base/names.h"
#include "io/json/json_write.h"
#include "io/json/number.h"

static void put_text(grus_buffer *to, const char *name, const char *value)
{
    grus_json_member(to, name);
    grus_json_name(to, value, strlen(value));
}

static void put_count(grus_buffer *to, const char *name, size_t value)
{
    grus_json_member(to, name);
    grus_buffer_printf(to, "%zu", value);
}

static void put_number(grus_buffer *to, const char *name, double value)
{
    grus_json_member(to, name);
    grus_json_double(to, value);
}

static void put_flag(grus_buffer *to, const char *name, bool value)
{
    grus_json_member(to, name);
    grus_buffer_text(to, value ? "true" : "false");
}

static void begin(grus_buffer *to, const char *name, char bracket)
{
    grus_json_member(to, name);
    grus_buffer_byte(to, bracket);
}

// ---- parts of a model ----

static void put_source(grus_buffer *to, const grus_model *model)
{
    const grus_config *config = &model->config;
    begin(to, "source", '{');
    if (config->features) {
        put_count(to, "feature_dim", config->feature_dim);
    } else {
        put_text(to, "tokenizer", grus_tokenizer_names[config->tokenizer.kind]);
        put_count(to, "tokens", model->facts.source_vocab);
        put_count(to, "embedding_dim", config->embedding_dim);
    }
    grus_buffer_byte(to, '}');
}

// What of a layer its kind has.
static void put_front(grus_buffer *to, const grus_front_layer_config *layer)
{
    bool conv = layer->kind == GRUS_FRONT_CONV1D, pool = layer->kind == GRUS_FRONT_MAX_POOL;
    put_text(to, "type", grus_front_names[layer->kind]);
    put_count(to, conv ? "channels" : "size", pool ? layer->kernel : layer->output);
    if (conv)
        put_count(to, "kernel", layer->kernel);
    if (conv || pool) {
        put_count(to, "stride", layer->stride);
        put_count(to, "padding", layer->padding);
    }
    if (conv)
        put_count(to, "dilation", layer->dilation);
    if (!pool)
        put_text(to, "activation", grus_activation_names[layer->activation]);
}

static void put_fronts(grus_buffer *to, const grus_config *config)
{
    if (config->n_front == 0)
        return;
    begin(to, "front", '[');
    for (size_t i = 0; i < config->n_front; i++) {
        grus_buffer_text(to, i ? ", {" : "{");
        put_front(to, config->front + i);
        grus_buffer_byte(to, '}');
    }
    grus_buffer_byte(to, ']');
}

// What of it is no default.
static void put_cell(grus_buffer *to, const grus_cell_config *cell)
{
    if (cell->kind != GRUS_CELL_GRU)
        put_text(to, "cell", grus_cell_names[cell->kind]);
    if (cell->reset != GRUS_RESET_AFTER)
        put_text(to, "reset", grus_reset_names[cell->reset]);
    if (cell->gate_activation != GRUS_GATE_SIGMOID)
        put_text(to, "gate_activation", grus_gate_activation_names[cell->gate_activation]);
    if (cell->activation != GRUS_CELL_TANH)
        put_text(to, "activation", grus_cell_activation_names[cell->activation]);
}

// Whether it has both directions, or what else its layers have.
static void put_direction(grus_buffer *to, const grus_config *config)
{
    grus_direction direction = config->encoder.direction;
    if (config->encoder.directions) {
        begin(to, "direction", '[');
        for (size_t i = 0; i < config->encoder.num_layers; i++)
            grus_buffer_printf(to, "%s\"%s\"", i ? ", " : "", grus_direction_names[config->encoder.directions[i]]);
        grus_buffer_byte(to, ']');
    } else if (direction == GRUS_BACKWARD) {
        put_text(to, "direction", grus_direction_names[direction]);
    } else {
        put_flag(to, "bidirectional", direction == GRUS_BOTH);
    }
}

static void put_encoder(grus_buffer *to, const grus_config *config)
{
    begin(to, "encoder", '{');
    put_count(to, "num_layers", config->encoder.num_layers);
    put_count(to, "hidden_size", config->encoder.hidden_size);
    put_direction(to, config);
    if (config->encoder.learned_state)
        put_text(to, "initial_state", "learned");
    put_cell(to, &config->encoder.cell);
    grus_buffer_byte(to, '}');
}

static void put_attention(grus_buffer *to, const grus_attention_config *attention)
{
    begin(to, "attention", '{');
    put_text(to, "score", grus_score_names[attention->score]);
    if (attention->heads)
        put_count(to, "heads", attention->heads);
    if (attention->size)
        put_count(to, "size", attention->size);
    if (attention->heads)
        put_count(to, "context_dim", attention->context_dim);
    put_number(to, "temperature", attention->temperature);
    grus_buffer_byte(to, '}');
}

static void put_pooling(grus_buffer *to, const grus_pooling_config *pooling)
{
    begin(to, "pooling", '{');
    put_text(to, "type", grus_pooling_names[pooling->kind]);
    if (pooling->kind == GRUS_POOL_ATTENTION) {
        put_text(to, "query", pooling->learned_query ? "learned" : "last_hidden");
        put_attention(to, &pooling->attention);
    }
    put_flag(to, "normalize", pooling->normalize);
    grus_buffer_byte(to, '}');
}

static void put_head_inputs(grus_buffer *to, const grus_head_config *head)
{
    begin(to, "inputs", '[');
    for (size_t i = 0; i < head->n_inputs; i++) {
        char word[GRUS_HEAD_INPUT_NAME];
        grus_buffer_printf(to, "%s\"%s\"", i ? ", " : "", grus_head_input_name(head->inputs[i], word));
    }
    grus_buffer_byte(to, ']');
}

static void put_hidden(grus_buffer *to, const grus_head_config *head)
{
    begin(to, "hidden", '[');
    for (size_t i = 0; i < head->n_hidden; i++) {
        grus_buffer_text(to, i ? ", {" : "{");
        put_count(to, "size", head->hidden[i].size);
        put_text(to, "activation", grus_activation_names[head->hidden[i].activation]);
        grus_buffer_byte(to, '}');
    }
    grus_buffer_byte(to, ']');
}

// Behind the first three what is no default.
static void put_head(grus_buffer *to, const grus_head_config *head)
{
    put_text(to, "name", head->name);
    put_count(to, head->activation == GRUS_HEAD_NUMBERS ? "size" : "labels", head->n_labels);
    put_flag(to, "on_token", head->on_token);
    if (head->n_inputs > 1 || (head->n_inputs == 1 && head->inputs[0] != GRUS_HEAD_STATE))
        put_head_inputs(to, head);
    if (head->n_hidden)
        put_hidden(to, head);
    if (head->activation != GRUS_HEAD_SOFTMAX)
        put_text(to, "activation", grus_head_activation_names[head->activation]);
    if (head->activation == GRUS_HEAD_SIGMOID) {
        grus_json_member(to, "threshold");
        grus_json_float(to, head->threshold);
    }
    if (head->decode != GRUS_HEAD_ARGMAX)
        put_text(to, "decode", grus_head_decode_names[head->decode]);
}

static void put_heads(grus_buffer *to, const grus_config *config)
{
    begin(to, "heads", '[');
    for (size_t i = 0; i < config->n_heads; i++) {
        grus_buffer_text(to, i ? ", {" : "{");
        put_head(to, config->heads + i);
        grus_buffer_byte(to, '}');
    }
    grus_buffer_byte(to, ']');
}

static void put_parts(grus_buffer *to, const char *name, const grus_part *parts, size_t n)
{
    begin(to, name, '[');
    for (size_t i = 0; i < n; i++)
        grus_buffer_printf(to, "%s\"%s\"", i ? ", " : "", grus_part_names[parts[i]]);
    grus_buffer_byte(to, ']');
}

static void put_decoder(grus_buffer *to, const grus_model *model)
{
    const grus_decoder_config *decoder = &model->config.decoder;
    begin(to, "decoder", '{');
    put_text(to, "tokenizer", grus_tokenizer_names[decoder->tokenizer.kind]);
    put_count(to, "tokens", model->facts.target_vocab);
    put_count(to, "embedding_dim", decoder->embedding_dim);
    put_count(to, "num_layers", decoder->num_layers);
    put_count(to, "hidden_size", decoder->hidden_size);
    put_cell(to, &decoder->cell);
    if (decoder->conditional)
        put_flag(to, "conditional", true);
    put_text(to, "bridge", grus_bridge_names[decoder->bridge]);
    if (decoder->query != GRUS_QUERY_NONE)
        put_text(to, "query", grus_query_names[decoder->query]);
    put_parts(to, "inputs", decoder->inputs, decoder->n_inputs);
    put_parts(to, "readout", decoder->readout, decoder->n_readout);
    put_count(to, "readout_size", decoder->readout_size);
    put_flag(to, "readout_tanh", decoder->readout_tanh);
    put_flag(to, "tied", decoder->tied);
    grus_buffer_byte(to, '}');
}

static void put_generation(grus_buffer *to, const grus_search *search)
{
    begin(to, "generation", '{');
    put_count(to, "beam_size", search->beam_size);
    put_count(to, "n_best", search->n_best);
    put_text(to, "length_norm", grus_norm_names[search->length_norm]);
    put_number(to, "length_penalty", search->length_penalty);
    put_number(to, "max_length_factor", search->max_length_factor);
    put_count(to, "max_length", search->max_length);
    put_count(to, "min_length", search->min_length);
    grus_buffer_byte(to, '}');
}

// ---- what the weights have told ----

static void put_facts(grus_buffer *to, const grus_model *model)
{
    const grus_engine_facts *facts = &model->facts;
    put_count(to, "parameters", facts->parameters);
    put_count(to, "packed_bytes", facts->weight_bytes);
    put_number(to, "encoder_flops", facts->encoder_flops);
    if (model->config.seq2seq)
        put_number(to, "decoder_flops", facts->decoder_flops);
    put_count(to, "position_bytes", facts->position_bytes);
    put_count(to, "lane_bytes", facts->lane_bytes);
    put_count(to, "lanes", facts->lanes);
    put_text(to, "compute_type", grus_compute_names[model->compute_type]);
    put_text(to, "kernel", model->facts.kernel);
    grus_json_member(to, "hash");
    grus_buffer_printf(to, "\"%016" PRIx64 "\"", model->hash);
}

static void put_prefixes(grus_buffer *to, const grus_model *model)
{
    const char *own, *in_file;
    begin(to, "prefixes", '{');
    for (size_t i = 0; grus_model_prefix(model, i, &own, &in_file); i++)
        put_text(to, own, in_file);
    grus_buffer_byte(to, '}');
}

static void put_tensors(grus_buffer *to, const grus_model *model)
{
    begin(to, "tensors", '[');
    for (size_t i = 0; i < model->n_tensors; i++) {
        grus_buffer_text(to, i ? ", {" : "{");
        grus_table_json(to, &model->tensors[i]);
        put_flag(to, "used", model->tensors[i].used);
        grus_buffer_byte(to, '}');
    }
    grus_buffer_byte(to, ']');
}

void grus_describe_json(const grus_model *model, grus_buffer *to)
{
    const grus_config *config = &model->config;
    grus_buffer_byte(to, '{');
    put_text(to, "model", model->dir);
    put_text(to, "type", config->seq2seq ? "seq2seq" : "encoder");
    put_text(to, "task", grus_task_names[grus_model_task(model)]);
    put_source(to, model);
    put_fronts(to, config);
    put_encoder(to, config);
    put_pooling(to, &config->pooling);
    put_heads(to, config);
    if (config->seq2seq) {
        if (config->decoder.query != GRUS_QUERY_NONE)
            put_attention(to, &config->attention);
        put_decoder(to, model);
        put_generation(to, &config->generation);
    }
    put_facts(to, model);
    put_prefixes(to, model);
    put_tensors(to, model);
    grus_buffer_text(to, "}\n");
}
