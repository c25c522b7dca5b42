// linear.c: taking W apart by its columns; the table; folding.
#include "config.h"

#include "engine/nn/linear.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TABLE_BYTES_MAX ((size_t)64 << 20)

static bool lies_in(size_t column, const grus_columns columns[2])
{
    return (column >= columns[0].first && column - columns[0].first < columns[0].n) ||
           (column >= columns[1].first && column - columns[1].first < columns[1].n);
}

// The parts of matrix without these columns, each of which is one of them.
static grus_parts parts_without(const grus_parts *parts, const grus_columns without[2])
{
    grus_parts left = {0, {0}};
    size_t first = 0;
    for (size_t i = 0; i < parts->n; first += parts->columns[i++])
        if (!lies_in(first, without))
            left.columns[left.n++] = parts->columns[i];
    return left;
}

// Packs what is left of matrix without these columns; nothing where nothing is left.
static grus_status pack_without(const grus_linear *linear, grus_arena *arena, grus_matrix matrix,
                                const grus_columns without[2], grus_weights **weights, grus_error *error)
{
    size_t left = matrix.columns - without[0].n - without[1].n, floats, at = 0;
    if (left == 0)
        return GRUS_OK;
    if (left == matrix.columns)
        return grus_weights_pack(linear->kernel, arena, matrix, weights, error);
    float *dense = grus_mul(matrix.rows, left, &floats) ? grus_alloc(floats, sizeof *dense) : NULL;
    if (!dense)
        return grus_fail_memory(error, matrix.rows * sizeof *dense);
    for (size_t first = 0, end; first < matrix.columns; first = end) {
        bool out = lies_in(first, without);
        for (end = first + 1; end < matrix.columns && out == lies_in(end, without);)
            end++;
        for (size_t row = 0; row < matrix.rows && !out; row++)
            memcpy(dense + row * left + at, matrix.data + row * matrix.ld + first, (end - first) * sizeof *dense);
        at += out ? 0 : end - first;
    }
    grus_matrix rest = grus_dense(dense, matrix.rows, left);
    rest.scales = matrix.scales;
    rest.parts = parts_without(&matrix.parts, without);
    grus_status status = grus_weights_pack(linear->kernel, arena, rest, weights, error);
    free(dense);
    return status;
}

static grus_status pack_columns(const grus_kernel *kernel, grus_arena *arena, grus_matrix matrix, grus_columns columns,
                                grus_weights **weights, grus_error *error)
{
    matrix.data += columns.first;
    matrix.columns = columns.n;
    matrix.parts = (grus_parts){0, {0}};
    return grus_weights_pack(kernel, arena, matrix, weights, error);
}

// table[entry] = W[:, its columns] embedding[entry].
static grus_status fill_table(grus_linear *linear, grus_arena *scratch, grus_matrix matrix,
                              const grus_embedding *embedding, grus_error *error)
{
    grus_weights *weights;
    grus_columns columns = {embedding->first, embedding->columns};
    grus_status status = pack_columns(linear->kernel, scratch, matrix, columns, &weights, error);
    if (status)
        return status;
    grus_mapping mapping = {.kernel = linear->kernel,
                            .n = embedding->entries,
                            .parts = 1,
                            .columns = {embedding->columns},
                            .dense = embedding->rows,
                            .n_maps = 1,
                            .map = {{.weights = weights, .y = linear->table, .ldy = linear->width}}};
    status = grus_map_rows(&mapping, &(grus_work){.arena = scratch, .error = error});
    linear->table_entries = embedding->entries;
    return status;
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
    matrix.parts = parts->parts;
    *linear = (grus_linear){.kernel = kernel, .width = grus_div_up(matrix.rows, kernel->units) * kernel->units};
    grus_columns none = {0, 0}, tabled = none;
    grus_status status = GRUS_OK;
    if (table_pays(linear, embedding)) {
        tabled = (grus_columns){embedding->first, embedding->columns};
        status = make_table(linear, arena, matrix, embedding, error);
    }
    if (!status)
        status = pack_without(linear, arena, matrix, (grus_columns[]){tabled, none}, &linear->rest, error);
    if (context.n == matrix.columns)
        linear->context = linear->rest;
    else if (!status && context.n > 0)
        status = pack_columns(kernel, arena, matrix, context, &linear->context, error);
    if (!status && context.n > 0)
        status = pack_without(linear, arena, matrix, (grus_columns[]){tabled, context}, &linear->folded, error);
    return status;
}

size_t grus_linear_folded_width(const grus_linear *const linears[2])
{
    return grus_weights_width(linears[0]->context) + grus_weights_width(linears[1]->context);
}

float *grus_linear_folded_list(const grus_linear *const linears[2], size_t positions, grus_arena *arena)
{
    size_t rows = grus_whole_tiles(linears[0]->kernel, positions); // products are written in whole tiles of rows
    return grus_arena_alloc(arena, grus_mul_sat(rows, grus_linear_folded_width(linears)), sizeof(float));
}

void grus_linear_folded_map(const grus_linear *const linears[2], const size_t wanted[2], float *folded,
                            grus_mapping *mapping)
{
    size_t width = grus_linear_folded_width(linears), at = 0;
    for (size_t i = 0; i < 2; i++) {
        const grus_weights *weights = linears[i]->context;
        if (weights)
            mapping->map[mapping->n_maps++] =
                (grus_map){.weights = weights, .y = folded + at, .ldy = width, .wanted = wanted[i]};
        at += grus_weights_width(weights);
    }
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
