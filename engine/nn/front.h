// front.h: the layers between embeddings, or features, and the encoder: convolutions, linear layers and poolings over the
// positions of each sequence. A batch goes in and one of features comes out, whose lengths are those of all that follows.
// A new kind of layer is one row of the table in front.c.
#ifndef GRUS_ENGINE_NN_FRONT_H
#define GRUS_ENGINE_NN_FRONT_H

#include "base/model_config.h"
#include "engine/batch.h"
#include "engine/nn/reading.h"

typedef struct grus_front {
    size_t layers;
    struct grus_front_layer *layer; // (layers) front_layer.h
    const float *embedding;         // (vocab, input of the first layer) the encoder's; NULL for features
} grus_front;

// Reads the layers that config has, perhaps none; embedding is the caller's to set. GRUS_E_MODEL or GRUS_E_MEMORY.
grus_status grus_front_read(grus_reading *reading, const grus_config *config, grus_front *front, grus_error *error);

// Takes batch through all layers. *behind is batch itself where there are none; else it has lengths and features in work's
// arena, and no ids; what the front takes besides is given back. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_front_run(const grus_front *front, const grus_batch *batch, const grus_work *work, grus_batch *behind);

// Lists what that takes at most of so many sequences of so many positions in all: grus_front_run, on the arena alone.
bool grus_front_list(const grus_front *front, size_t sequences, size_t positions, grus_arena *arena);

// FLOPs for a position of the source; *behind: the positions that come of it in a long sequence.
double grus_front_flops(const grus_front *front, double *behind);

#endif
