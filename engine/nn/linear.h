// linear.h: y = W x for an x that is put together of parts, some of whose products are known before a step begins: those
// with an embedding's rows are tabled when the model is read; those with the context, a weighted sum of values, are
// folded: the sum of products is the product of the sum, so that the values are multiplied once and summed afterwards.
// Which parts there are, in what order, and whether folding pays is the caller's.
#ifndef GRUS_ENGINE_NN_LINEAR_H
#define GRUS_ENGINE_NN_LINEAR_H

#include "engine/nn/map_rows.h"

typedef struct grus_linear {
    const grus_kernel *kernel;
    size_t width;          // floats of a row of y, whole panels
    float *table;          // (entries, width): the embedding's columns of W times each of its rows, or NULL
    size_t table_entries;  // of it
    grus_weights *rest;    // the columns that are not tabled; NULL where none are left
    grus_weights *context; // the context's columns; NULL where it is no part
    grus_weights *folded;  // the columns that are neither; NULL where none are left, or there is no context
} grus_linear;

// Columns of W: [first, first + n).
typedef struct grus_columns {
    size_t first, n;
} grus_columns;

// An embedding that is the columns [first, first + columns) of x.
typedef struct grus_embedding {
    const float *rows; // (entries, columns)
    size_t entries, columns;
    size_t first;
} grus_embedding;

// The parts of x (n 0: it is one whole), and what of it has products that are known before a step: an embedding (NULL: none) and the context (n 0: none).
typedef struct grus_linear_parts {
    grus_parts parts;
    const grus_embedding *embedding;
    grus_columns context;
} grus_linear_parts;

// From a dense W in the order of rows that y shall have; linear->kernel is set. The table is made if it stays below a
// fixed size. All of it lies in arena.
grus_status grus_linear_make(grus_linear *linear, grus_arena *arena, grus_matrix matrix, const grus_linear_parts *parts,
                             grus_error *error);

// The context's products of two linears, side by side: folded (positions, their widths), room for which is listed in
// arena; NULL when that has none left. They are made by running the maps that are added to mapping, whose rows are the
// values; wanted are the units of each that are no filling. A linear without a context takes no part.
float *grus_linear_folded_list(const grus_linear *const linears[2], size_t positions, grus_arena *arena);
void grus_linear_folded_map(const grus_linear *const linears[2], const size_t wanted[2], float *folded,
                            grus_mapping *mapping);
// Floats of a row of it.
size_t grus_linear_folded_width(const grus_linear *const linears[2]);

// y[i] = table[tokens[i]] + context[i] for n rows, what is NULL left out; at least one is there.
void grus_linear_known(const grus_linear *linear, const uint32_t *tokens, const float *const *context, size_t n,
                       float *y, size_t ldy);

#endif
