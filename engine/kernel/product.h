// product.h: the door to products of every number type: weights and rows of activations are packed, and what is packed
// is multiplied. A row may be given in parts that are read as if they stood side by side, so that nothing is ever
// concatenated or gathered in memory.
//
// Units (rows of a weight matrix) are computed in groups of kernel->units, rows of activations (lanes) in tiles of
// kernel->tile, always whole ones and each sum in one order: that is why no result depends on its batch.
#ifndef GRUS_ENGINE_KERNEL_PRODUCT_H
#define GRUS_ENGINE_KERNEL_PRODUCT_H

#include "base/arena.h"
#include "engine/kernel/kernel.h"

// ---- weights ----

// Packs matrix into arena. GRUS_E_MEMORY when that has none left.
grus_status grus_weights_pack(const grus_kernel *kernel, grus_arena *arena, grus_matrix matrix, grus_weights **weights,
                              grus_error *error);

// Of weights, all 0 for NULL: the size of a row of activations; the units; the floats that a product writes a row, which
// are the units filled up to whole groups; the groups; and the bytes that all take.
size_t grus_weights_in(const grus_weights *weights);
size_t grus_weights_out(const grus_weights *weights);
size_t grus_weights_width(const grus_weights *weights);
size_t grus_weights_groups(const grus_weights *weights);
size_t grus_weights_bytes(const grus_weights *weights);

// How many groups stay in the L2 cache while all tiles pass over them: a multiple of `of`, and at least that.
size_t grus_weights_block(const grus_weights *weights, size_t of);

// FLOPs of a product of n rows of whose units this many are wanted: a multiply-add counts as two. 0 for NULL.
uint64_t grus_product_flops(size_t n, const grus_weights *weights, size_t wanted);

// ---- rows of activations ----

// Room in arena for n rows of so many columns; NULL when that has none left.
grus_panels *grus_panels_new(const grus_kernel *kernel, grus_arena *arena, size_t n, size_t columns);

// Packs n rows, which may be any that fit the room.
void grus_panels_pack(grus_panels *panels, const grus_part_rows *parts, size_t n_parts, size_t n);

// Rows that are packed more than once may be rounded once, by types that round them at all: the bytes of a number, 0 for
// other types.
size_t grus_rounded_bytes(const grus_kernel *kernel);
// Rounds n numbers of a row, as packing would, to n * grus_rounded_bytes; gives their scale. bounded: as of grus_part_rows.
float grus_round_row(const grus_kernel *kernel, const float *row, size_t n, bool bounded, char *to);
// Packs n rows of one part, all of which were rounded as bounded or none.
void grus_panels_pack_rounded(grus_panels *panels, const grus_rounded_row *rows, size_t columns, bool bounded,
                              size_t n);

// ---- products ----

// y[i] (ldy floats apart, the weights' width written) = beta * y[i] + W x_i for the rows packed in panels; beta is 0 or
// 1. Rows up to the next whole tile are written too.
void grus_product(const grus_weights *weights, const grus_panels *panels, float beta, float *y, size_t ldy);

// The same of one tile of rows by the groups [from, to): y is that of the tile's first row and the first of these units.
typedef struct grus_part_groups {
    size_t tile, from, to;
} grus_part_groups;
void grus_product_tile(const grus_weights *weights, const grus_panels *panels, grus_part_groups part, float beta,
                       float *y, size_t ldy);

// For what is done behind the product of a group while that is in L1: one group of units by one tile of lanes. The sums
// are made in so many passes over the columns, in order; a tile stays in L1 while the same pass of several groups is made.
size_t grus_weights_passes(const grus_weights *weights);
// y[lane] (ldy floats apart, kernel->units written) for each lane of the tile. beta is that of the first pass.
void grus_multiply(const grus_weights *weights, const grus_panels *panels, const grus_block *block, float beta,
                   float *y, size_t ldy);

// What a thread calls when it has multiplied for a while and may do other things: until then nobody else may use the
// processor's tiles there.
void grus_kernel_leave(const grus_kernel *kernel);

// Of functions that only ask for lines: gcc takes them for functions without effect, and drops calls that it does not inline.
#define GRUS_FETCHES inline __attribute__((always_inline))

// Asks for floats that will soon be read to come into L2.
static GRUS_FETCHES void grus_fetch(const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += GRUS_ALIGN / sizeof *from)
        __builtin_prefetch(from + i, 0, 2);
}

// Into L1.
static GRUS_FETCHES void grus_fetch_near(const float *from, size_t count)
{
    for (size_t i = 0; i < count; i += GRUS_ALIGN / sizeof *from)
        __builtin_prefetch(from + i);
}

#endif
