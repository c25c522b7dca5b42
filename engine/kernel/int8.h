// int8.h: how numbers of 8 bits lie in weights and rows, and what a kernel for them is. Included by the kernels, int8_*.c,
// and by choose_int8.c, which has their table.
//
// A weight is q s_u, q an integer in [-127, 127] (or -128 where it is given with its scale) and s_u one scale a row of the
// matrix; an activation is q s, q in [-127, 127] and s one scale a row and part. Of the products of q a kernel makes sums
// that are exact, whatever its order; each is then scaled once, in the kernel's registers or by vector_quantise.h. So all
// kernels give the same bits.
#ifndef GRUS_ENGINE_KERNEL_INT8_H
#define GRUS_ENGINE_KERNEL_INT8_H

#include "engine/kernel/number_type.h"

#define GRUS_INT8_MAX_SUMS 1024 // lanes by units of any kernel

// Of whose sums a kernel makes one pass: a group of units by a tile of lanes.
typedef struct grus_int8_block {
    const int8_t *weights; // (depth / interleave, units, interleave)
    const void *rows;      // (tile, depth), elements as the type has them
    size_t depth;          // columns, a multiple of the type's quantum and at most 65,536
    const int32_t *start;  // (units) of GRUS_INT8_OFFSET: what the sums start from, so that the offset is in none
} grus_int8_block;

// A kernel's row of the table of number types, and what int8.c packs for it by.
typedef struct grus_int8_type {
    grus_number_type type; // the first: grus_kernel.type points here
    size_t interleave;     // columns of a unit that lie together
    size_t quantum; // a power of 2, a multiple of interleave: each part's columns are filled up to multiples of it
    grus_int8_element element;
    bool scaled; // the kernel's sums are scaled by it, and written to y alone; else they are left in sums
    void (*sum)(const grus_int8_block *block, const grus_int8_sums *to);
} grus_int8_type;

// The functions of a number type.
size_t grus_int8_group_bytes(const grus_kernel *kernel, const grus_parts *parts);
size_t grus_int8_weights_bytes(const grus_kernel *kernel, size_t groups, const grus_parts *parts);
void grus_int8_pack_weights(grus_matrix matrix, const grus_weights *weights);
size_t grus_int8_panels_bytes(const grus_kernel *kernel, size_t n, size_t columns);
void grus_int8_pack_rows(const grus_part_rows *parts, size_t n_parts, const grus_panels *panels);
size_t grus_int8_rounded_bytes(const grus_kernel *kernel);
float grus_int8_round_row(const grus_kernel *kernel, const float *row, size_t n, bool bounded, char *to);
void grus_int8_pack_rounded(const grus_rounded_row *rows, bool bounded, const grus_panels *panels);
size_t grus_int8_passes(const grus_weights *weights);
void grus_int8_multiply(const grus_weights *weights, const grus_panels *panels, const grus_block *block, float beta,
                        float *y, size_t ldy);
// A kernel's row: its sum, whether that scales, what its threads give back (or NULL) and its layout.
#define GRUS_INT8_TYPE(sum_, scaled_, leave_, ...)         \
    {                                                      \
        .type = {.name = "int8",                           \
                 .group_bytes = grus_int8_group_bytes,     \
                 .weights_bytes = grus_int8_weights_bytes, \
                 .pack_weights = grus_int8_pack_weights,   \
                 .panels_bytes = grus_int8_panels_bytes,   \
                 .pack_rows = grus_int8_pack_rows,         \
                 .rounded_bytes = grus_int8_rounded_bytes, \
                 .round_row = grus_int8_round_row,         \
                 .pack_rounded = grus_int8_pack_rounded,   \
                 .passes = grus_int8_passes,               \
                 .multiply = grus_int8_multiply,           \
                 .leave = leave_},                         \
        .sum = sum_, .scaled = scaled_, __VA_ARGS__        \
    }

// The kernels, one for each instruction set: lanes and units as grus_kernel has them, and how they read both.
#define GRUS_INT8_GENERIC_TILE 4
#define GRUS_INT8_GENERIC_UNITS 8
#define GRUS_INT8_GENERIC_LAYOUT .interleave = 1, .quantum = 4, .element = GRUS_INT8_SIGNED
extern const grus_int8_type grus_int8_generic;

#define GRUS_INT8_AVX2_TILE 6
#define GRUS_INT8_AVX2_UNITS 16
#define GRUS_INT8_AVX2_LAYOUT .interleave = 2, .quantum = 4, .element = GRUS_INT8_WIDE
extern const grus_int8_type grus_int8_avx2;

#define GRUS_INT8_AVXVNNI_TILE 6
#define GRUS_INT8_AVXVNNI_UNITS 16
#define GRUS_INT8_AVXVNNI_LAYOUT .interleave = 4, .quantum = 4, .element = GRUS_INT8_OFFSET
extern const grus_int8_type grus_int8_avxvnni;

#define GRUS_INT8_AVX512VNNI_TILE 12
#define GRUS_INT8_AVX512VNNI_UNITS 32
#define GRUS_INT8_AVX512VNNI_LAYOUT .interleave = 4, .quantum = 4, .element = GRUS_INT8_OFFSET
extern const grus_int8_type grus_int8_avx512vnni;

#define GRUS_INT8_AMX_TILE 32
#define GRUS_INT8_AMX_UNITS 32
#define GRUS_INT8_AMX_LAYOUT .interleave = 4, .quantum = 64, .element = GRUS_INT8_SIGNED
extern const grus_int8_type grus_int8_amx;

#define GRUS_INT8_NEON_TILE 4
#define GRUS_INT8_NEON_UNITS 16
#define GRUS_INT8_NEON_LAYOUT .interleave = 2, .quantum = 4, .element = GRUS_INT8_SIGNED
extern const grus_int8_type grus_int8_neon;

#define GRUS_INT8_DOTPROD_TILE 6
#define GRUS_INT8_DOTPROD_UNITS 16
#define GRUS_INT8_DOTPROD_LAYOUT .interleave = 4, .quantum = 4, .element = GRUS_INT8_SIGNED
extern const grus_int8_type grus_int8_dotprod;

#endif
