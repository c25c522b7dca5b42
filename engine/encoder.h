// encoder.h: what a recurrent encoder of any number of layers, each of one direction or two, is made of. A batch goes
// through it in encode.h.
#ifndef GRUS_ENGINE_ENCODER_H
#define GRUS_ENGINE_ENCODER_H

#include "base/model_config.h"
#include "engine/nn/cells.h"

// A layer reads the outputs of the one below.
typedef struct grus_encoder_layer {
    grus_cell *cells;          // (directions), the forward one first
    size_t directions, output; // output is hidden * directions
    bool backward;             // its one cell reads sequences from their end
    bool kept;                 // a head reads its outputs, which lie behind those of the layers below that are kept:
    size_t kept_at;            // values per position
} grus_encoder_layer;

typedef struct grus_encoder {
    const grus_kernel *kernel;
    size_t input;                  // values of a position: E, the feature dimension, or what the front gives
    bool behind_front;             // there is one: what is encoded are features
    bool input_bounded;            // they lie in [-1, 1]
    size_t hidden, layers, output; // output is D, that of the top layer
    bool bounded;                  // outputs lie in [-1, 1]
    float *embedding;              // (vocab, E), E being input where no front stands before it; NULL for features
    size_t vocab;
    grus_encoder_layer *layer; // (layers)
    grus_cell *cells;          // (n_cells) of all layers, one layer after the other
    size_t n_cells;
    size_t kept;                         // values per position of all layers that are kept
    float *initial_state, *initial_cell; // (n_cells, hidden) h and c before a sequence; NULL: zeros
} grus_encoder;

grus_status grus_encoder_read(grus_reading *reading, const grus_config *config, grus_encoder *encoder,
                              grus_error *error);
// FLOPs for this many positions, what is tabled left out; a multiply-add counts as two.
uint64_t grus_encoder_flops(const grus_encoder *encoder, size_t positions);

// Lanes that a batch is laid over at most.
size_t grus_encoder_lanes(const grus_kernel *kernel);

#endif
