// encoder.h: the multi-layer, one- or two-directional GRU encoder over lanes.
#ifndef GRUS_ENGINE_ENCODER_H
#define GRUS_ENGINE_ENCODER_H

#include "base/model_config.h"
#include "engine/batch.h"
#include "engine/nn/encoded.h"
#include "engine/nn/gru.h"

typedef struct grus_encoder {
    const grus_kernel *kernel;
    size_t input;                              // E or the feature dimension
    size_t hidden, layers, directions, output; // output is D = hidden * directions
    float *embedding;                          // (vocab, input); NULL for features
    size_t vocab;
    grus_gru *gru; // (layers, directions)
} grus_encoder;

grus_status grus_encoder_read(grus_reading *reading, const grus_config *config, grus_encoder *encoder,
                              grus_error *error);
size_t grus_encoder_bytes(const grus_encoder *encoder);
// FLOPs for this many positions, what is tabled left out; a multiply-add counts as two.
uint64_t grus_encoder_flops(const grus_encoder *encoder, size_t positions);

// Encodes the batch; final states are kept of the layers from first_final on. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_encode(const grus_encoder *encoder, grus_arena *arena, const grus_batch *batch, size_t first_final,
                        const atomic_bool *stop, grus_encoded *encoded, grus_infer_stats *stats, grus_error *error);

// The most bytes of arena that grus_encode takes, and those of them that it keeps for what it has encoded.
size_t grus_encode_bytes(const grus_encoder *encoder, size_t positions, size_t records);
size_t grus_encoded_bytes(const grus_encoder *encoder, size_t positions, size_t records);

// Lanes that a batch is laid over at most.
size_t grus_encoder_lanes(const grus_kernel *kernel);

#endif
