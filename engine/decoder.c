// decoder.c: the decoder's weights: read, checked, packed. Its step is in decoding_step.c.
#include "config.h"

#include "engine/decoder.h"

#include <stdlib.h>

#include "base/error.h"

#define EMBEDDING "decoder.embedding.weight"

static size_t part_size(const grus_decoder *decoder, grus_part part)
{
    switch (part) {
    case GRUS_PART_EMBEDDING:
        return decoder->embedding_size;
    case GRUS_PART_CONTEXT:
        return decoder->context;
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

static grus_parts parts_of(const grus_decoder *decoder, const grus_part *parts, size_t n)
{
    grus_parts of = {.n = n};
    for (size_t i = 0; i < n; i++)
        of.columns[i] = part_size(decoder, parts[i]);
    return of;
}

// A state does where its cell keeps it there and the first one, which the bridge makes, does.
static void find_bounded(grus_decoder *decoder, const grus_config *config)
{
    const grus_decoder_config *from = &config->decoder;
    bool *bounded = decoder->bounded, values = grus_config_is_bounded(config);
    bounded[GRUS_PART_EMBEDDING] = false;
    bounded[GRUS_PART_CONTEXT] = values && !decoder->heads;
    bounded[GRUS_PART_STATE] = grus_cell_config_is_bounded(&from->cell) && (from->bridge != GRUS_BRIDGE_LAST || values);
    bounded[GRUS_PART_READOUT] = from->readout_size == 0 || from->readout_tanh;
    for (size_t i = 0; i < from->n_readout && from->readout_size == 0; i++)
        bounded[GRUS_PART_READOUT] &= bounded[from->readout[i]];
}

static grus_status read_embedding(grus_decoder *decoder, grus_reading *reading, grus_error *error)
{
    const grus_tensors *tensors = reading->tensors;
    const char *name = EMBEDDING;
    grus_tensor tensor;
    if (decoder->vocab == 0 && tensors->find(tensors->user, name, &tensor) && tensor.rank == 2)
        decoder->vocab = tensor.shape[0];
    size_t more = decoder->config->no_bos;
    decoder->entries = decoder->vocab + more;
    decoder->first_token = (uint32_t)(more ? decoder->vocab : decoder->config->bos);
    return grus_read_tensor_and(reading, (grus_wanted){name, "", decoder->vocab, decoder->embedding_size}, more,
                                &decoder->embedding, error);
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

// The context among the parts, where its products can be made of the encoder's outputs and summed; else none.
static grus_columns foldable_among(const grus_decoder *decoder, const grus_part *parts, size_t n)
{
    return decoder->heads ? (grus_columns){0, 0} : columns_of(decoder, parts, n, GRUS_PART_CONTEXT);
}

// Where the embedding is among the parts; its columns are 0 where it is not.
static grus_embedding embedding_among(const grus_decoder *decoder, const grus_part *parts, size_t n)
{
    grus_columns columns = columns_of(decoder, parts, n, GRUS_PART_EMBEDDING);
    return (grus_embedding){decoder->embedding, decoder->entries, columns.n, columns.first};
}

static grus_status read_layers(grus_decoder *decoder, grus_reading *reading, grus_error *error)
{
    const grus_decoder_config *config = decoder->config;
    grus_embedding embedding = embedding_among(decoder, config->inputs, config->n_inputs);
    grus_columns context = foldable_among(decoder, config->inputs, config->n_inputs), none = {0, 0};
    size_t input = parts_size(decoder, config->inputs, config->n_inputs);
    bool biased = false;
    grus_status status = GRUS_OK;
    char suffix[32];
    for (size_t layer = 0; layer < decoder->layers; layer++) {
        snprintf(suffix, sizeof suffix, "l%zu", layer);
        biased = biased || grus_cell_has_bias(reading->tensors, "decoder.rnn", suffix);
    }
    for (size_t layer = 0; layer < decoder->layers && !status; layer++) {
        snprintf(suffix, sizeof suffix, "l%zu", layer);
        decoder->cells[layer] = (grus_cell){.config = config->cell,
                                            .input = layer ? decoder->hidden : input,
                                            .hidden = decoder->hidden,
                                            .biased = biased,
                                            .bounded = decoder->bounded[GRUS_PART_STATE]};
        grus_linear_parts parts = {.embedding = layer == 0 && embedding.columns ? &embedding : NULL,
                                   .context = layer == 0 ? context : none};
        if (layer == 0)
            parts.parts = parts_of(decoder, config->inputs, config->n_inputs);
        status = grus_cell_read(decoder->cells + layer, reading, "decoder.rnn", suffix, &parts, error);
    }
    return status;
}

// GRU_2 of a conditional decoder.
static grus_status read_second(grus_decoder *decoder, grus_reading *reading, grus_error *error)
{
    const char *prefix = "decoder.rnn2", *suffix = "l0";
    decoder->second = grus_arena_alloc(reading->arena, 1, sizeof *decoder->second);
    if (!decoder->second)
        return grus_fail_memory(error, sizeof *decoder->second);
    *decoder->second = (grus_cell){.config = decoder->config->cell,
                                   .input = decoder->context,
                                   .hidden = decoder->hidden,
                                   .biased = grus_cell_has_bias(reading->tensors, prefix, suffix),
                                   .bounded = decoder->bounded[GRUS_PART_STATE]};
    grus_linear_parts parts = {.parts = {1, {decoder->context}}, .context = {0, decoder->heads ? 0 : decoder->context}};
    return grus_cell_read(decoder->second, reading, prefix, suffix, &parts, error);
}

static grus_status read_readout(grus_decoder *decoder, grus_reading *reading, size_t columns, grus_error *error)
{
    const grus_decoder_config *config = decoder->config;
    grus_embedding embedding = embedding_among(decoder, config->readout, config->n_readout);
    size_t rows = config->readout_size;
    grus_matrix matrix;
    grus_status status =
        grus_read_matrix(reading, (grus_wanted){"decoder.readout", "weight", rows, columns}, &matrix, error);
    grus_linear_parts parts = {parts_of(decoder, config->readout, config->n_readout),
                               embedding.columns ? &embedding : NULL,
                               foldable_among(decoder, config->readout, config->n_readout)};
    decoder->readout.kernel = reading->kernel;
    if (!status)
        status = grus_linear_make(&decoder->readout, reading->arena, matrix, &parts, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){"decoder.readout", "bias", rows, 0}, &decoder->readout_bias,
                                    error);
    grus_matrix_drop(&matrix);
    return status;
}

grus_parts grus_decoder_readout_parts(const grus_decoder *decoder)
{
    const grus_decoder_config *config = decoder->config;
    return config->readout_size ? (grus_parts){1, {decoder->readout_size}}
                                : parts_of(decoder, config->readout, config->n_readout);
}

// The embedding once more, as the output's weights.
static grus_status pack_tied(grus_decoder *decoder, grus_reading *reading, const grus_parts *parts, grus_error *error)
{
    size_t vocab = decoder->vocab, size = decoder->embedding_size;
    grus_matrix matrix = grus_dense(decoder->embedding, vocab, size);
    matrix.parts = *parts;
    grus_status status = grus_read_scales(reading, (grus_wanted){EMBEDDING, "", vocab, size}, &matrix.scales, error);
    return status ? status : grus_weights_pack(reading->kernel, reading->arena, matrix, &decoder->output, error);
}

static grus_status read_output(grus_decoder *decoder, grus_reading *reading, grus_error *error)
{
    size_t vocab = decoder->vocab, size = decoder->readout_size;
    bool tied = decoder->config->tied;
    if (tied && size != decoder->embedding_size)
        return grus_fail(error, GRUS_E_MODEL, reading->tensors->file, "decoder.tied",
                         "a tied output needs a readout as long as the embedding, expected %zu, found %zu",
                         decoder->embedding_size, size);
    grus_parts parts = grus_decoder_readout_parts(decoder);
    grus_status status = tied ? pack_tied(decoder, reading, &parts, error)
                              : grus_read_weights(reading, (grus_wanted){"decoder.output", "weight", vocab, size},
                                                  &parts, &decoder->output, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){"decoder.output", "bias", vocab, 0}, &decoder->output_bias,
                                    error);
    return status;
}

static size_t query_size(const grus_decoder *decoder)
{
    return decoder->config->query == GRUS_QUERY_EMBEDDING ? decoder->embedding_size : decoder->hidden;
}

grus_status grus_decoder_read(grus_reading *reading, const grus_config *config, grus_decoder *decoder,
                              grus_error *error)
{
    const grus_decoder_config *from = &config->decoder;
    *decoder = (grus_decoder){.kernel = reading->kernel,
                              .config = from,
                              .vocab = from->vocab_size,
                              .embedding_size = from->embedding_dim,
                              .hidden = from->hidden_size,
                              .layers = from->num_layers,
                              .attends = from->query != GRUS_QUERY_NONE,
                              .heads = config->attention.heads,
                              .values = grus_config_output_size(config),
                              .context = grus_config_context_size(config, &config->attention)};
    size_t readout_parts = parts_size(decoder, from->readout, from->n_readout);
    decoder->readout_size = from->readout_size ? from->readout_size : readout_parts;
    decoder->cells = grus_arena_alloc(reading->arena, decoder->layers, sizeof *decoder->cells);
    if (!decoder->cells)
        return grus_fail_memory(error, decoder->layers * sizeof *decoder->cells);
    decoder->values_bounded = grus_config_is_bounded(config);
    find_bounded(decoder, config);
    grus_status status = read_embedding(decoder, reading, error);
    if (!status)
        status = read_layers(decoder, reading, error);
    if (!status && from->conditional)
        status = read_second(decoder, reading, error);
    if (!status && decoder->attends)
        status = grus_attention_read(reading, &config->attention, query_size(decoder), decoder->values,
                                     &decoder->attention, error);
    decoder->attention.query_bounded = from->query != GRUS_QUERY_EMBEDDING && decoder->bounded[GRUS_PART_STATE];
    if (!status)
        status = grus_bridge_read(reading, config, &decoder->bridge, error);
    if (!status && from->readout_size)
        status = read_readout(decoder, reading, readout_parts, error);
    if (!status)
        status = read_output(decoder, reading, error);
    return status;
}
