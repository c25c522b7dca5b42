// decoder.h: the weights of an attention decoder. What is done with them in a step is decoding.h's business.
#ifndef GRUS_ENGINE_DECODER_H
#define GRUS_ENGINE_DECODER_H

#include "engine/nn/attention.h"
#include "engine/nn/bridge.h"
#include "engine/nn/cells.h"
#include "engine/nn/output_layer.h"

typedef struct grus_decoder {
    const grus_kernel *kernel;
    const grus_decoder_config *config;
    size_t vocab, embedding_size, hidden, layers;
    bool attends;         // else there is no context, and attention is empty
    uint32_t first_token; // whose embedding the first step reads: bos, or the row of zeros behind the vocabulary
    size_t heads;         // of its attention; 0: it is no such one
    size_t values;        // D of the encoder
    bool values_bounded;  // which lie in [-1, 1]
    size_t context;       // C, values of a context: D, or what an attention of heads has
    size_t readout_size;  // R
    bool bounded[GRUS_PART_STATE + 1]; // parts whose values lie in [-1, 1]
    float *embedding;                  // (entries, E)
    size_t entries;                    // the vocabulary, and a row of zeros where there is no bos
    grus_cell *cells;                  // (layers)
    grus_cell *second;                 // of a conditional decoder: it goes on from the new state and reads the context
    grus_attention attention;
    grus_bridge bridge;
    grus_linear readout; // (R, parts), where config->readout_size
    float *readout_bias;
    grus_weights *output; // (vocab, R)
    float *output_bias;   // (vocab)
} grus_decoder;

// The cell whose input the context may be part of.
static inline const grus_cell *grus_decoder_context_cell(const grus_decoder *decoder)
{
    return decoder->second ? decoder->second : decoder->cells;
}

// Of a readout as the output's weights take it.
grus_parts grus_decoder_readout_parts(const grus_decoder *decoder);

grus_status grus_decoder_read(grus_reading *reading, const grus_config *config, grus_decoder *decoder,
                              grus_error *error);

#endif
