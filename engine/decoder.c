// decoder.c: the decoder's weights: read, checked, packed. Its step is in decoding.c.
#include "config.h"

#include "engine/decoder.h"

#include <stdlib.h>

#include "base/error.h"

static size_t part_size(const grus_decoder *decoder, grus_part part)
{
    switch (part) {
    case GRUS_PART_EMBEDDING:
        return decoder->embedding_size;
    case GRUS_PART_CONTEXT:
        return decoder->values;
    case GRUS_PART_READOUT:
        return decoder->readout_size;
    case GRUS_PART_STATE:
        return decoder->hidden;
    }
    return 0;
}

static size_t parts_size(const grus_decoder *decoder, const grus_part *parts, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += part_size(decoder, parts[i]);
    return size;
}

static grus_status read_affine(const grus_kernel *kernel, const grus_tensor_source *tensors, const char *prefix,
                               size_t rows, size_t columns, grus_weights *weights, float **bias, size_t *parameters,
                               grus_error *error)
{
    grus_status status =
        grus_weights_read(kernel, tensors, prefix, "weight", rows, columns, weights, parameters, error);
    if (!status)
        status = grus_read_optional(tensors, prefix, "bias", rows, 0, bias, parameters, error);
    return status;
}

static grus_status read_embedding(grus_decoder *decoder, const grus_tensor_source *tensors, size_t *parameters,
                                  grus_error *error)
{
    const char *name = "decoder.embedding.weight";
    grus_tensor tensor;
    if (decoder->vocab == 0 && tensors->find(tensors->context, name, &tensor) && tensor.rank == 2)
        decoder->vocab = tensor.shape[0];
    return grus_read_tensor(tensors, name, "", decoder->vocab, decoder->embedding_size, &decoder->embedding, parameters,
                            error);
}

// The columns of one part among several that lie side by side; n is 0 where it is not among them.
static grus_columns columns_of(const grus_decoder *decoder, const grus_part *parts, size_t n, grus_part part)
{
    grus_columns columns = {0, 0};
    for (size_t i = 0; i < n; columns.first += part_size(decoder, parts[i++]))
        if (parts[i] == part)
            return (grus_columns){columns.first, part_size(decoder, part)};
    return columns;
}

// Where the embedding is among the parts; its columns are 0 where it is not.
static grus_embedding embedding_among(const grus_decoder *decoder, const grus_part *parts, size_t n)
{
    grus_columns columns = columns_of(decoder, parts, n, GRUS_PART_EMBEDDING);
    return (grus_embedding){decoder->embedding, decoder->vocab, columns.n, columns.first};
}

static grus_status read_layers(grus_decoder *decoder, const grus_tensor_source *tensors, size_t *parameters,
                               grus_error *error)
{
    const grus_decoder_config *config = decoder->config;
    grus_embedding embedding = embedding_among(decoder, config->inputs, config->n_inputs);
    grus_columns context = columns_of(decoder, config->inputs, config->n_inputs, GRUS_PART_CONTEXT), none = {0, 0};
    size_t input = parts_size(decoder, config->inputs, config->n_inputs);
    grus_status status = GRUS_OK;
    for (size_t layer = 0; layer < decoder->layers && !status; layer++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, "l%zu", layer);
        status = grus_gru_read(decoder->kernel, tensors, "decoder.rnn", suffix, layer ? decoder->hidden : input,
                               decoder->hidden, layer == 0 && embedding.columns ? &embedding : NULL,
                               layer == 0 ? context : none, decoder->gru + layer, parameters, error);
    }
    return status;
}

static grus_status read_readout(grus_decoder *decoder, const grus_tensor_source *tensors, size_t columns,
                                size_t *parameters, grus_error *error)
{
    const grus_decoder_config *config = decoder->config;
    grus_embedding embedding = embedding_among(decoder, config->readout, config->n_readout);
    size_t rows = config->readout_size;
    float *dense = NULL;
    grus_status status =
        grus_read_tensor(tensors, "decoder.readout", "weight", rows, columns, &dense, parameters, error);
    if (!status)
        status = grus_linear_make(
            decoder->kernel, (grus_matrix){dense, rows, columns, columns}, embedding.columns ? &embedding : NULL,
            columns_of(decoder, config->readout, config->n_readout, GRUS_PART_CONTEXT), &decoder->readout, error);
    if (!status)
        status =
            grus_read_optional(tensors, "decoder.readout", "bias", rows, 0, &decoder->readout_bias, parameters, error);
    free(dense);
    return status;
}

static grus_status read_output(grus_decoder *decoder, const grus_tensor_source *tensors, size_t *parameters,
                               grus_error *error)
{
    size_t vocab = decoder->vocab, size = decoder->readout_size;
    if (!decoder->config->tied)
        return read_affine(decoder->kernel, tensors, "decoder.output", vocab, size, &decoder->output,
                           &decoder->output_bias, parameters, error);
    if (size != decoder->embedding_size)
        return grus_fail(error, GRUS_E_MODEL, tensors->file, "decoder.tied",
                         "a tied output needs a readout as long as the embedding, expected %zu, found %zu",
                         decoder->embedding_size, size);
    grus_status status = grus_weights_pack(decoder->kernel, (grus_matrix){decoder->embedding, vocab, size, size},
                                           &decoder->output, error);
    if (!status)
        status =
            grus_read_optional(tensors, "decoder.output", "bias", vocab, 0, &decoder->output_bias, parameters, error);
    return status;
}

static size_t query_size(const grus_decoder *decoder)
{
    return decoder->config->query == GRUS_QUERY_EMBEDDING ? decoder->embedding_size : decoder->hidden;
}

grus_status grus_decoder_read(const grus_kernel *kernel, const grus_config *config, const grus_tensor_source *tensors,
                              grus_decoder *decoder, size_t *parameters, grus_error *error)
{
    const grus_decoder_config *from = &config->decoder;
    *decoder = (grus_decoder){.kernel = kernel,
                              .config = from,
                              .vocab = from->vocab_size,
                              .embedding_size = from->embedding_dim,
                              .hidden = from->hidden_size,
                              .layers = from->num_layers,
                              .values = grus_config_output_size(config)};
    bool last = from->bridge == GRUS_BRIDGE_LAST;
    decoder->first_final =
        config->encoder.num_layers - (last ? grus_min(from->num_layers, config->encoder.num_layers) : 1);
    size_t readout_parts = parts_size(decoder, from->readout, from->n_readout);
    decoder->readout_size = from->readout_size ? from->readout_size : readout_parts;
    decoder->gru = calloc(decoder->layers, sizeof *decoder->gru);
    if (!decoder->gru)
        return grus_fail_memory(error, decoder->layers * sizeof *decoder->gru);
    grus_status status = read_embedding(decoder, tensors, parameters, error);
    if (!status)
        status = read_layers(decoder, tensors, parameters, error);
    if (!status)
        status = grus_attention_read(kernel, &config->attention, tensors, query_size(decoder), decoder->values,
                                     &decoder->attention, parameters, error);
    if (!status && (from->bridge == GRUS_BRIDGE_LINEAR_TANH || from->bridge == GRUS_BRIDGE_MEAN_TANH))
        status = read_affine(kernel, tensors, "bridge", decoder->layers * decoder->hidden, decoder->values,
                             &decoder->bridge, &decoder->bridge_bias, parameters, error);
    if (!status && from->readout_size)
        status = read_readout(decoder, tensors, readout_parts, parameters, error);
    if (!status)
        status = read_output(decoder, tensors, parameters, error);
    return status;
}

void grus_decoder_free(grus_decoder *decoder)
{
    free(decoder->output_bias);
    grus_weights_free(&decoder->output);
    free(decoder->readout_bias);
    grus_linear_free(&decoder->readout);
    free(decoder->bridge_bias);
    grus_weights_free(&decoder->bridge);
    grus_attention_free(&decoder->attention);
    for (size_t i = 0; decoder->gru && i < decoder->layers; i++)
        grus_gru_free(decoder->gru + i);
    free(decoder->gru);
    free(decoder->embedding);
    *decoder = (grus_decoder){0};
}

size_t grus_decoder_bytes(const grus_decoder *decoder)
{
    const grus_kernel *kernel = decoder->kernel;
    size_t bytes =
        grus_weights_bytes(kernel, &decoder->bridge) + grus_linear_bytes(&decoder->readout) +
        grus_weights_bytes(kernel, &decoder->output) + grus_attention_bytes(&decoder->attention) +
        (decoder->vocab * (decoder->embedding_size + 1) + decoder->layers * decoder->hidden + decoder->readout_size) *
            sizeof(float);
    for (size_t i = 0; i < decoder->layers; i++)
        bytes += grus_gru_bytes(decoder->gru + i);
    return bytes;
}
