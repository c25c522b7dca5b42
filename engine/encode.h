// encode.h: a batch through the encoder.
#ifndef GRUS_ENGINE_ENCODE_H
#define GRUS_ENGINE_ENCODE_H

#include "engine/encoder.h"
#include "engine/nn/encoded.h"
#include "engine/sizes.h"

// Encodes the batch; final states are kept of the layers from first_final on. What it took of work's arena besides what
// it has encoded is given back. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_encode(const grus_encoder *encoder, const grus_batch *batch, size_t first_final, const grus_work *work,
                        grus_encoded *encoded);

// Lists what that takes: grus_encode, on the arena alone. Of sizes it asks records and positions.
bool grus_encode_list(const grus_encoder *encoder, size_t first_final, const grus_sizes *sizes, grus_arena *arena);

#endif
