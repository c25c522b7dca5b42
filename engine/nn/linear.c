// linear.c: taking W apart by its columns; the table; folding.
#include "config.h"

#include "engine/nn/linear.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TABLE_BYTES_MAX ((size_t)64 << 20)
#define FOLD_CHUNK 384 // positions a product

static bool lies_in(size_t column, grus_columns columns)
{
    return column >= columns.first && column - columns.first < columns.n;
}

// Packs what is left of matrix without these columns; nothing where nothing is left.
static grus_status pack_without(const grus_kernel *kernel, grus_arena *arena, grus_matrix matrix, grus_columns one,
                                grus_columns other, grus_weights **weights, grus_error *error)
{
    size_t left = matrix.columns - one.n - other.n, floats, at = 0;
    if (left == 0)
        return GRUS_OK;
    if (left == matrix.columns)
        return grus_weights_pack(kernel, arena, matrix, weights, error);
    float *dense = grus_mul(matrix.rows, left, &floats) ? grus_alloc(floats, sizeof *dense) : NULL;
    if (!dense)
        return grus_fail_memory(error, matrix.rows * sizeof *dense);
    for (size_t first = 0, end; first < matrix.columns; first = end) {
        bool out = lies_in(first, one) || lies_in(first, other);
        for (end = first + 1; end < matrix.columns && out == (lies_in(end, one) || lies_in(end, other));)
            end++;
        for (size_t row = 0; row < matrix.rows && !out; row++)
            memcpy(dense + row * left + at, matrix.data + row * matrix.ld + first, (end - first) * sizeof *dense);
        at += out ? 0 : end - first;
    }
    grus_status status =
        grus_weights_pack(kernel, arena, (grus_matrix){dense, matrix.rows, left, left}, weights, error);
    free(dense);
    return status;
}

static grus_status pack_columns(const grus_kernel *kernel, grus_arena *arena, grus_matrix matrix, grus_columns columns,
                                grus_weights **weights, grus_error *error)
{
    matrix.data += columns.first;
    matrix.columns = columns.n;
    return grus_weights_pack(kernel, arena, matrix, weights, error);
}

// table[entry] = W[:, its columns] embedding[entry], a tile of entries at a time.
static grus_status fill_table(grus_linear *linear, grus_arena *scratch, grus_matrix matrix,
                              const grus_embedding *embedding, grus_error *error)
{
    const grus_kernel *kernel = linear->kernel;
    size_t tile = kernel->tile;
    grus_weights *weights;
    grus_columns columns = {embedding->first, embedding->columns};
    grus_status status = pack_columns(kernel, scratch, matrix, columns, &weights, error);
    if (status)
        return status;
    grus_panels *panels = grus_panels_new(kernel, scratch, tile, embedding->columns);
    if (!panels)
        return grus_fail_memory(error, embedding->columns * sizeof(float));
    for (size_t first = 0; first < embedding->entries; first += tile) {
        size_t n = grus_min(tile, embedding->entries - first);
        const float *pointers[GRUS_MAX_TILE];
        for (size_t i = 0; i < n; i++)
            pointers[i] = embedding->rows + (first + i) * embedding->columns;
        grus_panels_pack(panels, &(grus_part_rows){pointers, embedding->columns}, 1, n);
        grus_product(weights, panels, 0, linear->table + first * linear->width, linear->width);
    }
    linear->table_entries = embedding->entries;
    return GRUS_OK;
}

static grus_status make_table(grus_linear *linear, grus_arena *arena, grus_matrix matrix,
                              const grus_embedding *embedding, grus_error *error)
{
    size_t rows = grus_whole_tiles(linear->kernel, embedding->entries);
    linear->table = grus_arena_alloc(arena, rows * linear->width, sizeof *linear->table);
    if (!linear->table)
        return grus_fail_memory(error, rows * linear->width * sizeof *linear->table);
    grus_arena *scratch = grus_arena_new(0);
    grus_status status = scratch ? fill_table(linear, scratch, matrix, embedding, error) : grus_fail_memory(error, 0);
    grus_arena_free(scratch);
    return status;
}

static bool table_pays(const grus_linear *linear, const grus_embedding *embedding)
{
    size_t floats;
    return embedding && grus_mul(embedding->entries + GRUS_MAX_TILE, linear->width, &floats) &&
           floats <= TABLE_BYTES_MAX / sizeof(float);
}

grus_status grus_linear_make(grus_linear *linear, grus_arena *arena, grus_matrix matrix, const grus_linear_parts *parts,
                             grus_error *error)
{
    const grus_kernel *kernel = linear->kernel;
    const grus_embedding *embedding = parts->embedding;
    grus_columns context = parts->context;
    *linear = (grus_linear){.kernel = kernel, .width = grus_div_up(matrix.rows, kernel->units) * kernel->units};
    grus_columns none = {0, 0}, tabled = none;
    grus_status status = GRUS_OK;
    if (table_pays(linear, embedding)) {
        tabled = (grus_columns){embedding->first, embedding->columns};
        status = make_table(linear, arena, matrix, embedding, error);
    }
    if (!status)
        status = pack_without(kernel, arena, matrix, tabled, none, &linear->rest, error);
    if (!status && context.n > 0)
        status = pack_columns(kernel, arena, matrix, context, &linear->context, error);
    if (!status && context.n > 0)
        status = pack_without(kernel, arena, matrix, tabled, context, &linear->folded, error);
    return status;
}

size_t grus_linear_folded_width(const grus_linear *const linears[2])
{
    return grus_weights_width(linears[0]->context) + grus_weights_width(linears[1]->context);
}

// Room for a chunk of values.
typedef struct fold_chunk {
    size_t n;
    grus_panels *panels;    // (n, columns)
    const float **pointers; // (n)
} fold_chunk;

static bool list_fold_chunk(const grus_kernel *kernel, size_t columns, grus_arena *arena, fold_chunk *c)
{
    c->n = grus_whole_tiles(kernel, FOLD_CHUNK);
    c->panels = grus_panels_new(kernel, arena, c->n, columns);
    c->pointers = grus_arena_alloc(arena, c->n, sizeof *c->pointers);
    return c->panels && c->pointers;
}

// Products are written in whole tiles of rows.
static float *list_folded(const grus_linear *const linears[2], size_t positions, grus_arena *arena)
{
    size_t rows = grus_whole_tiles(linears[0]->kernel, positions);
    return grus_arena_alloc(arena, grus_mul_sat(rows, grus_linear_folded_width(linears)), sizeof(float));
}

bool grus_linear_fold_list(const grus_linear *const linears[2], size_t positions, size_t columns, grus_arena *arena)
{
    fold_chunk c;
    if (!list_folded(linears, positions, arena))
        return false;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = list_fold_chunk(linears[0]->kernel, columns, arena, &c);
    grus_arena_release(arena, mark);
    return listed;
}

grus_status grus_linear_fold(const grus_linear *const linears[2], const float *values, size_t positions, size_t columns,
                             const grus_work *work, const float **folded)
{
    size_t width = grus_linear_folded_width(linears);
    float *rows = list_folded(linears, positions, work->arena);
    grus_arena_mark mark = grus_arena_here(work->arena);
    fold_chunk c;
    if (!rows || !list_fold_chunk(linears[0]->kernel, columns, work->arena, &c))
        return grus_fail_memory(work->error, grus_mul_sat(positions, width * sizeof *rows));
    for (size_t first = 0; first < positions; first += c.n) {
        size_t n = grus_min(c.n, positions - first);
        for (size_t i = 0; i < n; i++)
            c.pointers[i] = values + (first + i) * columns;
        grus_panels_pack(c.panels, &(grus_part_rows){c.pointers, columns}, 1, n);
        float *y = rows + first * width;
        for (size_t i = 0; i < 2; y += grus_weights_width(linears[i++]->context))
            if (linears[i]->context)
                grus_product(linears[i]->context, c.panels, 0, y, width);
    }
    grus_arena_release(work->arena, mark);
    *folded = rows;
    return GRUS_OK;
}

void grus_linear_known(const grus_linear *linear, const uint32_t *tokens, const float *const *context, size_t n,
                       float *y, size_t ldy)
{
    for (size_t i = 0; i < n; i++) {
        float *row = y + i * ldy;
        const float *first = tokens ? linear->table + tokens[i] * linear->width : context[i];
        memcpy(row, first, linear->width * sizeof *row);
        if (tokens && context)
            linear->kernel->vector->add(row, context[i], linear->width);
    }
}
