// number_type.h: what a number type is to engine/kernel: a row of functions. Included by product.c, by choose.c, which
// has the table, and by the file of each type; nobody else knows how weights and panels are laid out.
#ifndef GRUS_ENGINE_KERNEL_NUMBER_TYPE_H
#define GRUS_ENGINE_KERNEL_NUMBER_TYPE_H

#include "engine/kernel/kernel.h"

struct grus_weights {
    const grus_kernel *kernel;
    size_t out, in;
    size_t groups;    // of kernel->units rows
    grus_parts parts; // n >= 1
    void *data;       // as the type packs it
};

struct grus_panels {
    const grus_kernel *kernel;
    size_t bytes;      // room in data
    size_t n, columns; // rows packed, and their length
    void *data;        // as the type packs it
};

// Sizes are SIZE_MAX where they overflow.
typedef struct grus_number_type {
    const char *name;
    // The bytes that one group of such rows takes, and the whole of a matrix.
    size_t (*group_bytes)(const grus_kernel *kernel, const grus_parts *parts);
    size_t (*weights_bytes)(const grus_kernel *kernel, size_t groups, const grus_parts *parts);
    // weights has its shape and room.
    void (*pack_weights)(grus_matrix matrix, const grus_weights *weights);
    size_t (*panels_bytes)(const grus_kernel *kernel, size_t n, size_t columns);
    // panels has its shape, the sum of the parts' columns; the lanes of the last tile beyond n become zero.
    // At most GRUS_MAX_PARTS parts of so many columns in sum.
    void (*pack_rows)(const grus_part_rows *parts, size_t n_parts, const grus_panels *panels);
    // As grus_rounded_bytes, grus_round_row and grus_panels_pack_rounded; NULL of types that do not round rows.
    size_t (*rounded_bytes)(const grus_kernel *kernel);
    float (*round_row)(const grus_kernel *kernel, const float *row, size_t n, bool bounded, char *to);
    void (*pack_rounded)(const grus_rounded_row *rows, bool bounded, const grus_panels *panels);
    size_t (*passes)(const grus_weights *weights);
    // Gives back what the thread that multiplied holds of the processor; NULL: nothing.
    void (*leave)(void);
    // As grus_multiply.
    void (*multiply)(const grus_weights *weights, const grus_panels *panels, const grus_block *block, float beta,
                     float *y, size_t ldy);
} grus_number_type;

#endif
