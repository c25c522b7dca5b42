// front_layer.h: what a kind of layer is to front.c: a row of functions, and a batch on its way through it. Included by
// front.c and by the file of each kind.
#ifndef GRUS_ENGINE_NN_FRONT_LAYER_H
#define GRUS_ENGINE_NN_FRONT_LAYER_H

#include "base/model_config.h"
#include "engine/batch.h"
#include "engine/nn/activation.h"
#include "engine/nn/reading.h"

typedef struct grus_front_layer {
    const struct grus_front_type *type;
    const grus_kernel *kernel;
    const grus_front_layer_config *config;
    bool input_bounded;    // what it reads lies in [-1, 1]
    grus_weights *weights; // (output, kernel * input), a row's taps side by side; NULL where it has none
    grus_activating end;   // of its products
} grus_front_layer;

// Positions of sequences, laid end to end.
typedef struct grus_front_rows {
    const size_t *length; // (n)
    size_t size;          // values of each
    const float *values;  // (positions, size); or NULL, and
    const uint32_t *ids;  // (positions) rows of
    const float *table;   // (entries, size)
} grus_front_rows;

static inline const float *grus_front_row(const grus_front_rows *rows, size_t position)
{
    return rows->values ? rows->values + position * rows->size : rows->table + (size_t)rows->ids[position] * rows->size;
}

typedef struct grus_front_pass {
    const grus_front_layer *layer;
    size_t n; // sequences
    grus_front_rows input;
    const size_t *length; // (n) behind the layer
    size_t positions;     // their sum
    float *output;        // (positions, the layer's output)
} grus_front_pass;

// The outputs of a pass, one after the other, and where each begins to read.
typedef struct grus_front_cursor {
    size_t sequence, step; // the next output is so far into this sequence
    size_t offset;         // of the sequence in the input
} grus_front_cursor;

// Steps over the sequences that have no outputs left.
static inline void grus_front_cursor_settle(const grus_front_pass *pass, grus_front_cursor *cursor)
{
    for (; cursor->step == pass->length[cursor->sequence]; cursor->step = 0)
        cursor->offset += pass->input.length[cursor->sequence++];
}

// The row that a tap of the next output reads; NULL: it lies in the padding.
static inline const float *grus_front_cursor_tap(const grus_front_pass *pass, const grus_front_cursor *cursor,
                                                 size_t tap)
{
    const grus_front_layer_config *config = pass->layer->config;
    size_t at = cursor->step * config->stride + tap * config->dilation;
    if (at < config->padding || at - config->padding >= pass->input.length[cursor->sequence])
        return NULL;
    return grus_front_row(&pass->input, cursor->offset + at - config->padding);
}

typedef struct grus_front_type {
    // Reads weights and biases from tensors of this prefix; NULL: it has none.
    grus_status (*read)(grus_reading *reading, const char *prefix, grus_front_layer *layer, grus_error *error);
    grus_status (*run)(const grus_front_pass *pass, const grus_work *work);
    // Lists what run takes, and gives back; NULL: nothing.
    bool (*list)(const grus_front_layer *layer, grus_arena *arena);
} grus_front_type;

extern const grus_front_type grus_front_conv1d, grus_front_linear, grus_front_max_pool;

#endif
