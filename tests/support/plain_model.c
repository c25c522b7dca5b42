// plain_model.c: cells, encoder and decoder of a random model in double.
#include "config.h"

#include "tests/support/plain_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

// ---- cells ----

typedef struct plain_cell {
    grus_cell_config config;
    size_t input, hidden;
    const float *weight_ih, *weight_hh, *bias_ih, *bias_hh;
} plain_cell;

static const float *tensor(const random_model *model, const char *prefix, const char *kind, size_t layer, bool backward)
{
    char name[128];
    snprintf(name, sizeof name, "%s.%s_l%zu%s", prefix, kind, layer, backward ? "_reverse" : "");
    return random_model_get(model, name);
}

static void find_tensors(plain_cell *cell, const random_model *model, const char *prefix, size_t layer, bool backward)
{
    cell->weight_ih = tensor(model, prefix, "weight_ih", layer, backward);
    cell->weight_hh = tensor(model, prefix, "weight_hh", layer, backward);
    cell->bias_ih = tensor(model, prefix, "bias_ih", layer, backward);
    cell->bias_hh = tensor(model, prefix, "bias_hh", layer, backward);
}

static double sigma(double x)
{
    return 1 / (1 + exp(-x));
}

static double gate_of(const grus_cell_config *cell, double x)
{
    return cell->gate_activation == GRUS_GATE_HARD_SIGMOID ? fmin(1, fmax(0, 0.2 * x + 0.5)) : sigma(x);
}

static double candidate_of(const grus_cell_config *cell, double x)
{
    return cell->activation == GRUS_CELL_TANH ? tanh(x) : cell->activation == GRUS_CELL_RELU ? fmax(0, x) : x;
}

static double row_by(const float *weight, size_t row, size_t columns, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < columns; i++)
        sum += (double)weight[row * columns + i] * x[i];
    return sum;
}

static double input_of(const plain_cell *c, size_t row, const double *x)
{
    return row_by(c->weight_ih, row, c->input, x) + (double)c->bias_ih[row];
}

static double recurrent_of(const plain_cell *c, size_t row, const double *h)
{
    return row_by(c->weight_hh, row, c->hidden, h) + (double)c->bias_hh[row];
}

// nn.LSTM; c lies behind h.
static void step_lstm(const plain_cell *cell, const double *x, double *h)
{
    size_t hidden = cell->hidden;
    double *sum = calloc(4 * hidden, sizeof *sum), *c = h + hidden;
    for (size_t j = 0; j < 4 * hidden; j++)
        sum[j] = input_of(cell, j, x) + recurrent_of(cell, j, h);
    for (size_t j = 0; j < hidden; j++) {
        double i = sigma(sum[j]), f = sigma(sum[hidden + j]), g = tanh(sum[2 * hidden + j]),
               o = sigma(sum[3 * hidden + j]);
        c[j] = f * c[j] + i * g;
        h[j] = o * tanh(c[j]);
    }
    free(sum);
}

// h, and of an LSTM the c behind it, become the state behind x.
static void step_cell(const plain_cell *c, const double *x, double *h)
{
    if (c->config.kind == GRUS_CELL_LSTM) {
        step_lstm(c, x, h);
        return;
    }
    size_t hidden = c->hidden;
    double *r = calloc(4 * hidden, sizeof *r), *z = r + hidden, *reset = z + hidden, *next = reset + hidden;
    for (size_t j = 0; j < hidden; j++) {
        r[j] = gate_of(&c->config, input_of(c, j, x) + recurrent_of(c, j, h));
        z[j] = gate_of(&c->config, input_of(c, hidden + j, x) + recurrent_of(c, hidden + j, h));
        reset[j] = r[j] * h[j];
    }
    for (size_t j = 0; j < hidden; j++) {
        size_t row = 2 * hidden + j;
        double recurrent =
            c->config.reset == GRUS_RESET_BEFORE ? recurrent_of(c, row, reset) : r[j] * recurrent_of(c, row, h);
        double n = candidate_of(&c->config, input_of(c, row, x) + recurrent);
        next[j] = (1 - z[j]) * n + z[j] * h[j];
    }
    memcpy(h, next, hidden * sizeof *h);
    free(r);
}

// ---- the encoder ----

// One direction of a layer: in is (length, input), out (length, ld), this direction's columns; final and final_cell are its
// state.
typedef struct plain_pass {
    size_t length, ld;
    bool backward;
    const double *in;
    double *out, *final, *final_cell;
    const float *first, *first_cell; // before a sequence; NULL: zeros
} plain_pass;

static void run_pass(const plain_cell *cell, const plain_pass *p)
{
    size_t hidden = cell->hidden;
    double *state = calloc(2 * hidden, sizeof *state);
    for (size_t i = 0; i < hidden && p->length > 0; i++) {
        state[i] = p->first ? (double)p->first[i] : 0;
        state[hidden + i] = p->first_cell ? (double)p->first_cell[i] : 0;
    }
    for (size_t step = 0; step < p->length; step++) {
        size_t t = p->backward ? p->length - 1 - step : step;
        step_cell(cell, p->in + t * cell->input, state);
        memcpy(p->out + t * p->ld, state, hidden * sizeof *p->out);
    }
    memcpy(p->final, state, hidden * sizeof *state);
    memcpy(p->final_cell, state + hidden, hidden * sizeof *state);
    free(state);
}

size_t plain_finals(const grus_config *config)
{
    size_t size = 0;
    for (size_t layer = 0; layer < config->encoder.num_layers; layer++)
        size += grus_config_layer_size(config, layer);
    return size;
}

void plain_encode(const random_model *model, const grus_config *config, const uint32_t *ids, size_t length,
                  double *output, double *final)
{
    size_t hidden = config->encoder.hidden_size, input = config->embedding_dim, layers = config->encoder.num_layers;
    double *in = calloc(length * grus_max(input, 2 * hidden) + 1, sizeof *in),
           *out = calloc(length * 2 * hidden + 1, sizeof *out);
    const float *embedding = random_model_get(model, "encoder.embedding.weight");
    const float *first = random_model_get(model, "encoder.initial_state"),
                *first_cell = random_model_get(model, "encoder.initial_cell");
    double *final_cell = final + plain_finals(config);
    for (size_t i = 0; i < length * input; i++)
        in[i] = (double)embedding[ids[i / input] * input + i % input];
    for (size_t layer = 0; layer < layers; layer++) {
        size_t width = grus_config_layer_size(config, layer);
        bool backward = grus_config_direction(config, layer) == GRUS_BACKWARD;
        for (size_t direction = 0; direction * hidden < width; direction++) {
            plain_cell cell = {.config = config->encoder.cell, .input = input, .hidden = hidden};
            find_tensors(&cell, model, "encoder.rnn", layer, direction);
            run_pass(&cell, &(plain_pass){length, width, backward || direction, in, out + direction * hidden, final,
                                          final_cell, first, first_cell});
            final += hidden;
            final_cell += hidden;
            first = first ? first + hidden : NULL;
            first_cell = first_cell ? first_cell + hidden : NULL;
        }
        memcpy(layer + 1 < layers ? in : output, out, length * width * sizeof *in);
        input = width;
    }
    free(out);
    free(in);
}

// ---- the decoder ----

// Parts by their numbers, GRUS_PART_…; all rows of one block.
typedef struct plain_decoder {
    const random_model *model;
    const grus_config *config;
    size_t length, values, layers, hidden; // of the source; D, layers and H of the decoder
    double *output;                        // (length, D)
    double *state;                         // (layers, 2, H): h and c
    double *part[4];
    size_t size[4];
    double *x; // room for any parts together
} plain_decoder;

static size_t join(const plain_decoder *d, const grus_part *parts, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; size += d->size[parts[i++]])
        memcpy(d->x + size, d->part[parts[i]], d->size[parts[i]] * sizeof *d->x);
    return size;
}

static void attend(plain_decoder *d, const double *query, size_t size)
{
    const float *weight = random_model_get(d->model, "attention.general.weight");
    double *context = d->part[GRUS_PART_CONTEXT], *energy = calloc(d->length + 1, sizeof *energy);
    double most = -INFINITY, sum = 0;
    for (size_t t = 0; t < d->length; t++) {
        for (size_t i = 0; i < d->values; i++)
            energy[t] += row_by(weight, i, size, query) * d->output[t * d->values + i];
        energy[t] /= d->config->attention.temperature;
        most = fmax(most, energy[t]);
    }
    memset(context, 0, d->values * sizeof *context);
    for (size_t t = 0; t < d->length; t++)
        sum += energy[t] = exp(energy[t] - most);
    for (size_t i = 0; i < d->length * d->values; i++)
        context[i % d->values] += energy[i / d->values] / sum * d->output[i];
    free(energy);
}

// Attention with a query of this kind, if the decoder's is one.
static void attend_by(plain_decoder *d, grus_query_kind query)
{
    if (d->config->decoder.query != query)
        return;
    if (query == GRUS_QUERY_EMBEDDING)
        attend(d, d->part[GRUS_PART_EMBEDDING], d->size[GRUS_PART_EMBEDDING]);
    else
        attend(d, d->part[GRUS_PART_STATE], d->hidden);
}

static void make_readout(plain_decoder *d)
{
    const grus_decoder_config *config = &d->config->decoder;
    size_t columns = join(d, config->readout, config->n_readout);
    double *readout = d->part[GRUS_PART_READOUT];
    for (size_t i = 0; i < d->size[GRUS_PART_READOUT]; i++) {
        if (!config->readout_size)
            readout[i] = d->x[i];
        else
            readout[i] = row_by(random_model_get(d->model, "decoder.readout.weight"), i, columns, d->x);
        if (config->readout_size && config->readout_tanh)
            readout[i] = tanh(readout[i]);
    }
}

static void step_decoder(plain_decoder *d, uint32_t token)
{
    const grus_decoder_config *config = &d->config->decoder;
    const float *embedding = random_model_get(d->model, "decoder.embedding.weight");
    for (size_t i = 0; i < config->embedding_dim; i++)
        d->part[GRUS_PART_EMBEDDING][i] = (double)embedding[token * config->embedding_dim + i];
    attend_by(d, GRUS_QUERY_PREVIOUS_STATE);
    attend_by(d, GRUS_QUERY_EMBEDDING);
    size_t input = join(d, config->inputs, config->n_inputs);
    for (size_t layer = 0; layer < d->layers; layer++) {
        plain_cell cell = {.config = config->cell, .input = input, .hidden = d->hidden};
        double *h = d->state + layer * 2 * d->hidden;
        find_tensors(&cell, d->model, "decoder.rnn", layer, false);
        step_cell(&cell, layer ? h - 2 * d->hidden : d->x, h);
        input = d->hidden;
    }
    attend_by(d, GRUS_QUERY_STATE);
    if (config->conditional) {
        plain_cell cell = {.config = config->cell, .input = d->values, .hidden = d->hidden};
        find_tensors(&cell, d->model, "decoder.rnn2", 0, false);
        step_cell(&cell, d->part[GRUS_PART_CONTEXT], d->state);
    }
    make_readout(d);
}

// The log-probability of a token, and that of the likeliest.
static void score(const plain_decoder *d, uint32_t token, double *logprob, double *best)
{
    const float *weight = random_model_get(d->model, "decoder.output.weight");
    size_t vocab = d->config->decoder.vocab_size;
    double *logit = calloc(vocab, sizeof *logit), most = -INFINITY, sum = 0;
    for (size_t v = 0; v < vocab; v++)
        most = fmax(most, logit[v] = row_by(weight, v, d->size[GRUS_PART_READOUT], d->part[GRUS_PART_READOUT]));
    for (size_t v = 0; v < vocab; v++)
        sum += exp(logit[v] - most);
    *logprob = logit[token] - most - log(sum);
    *best = -log(sum);
    free(logit);
}

static void bridge(plain_decoder *d, const double *final)
{
    grus_bridge_kind kind = d->config->decoder.bridge;
    size_t finals = plain_finals(d->config);
    const double *from = final + finals - d->values;
    double *mean = calloc(d->values, sizeof *mean);
    for (size_t i = 0; i < d->length * d->values; i++)
        mean[i % d->values] += d->output[i] / (double)d->length;
    if (kind == GRUS_BRIDGE_MEAN_TANH)
        from = mean;
    for (size_t i = 0; i < d->layers * d->hidden; i++) {
        double *h = d->state + i / d->hidden * 2 * d->hidden + i % d->hidden;
        if (kind == GRUS_BRIDGE_LAST)
            *h = final[finals - d->layers * d->values + i];
        if (kind == GRUS_BRIDGE_LAST && d->config->encoder.cell.kind == GRUS_CELL_LSTM)
            h[d->hidden] = final[2 * finals - d->layers * d->values + i];
        if (kind == GRUS_BRIDGE_LINEAR_TANH || kind == GRUS_BRIDGE_MEAN_TANH)
            *h = tanh(row_by(random_model_get(d->model, "bridge.weight"), i, d->values, from) +
                      (double)random_model_get(d->model, "bridge.bias")[i]);
    }
    free(mean);
}

static void start(plain_decoder *d, const uint32_t *ids)
{
    const grus_decoder_config *config = &d->config->decoder;
    size_t widest = 0;
    d->size[GRUS_PART_EMBEDDING] = config->embedding_dim;
    d->size[GRUS_PART_CONTEXT] = d->values = grus_config_output_size(d->config);
    d->size[GRUS_PART_STATE] = d->hidden = config->hidden_size;
    d->layers = config->num_layers;
    for (size_t i = 0; i < config->n_readout; i++)
        d->size[GRUS_PART_READOUT] += config->readout_size ? 0 : d->size[config->readout[i]];
    d->size[GRUS_PART_READOUT] += config->readout_size;
    d->state = calloc(2 * d->layers * d->hidden, sizeof *d->state);
    for (size_t part = 0; part < 4; part++) {
        d->part[part] = calloc(d->size[part], sizeof *d->part[part]);
        widest += d->size[part];
    }
    d->x = calloc(widest, sizeof *d->x);
    d->output = calloc(d->length * d->values + 1, sizeof *d->output);
    double *final = calloc(2 * plain_finals(d->config), sizeof *final);
    plain_encode(d->model, d->config, ids, d->length, d->output, final);
    bridge(d, final);
    free(final);
    free(d->part[GRUS_PART_STATE]);
    d->part[GRUS_PART_STATE] = d->state + (d->layers - 1) * 2 * d->hidden; // that of the top layer
}

static void end(plain_decoder *d)
{
    free(d->part[GRUS_PART_EMBEDDING]);
    free(d->part[GRUS_PART_CONTEXT]);
    free(d->part[GRUS_PART_READOUT]);
    free(d->state);
    free(d->x);
    free(d->output);
}

void plain_follow(const random_model *model, const grus_config *config, const uint32_t *ids, size_t length,
                  const uint32_t *tokens, size_t n, const plain_scores *scores)
{
    plain_decoder d = {.model = model, .config = config, .length = length};
    start(&d, ids);
    for (size_t i = 0; i < n; i++) {
        step_decoder(&d, i ? tokens[i - 1] : (uint32_t)config->decoder.bos);
        score(&d, tokens[i], scores->logprob + i, scores->best + i);
    }
    end(&d);
}
