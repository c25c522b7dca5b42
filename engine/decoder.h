// decoder.h: the attention decoder: its weights, the first states that the bridge makes, and one step of any number of
// live hypotheses (rows). What a row's next token is, and which rows live on, is the search's business (search.h).
#ifndef GRUS_ENGINE_DECODER_H
#define GRUS_ENGINE_DECODER_H

#include "engine/encoder.h"
#include "engine/nn/attention.h"
#include "engine/nn/output_layer.h"

#define GRUS_NO_ROW UINT32_MAX

typedef struct grus_decoder {
    const grus_kernel *kernel;
    const grus_decoder_config *config;
    size_t vocab, embedding_size, hidden, layers;
    size_t values;       // D of the encoder
    size_t readout_size; // R
    float *embedding;    // (vocab, E)
    grus_gru *gru;       // (layers)
    grus_attention attention;
    grus_weights bridge; // (layers * H, D)
    float *bridge_bias;
    grus_linear readout; // (R, parts), where config->readout_size
    float *readout_bias;
    grus_weights output; // (vocab, R)
    float *output_bias;  // (vocab)
    size_t first_final;  // encoder layer whose final state decoder layer 0 takes (bridge last), else the top one
} grus_decoder;

grus_status grus_decoder_read(grus_reading *reading, const grus_config *config, grus_decoder *decoder,
                              grus_error *error);
size_t grus_decoder_bytes(const grus_decoder *decoder);

// A live hypothesis at the start of a step.
typedef struct grus_row {
    uint32_t token;    // y_{t-1}
    uint32_t parent;   // its row in the step before; GRUS_NO_ROW at its first step
    uint32_t sequence; // the source it reads
    float *weights;    // (source length) where this step's attention goes; NULL: nowhere
} grus_row;

// The state of all rows between steps, and scratch; lives in an arena.
typedef struct grus_decoding grus_decoding;

// Starts decoding a batch that was encoded with its final states from first_final on: bridge, keys. At most max_rows
// rows a step. fold: keys as in grus_attention_keys, and the context's products with the weights that read it are made
// once for each source position. stats is added to at every step. GRUS_E_MEMORY when arena has none left.
grus_status grus_decoding_start(const grus_decoder *decoder, grus_arena *arena, const grus_encoded *encoded,
                                size_t max_rows, bool fold, grus_infer_stats *stats, grus_decoding **decoding,
                                grus_error *error);

// One step of n <= max_rows rows, up to their readouts. Their states become the parents of the next step's.
void grus_decoding_step(grus_decoding *decoding, const grus_row *rows, size_t n);

// Scores n rows of the last step, row i of the scores being the step's row which[i] (NULL: i).
grus_scores grus_decoding_score(grus_decoding *decoding, const uint32_t *which, size_t n);

// The most bytes of arena that a decoding takes.
size_t grus_decoding_bytes(const grus_decoder *decoder, size_t positions, size_t records, size_t max_rows, bool fold);

#endif
