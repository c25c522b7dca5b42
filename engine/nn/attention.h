// attention.h: score(q, k) -> softmax over a sequence's own positions -> weighted sum of its values.
//
// A new score is one row of the table in attention.c; attention of several heads is multihead.h's. Sequences are given by their rows, so no masked position is ever
// read, and none has a weight. Which vector is the query, and what becomes of the context, is the caller's.
#ifndef GRUS_ENGINE_NN_ATTENTION_H
#define GRUS_ENGINE_NN_ATTENTION_H

#include "base/model_config.h"
#include "engine/nn/map_rows.h"
#include "engine/nn/multihead.h"
#include "engine/nn/reading.h"

typedef struct grus_attention {
    const grus_kernel *kernel;
    const struct grus_score *score; // a row of the table
    size_t query, key;              // Dq (0: the query is learned), Dk = the size of the values
    size_t size;                    // A of additive and of heads
    size_t context_size;            // of a context: Dk, or what the heads' output has
    grus_multihead multihead;       // of heads; the weights and the bias below are then empty
    bool query_bounded;             // queries lie in [-1, 1]
    float temperature;
    grus_weights *weight_query; // (A, Dq); of general (Dk, Dq); NULL where queries are used as they are
    grus_weights *weight_key;   // (A, Dk); of general its weight transposed, (Dq, Dk)
    float *bias;                // (A) b_q + b_k
    float *energy;              // (A) v
    float energy_bias;          // b_v
    float *context;             // (Dk) the learned query of the other scores, else NULL
} grus_attention;

// Rows of weights that a query has: one for each head.
static inline size_t grus_attention_heads(const grus_attention *attention)
{
    return attention->multihead.heads ? attention->multihead.heads : 1;
}

// Reads "attention.…" for queries of this size, 0 for a learned query (pooling). query_bounded is the caller's to set. GRUS_E_MODEL also where score needs
// equal sizes and has not got them.
grus_status grus_attention_read(grus_reading *reading, const grus_attention_config *config, size_t query, size_t key,
                                grus_attention *attention, grus_error *error);

// What a batch's values become before the first query, once for each source position.
typedef struct grus_keys {
    const grus_attention *attention;
    const float *values;           // (positions, value_columns): what is summed
    size_t value_columns;          // Dk, until the caller puts something else in the place of the values
    const float *rows;             // (positions, columns): projected, or the values as they came
    float *projected;              // the same where they are projected, else NULL
    size_t columns;                // of rows
    bool folded;                   // general: its weight is in rows
    grus_multihead_keys multihead; // with heads, in place of values and rows; value_columns and columns are A
} grus_keys;

// fold: (W q).k is taken as q.(W^T k), which pays where a source has more queries than positions, as in a beam; only
// general can. Lists in arena the keys of so many positions; false when that has none left. They are made by running the
// map that is added to mapping, whose rows are the values, in between the two others.
bool grus_attention_keys_list(const grus_attention *attention, size_t positions, bool fold, grus_arena *arena,
                              grus_keys *keys);
void grus_attention_keys_map(grus_keys *keys, grus_mapping *mapping);
void grus_attention_keys_begin(grus_keys *keys, const float *values);

// Scratch for projecting n queries.
typedef struct grus_query_scratch {
    grus_panels *panels; // (n, Dq)
    float *product;      // (n, the weights' width)
} grus_query_scratch;

// False when arena has none left.
bool grus_query_scratch_list(const grus_attention *attention, size_t n, grus_arena *arena, grus_query_scratch *scratch);

// The weights that queries go through on their way to scores of some keys; NULL: they are used as they are.
const grus_weights *grus_attention_query_weights(const grus_attention *attention);

// FLOPs of projecting a query.
uint64_t grus_attention_query_flops(const grus_keys *keys);

// Projects n queries to what scores compare with the keys, columns of keys->rows a row: projected[i] points to query i,
// ready for grus_attend. For general, additive and heads they are projected in scratch; otherwise they are used as they are.
void grus_attention_project(const grus_keys *keys, const float *const *queries, size_t n,
                            const grus_query_scratch *scratch, const float **projected);

// n <= GRUS_MAX_SUMS queries over the positions [first, first + length) of keys.
typedef struct grus_attending {
    size_t first, length, n;
    const float *const *queries; // (n)
    float *const *weights;       // (n) of (heads, length), written
    float *const *contexts;      // (n) of (value_columns), written; zeros where length is 0; with heads they are to go
                                 // through the output's weights and grus_multihead_finish
} grus_attending;

// What comes of a query does not depend on the others.
void grus_attend(const grus_keys *keys, const grus_attending *of);

#endif
