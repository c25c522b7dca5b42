// bridge.h: a decoder's first states from what the encoder came to: zeros, copied, or a map of them through tanh.
#ifndef GRUS_ENGINE_NN_BRIDGE_H
#define GRUS_ENGINE_NN_BRIDGE_H

#include "base/model_config.h"
#include "engine/nn/encoded.h"
#include "engine/nn/map_rows.h"
#include "engine/nn/reading.h"

typedef struct grus_bridge {
    const grus_kernel *kernel;
    grus_bridge_kind kind;
    size_t layers, hidden; // of the decoder
    size_t values;         // D of the encoder
    bool bounded;          // the encoder's outputs lie in [-1, 1]
    size_t first_final;    // encoder layer whose final state decoder layer 0 takes (last), else the top one
    grus_weights *weights; // (layers * H, D) of those that map, else NULL
    float *bias;           // (layers * H)
} grus_bridge;

// Reads "bridge.…", where this kind has any. GRUS_E_MODEL or GRUS_E_MEMORY.
grus_status grus_bridge_read(grus_reading *reading, const grus_config *config, grus_bridge *bridge, grus_error *error);

// Writes initial (records, layers, H), and unless it is NULL initial_cell, likewise the c that goes along. What it takes of work's arena is given back; GRUS_E_MEMORY when that has none
// left.
grus_status grus_bridge_run(const grus_bridge *bridge, const grus_encoded *encoded, const grus_work *work,
                            float *initial, float *initial_cell);

// Lists what it takes: grus_bridge_run, on the arena alone.
bool grus_bridge_list(const grus_bridge *bridge, grus_arena *arena);

#endif
