// multihead.h: the attention of several heads, torch.nn.MultiheadAttention's arithmetic: queries, keys and values are
// projected, each head scores and sums its own part of them, and what the heads have summed is projected once more.
//
// Legend: Dq query, D encoder outputs, A size, C context. A head's part of keys and values is (positions, A / heads) in one
// piece. attention.h decides whether a model has heads; queries come from its caller.
#ifndef GRUS_ENGINE_NN_MULTIHEAD_H
#define GRUS_ENGINE_NN_MULTIHEAD_H

#include "base/model_config.h"
#include "engine/nn/map_rows.h"
#include "engine/nn/reading.h"

typedef struct grus_multihead {
    const grus_kernel *kernel;
    size_t heads;         // 0: the attention is no such one, and all else is empty
    size_t size, context; // A, C
    float temperature;
    grus_weights *query;                                     // (A, Dq)
    grus_weights *key, *value;                               // (A, D)
    grus_weights *output;                                    // (C, A)
    float *query_bias, *key_bias, *value_bias, *output_bias; // (A), (C) the last
} grus_multihead;

// Reads "attention.{query,key,value,output}" for queries and values of these sizes. GRUS_E_MODEL or GRUS_E_MEMORY.
grus_status grus_multihead_read(grus_reading *reading, const grus_attention_config *config, size_t query, size_t values,
                                grus_multihead *multihead, grus_error *error);

// What a batch's values become before the first query.
typedef struct grus_multihead_keys {
    const grus_multihead *multihead;
    size_t positions;
    float *keys, *values; // (heads, positions, A / heads)
} grus_multihead_keys;

// Lists in arena those of so many positions; false when that has none left. They are made by running the maps that are
// added to mapping, whose rows are the values.
bool grus_multihead_keys_list(const grus_multihead *multihead, size_t positions, grus_arena *arena,
                              grus_multihead_keys *keys);
void grus_multihead_keys_map(grus_multihead_keys *keys, grus_mapping *mapping);

// n <= GRUS_MAX_SUMS projected queries (A) over the positions [first, first + length): weights are (heads, length), sums
// (A) what each head has summed, side by side; zeros where length is 0.
typedef struct grus_multihead_attending {
    size_t first, length, n;
    const float *const *queries;
    float *const *weights, *const *sums;
} grus_multihead_attending;
void grus_multihead_attend(const grus_multihead_keys *keys, const grus_multihead_attending *of);

// Adds its bias to the product of such sums with the output's weights: the context of a sequence of so many positions, zeros
// where there are none.
void grus_multihead_finish(const grus_multihead *multihead, size_t length, float *context);

// row (length): the mean of the heads' weights.
void grus_multihead_mean(const grus_multihead *multihead, size_t length, const float *weights, float *row);

#endif
