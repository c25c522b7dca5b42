// plain_product.h: the definition of products, for each number type, written out one number at a time.
#ifndef GRUS_TESTS_SUPPORT_PLAIN_PRODUCT_H
#define GRUS_TESTS_SUPPORT_PLAIN_PRODUCT_H

#include "engine/kernel/kernel.h"

// ---- float32 ----

// onto + w . x: a chain of fused multiply-adds for every 512 columns, which are added in order.
float plain_float_sum(const float *w, const float *x, size_t n, float onto);

// ---- int8 ----

#define PLAIN_PIECE 65536

// q and the scale of one part of a row of activations.
void plain_round_part(const float *x, size_t n, bool bounded, int *q, float *scale);
// Of a row of weights; given: with the scale in *scale.
void plain_round_weights(const float *w, size_t n, bool given, int *q, float *scale);
// One sum: part by part, in pieces of 65,536 columns, onto what it is to be added to or NULL.
float plain_int8_sum(const int *w, float w_scale, const int *x, const float *x_scales, const grus_parts *parts,
                     const float *onto);

// ---- either ----

typedef struct plain_product {
    grus_compute_type type;
    size_t n, out;
    grus_parts parts;
    bool bounded[GRUS_MAX_PARTS];
    const float *matrix, *x; // (out, columns), (n, columns)
} plain_product;

// Whether y (n, out), rows ldy floats apart, has the bits of x by the transposed matrix.
bool plain_product_is(const plain_product *product, const float *y, size_t ldy);

#endif
