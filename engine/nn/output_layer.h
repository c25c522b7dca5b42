// output_layer.h: the last product of a decoder, from readouts to logits that are ready to be ranked.
#ifndef GRUS_ENGINE_NN_OUTPUT_LAYER_H
#define GRUS_ENGINE_NN_OUTPUT_LAYER_H

#include "engine/kernel/product.h"
#include "engine/nn/logits.h"

// Scored rows, valid until the next are: of row i the logits, vocab of them at logits + i * ld, the largest of each
// block (logits.h) at top + i * blocks, and how they are normalised. They may be written over.
typedef struct grus_scores {
    float *logits, *top;
    size_t ld, blocks;
    grus_normalizer *normalizers;
} grus_scores;

typedef struct grus_output_layer {
    const grus_kernel *kernel;
    const grus_weights *weights;  // (vocab, R)
    const float *bias;            // (vocab)
    grus_parts parts;             // of a readout, which lies in one row
    bool bounded[GRUS_MAX_PARTS]; // those that lie in [-1, 1]
    const float **rows;           // (parts, max_rows)
    grus_panels *panels;          // (max_rows, R)
    float *logits;                // (max_rows, the weights' width)
    float *top;                   // (max_rows, blocks of the vocabulary)
    grus_exp_sum *sums;           // (max_rows)
    grus_normalizer *normalizers; // (max_rows)
    size_t max_rows;
} grus_output_layer;

// Lists the scratch for max_rows rows, whole tiles; kernel, weights, bias and what is said of parts are set. False when arena has none left.
bool grus_output_layer_list(grus_output_layer *layer, size_t max_rows, grus_arena *arena);

// Scores n <= max_rows rows of R floats.
grus_scores grus_output_layer_run(const grus_output_layer *layer, const float *const *readouts, size_t n);

#endif
