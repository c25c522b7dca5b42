// attention.h: score(q, k) -> softmax over a sequence's own positions -> weighted sum of its values.
//
// A new score is one row of the table in attention.c. Sequences are given by their rows, so no masked position is ever
// read, and none has a weight. Which vector is the query, and what becomes of the context, is the caller's.
#ifndef GRUS_ENGINE_NN_ATTENTION_H
#define GRUS_ENGINE_NN_ATTENTION_H

#include "base/model_config.h"
#include "engine/batch.h"
#include "engine/nn/reading.h"

typedef struct grus_attention {
    const grus_kernel *kernel;
    const struct grus_score *score; // a row of the table
    size_t query, key;              // Dq (0: the query is learned), Dk = the size of the values
    size_t size;                    // A of additive
    float temperature;
    grus_weights *weight_query; // (A, Dq); of general (Dk, Dq); NULL where queries are used as they are
    grus_weights *weight_key;   // (A, Dk); of general its weight transposed, (Dq, Dk)
    float *bias;                // (A) b_q + b_k
    float *energy;              // (A) v
    float energy_bias;          // b_v
    float *context;             // (Dk) the learned query of the other scores, else NULL
} grus_attention;

// Reads "attention.…" for queries of this size, 0 for a learned query (pooling). GRUS_E_MODEL also where score needs
// equal sizes and has not got them.
grus_status grus_attention_read(grus_reading *reading, const grus_attention_config *config, size_t query, size_t key,
                                grus_attention *attention, grus_error *error);

// What a batch's values become before the first query: computed once for each source position.
typedef struct grus_keys {
    const float *values;  // (positions, value_columns): what is summed
    size_t value_columns; // Dk, until the caller puts something else in the place of the values
    const float *rows;    // (positions, columns) projected, or the values as they came
    size_t columns;       // of rows
    bool folded;          // general: its weight is in rows
} grus_keys;

// fold: (W q).k is taken as q.(W^T k), which pays where a source has more queries than positions, as in a beam; only
// general can. The keys lie in work's arena; GRUS_E_MEMORY when that has none left.
grus_status grus_attention_keys(const grus_attention *attention, const float *values, size_t positions, bool fold,
                                const grus_work *work, grus_keys *keys);
// Lists what that takes: grus_attention_keys, on the arena alone.
bool grus_attention_keys_list(const grus_attention *attention, size_t positions, bool fold, grus_arena *arena);
// FLOPs of it.
uint64_t grus_attention_keys_flops(const grus_attention *attention, const grus_keys *keys, size_t positions);

// What scores compare with the keys: columns of keys->rows a row. For general and additive the queries are projected in
// scratch; otherwise they are used as they are.
typedef struct grus_queries {
    const float *const *rows; // (n)
    size_t n;
} grus_queries;

typedef struct grus_query_scratch {
    grus_panels *panels; // (n, Dq)
    float *product;      // (n, the weights' width)
} grus_query_scratch;

// Scratch for n queries; false when arena has none left.
bool grus_query_scratch_list(const grus_attention *attention, size_t n, grus_arena *arena, grus_query_scratch *scratch);

// FLOPs of projecting a query.
uint64_t grus_attention_query_flops(const grus_attention *attention, const grus_keys *keys);

// Projects n queries: projected[i] points to query i ready for grus_attend.
void grus_attention_project(const grus_attention *attention, const grus_keys *keys, const grus_queries *queries,
                            const grus_query_scratch *scratch, const float **projected);

// n <= GRUS_MAX_SUMS queries over the positions [first, first + length) of keys: of each its weights (length) and
// context (value_columns), both written; length 0 gives a zero context. A query is NULL where it is learned. What comes
// of a query does not depend on the others.
void grus_attend(const grus_attention *attention, const grus_keys *keys, const float *const *queries, size_t n,
                 size_t first, size_t length, float *const *weights, float *const *contexts);

#endif
