// map_rows.h: many rows through one or several weights, a chunk at a time: its rows are packed once, multiplied with each
// weight, and finished while they are near the core. Where rows come from, and what becomes of their products, is the
// caller's.
#ifndef GRUS_ENGINE_NN_MAP_ROWS_H
#define GRUS_ENGINE_NN_MAP_ROWS_H

#include "engine/batch.h"
#include "engine/kernel/product.h"

#define GRUS_CHUNK_ROWS 384           // rows of a tall product: its results stay near the core until they are used
#define GRUS_MAP_PARTS GRUS_MAX_PARTS // of a row, side by side
#define GRUS_MAPS_MAX 3               // weights that the same rows go through

// The rows of a whole chunk.
size_t grus_chunk_rows(const grus_kernel *kernel);

// y = W x for each row x.
typedef struct grus_map {
    const grus_weights *weights;
    // Where products go, ldy floats apart: the weights' width is written, whole tiles of rows. NULL where there is finish.
    float *y;
    size_t ldy;
    // Takes the products of the rows [first, first + n), (n, the weights' width), which it may change, from scratch;
    // NULL: they stay in y.
    void (*finish)(void *user, size_t first, size_t n, float *products);
    void *user;    // of finish
    size_t wanted; // units that count as FLOPs
} grus_map;

typedef struct grus_mapping {
    const grus_kernel *kernel;
    size_t n;                       // rows
    size_t parts;                   // of a row, at most GRUS_MAP_PARTS
    size_t columns[GRUS_MAP_PARTS]; // of each of them
    bool bounded[GRUS_MAP_PARTS];   // parts whose values lie in [-1, 1]
    const float *dense;             // (n, columns) rows of one part; or NULL, and
    // rows[part][i] is set to where that part of the row first + i lies, for i < n. Called for chunk after chunk, in order.
    void (*place)(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS]);
    void *user;    // of place
    bool counts;   // FLOPs are added to the stats
    size_t n_maps; // none: nothing is done
    grus_map map[GRUS_MAPS_MAX];
} grus_mapping;

// Maps all rows. What it takes of work's arena is given back; GRUS_E_MEMORY when that has none left.
grus_status grus_map_rows(const grus_mapping *mapping, const grus_work *work);
// Lists what it takes: grus_map_rows, on the arena alone. Of the mapping it asks neither addresses nor n.
bool grus_map_rows_list(const grus_mapping *mapping, grus_arena *arena);

#endif
