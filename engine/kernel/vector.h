// vector.h: the element-wise arithmetic around the products, in one table of functions for each instruction set.
//
// vector_impl.h is written once and instantiated by vector_avx512.c, vector_avx2.c and vector_generic.c; choose.c says
// which table goes with which micro-kernel. Every sum runs in an order that depends on its length alone, and all tables give the
// same bits.
// exp: |relative error| <= 2e-7; sigmoid: <= 3e-7; tanh: <= 6e-7 (formulas in vector_impl.h; check_vector proves them).
#ifndef GRUS_ENGINE_KERNEL_VECTOR_H
#define GRUS_ENGINE_KERNEL_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/model_config.h"

#define GRUS_LOGIT_BLOCK 64
#define GRUS_MAX_SUMS 4

// One group of hidden units of nn.GRU for n rows, each of which goes on from the state of a lane, from the recurrent
// products acc = W_h{r,z,n} h of those lanes and, for each row, the input products gi:
//   r = sigma(gi_r + b_r + acc_r), z = sigma(gi_z + b_z + acc_z), n = tanh(gi_n + b_n + r * (acc_n + b_hn))
//   h_new = n + z * (h_prev - n)
// for its first `units` <= width units.
typedef struct grus_gates {
    size_t lanes, width, units;
    const float *acc;           // (3, lanes, width)
    const float *bias;          // (3, width) with b_hr and b_hz added in
    const float *bias_hn;       // (width)
    float *scratch;             // (n, width)
    size_t n;                   // rows
    const uint32_t *lane;       // (n) of acc: whose state the row goes on from
    size_t gi_at;               // where in rows of gi and more these units begin, and
    size_t at;                  // where in all others
    const float *const *gi;     // (n) of (3, width)
    const float *const *more;   // (n) of (3, width): the other part of gi, added to it; or NULL
    const float *const *h_prev; // (n) of (width): that state
    float *const *h_new;        // (n) of (width), written; may be h_prev where each lane has one row
    // Other activations than sigma and tanh.
    bool hard; // clip(0.2 x + 0.5, 0, 1) for sigma
    grus_cell_activation activation;
    // Of reset_gates and update_gates, (n) of (width), ld floats apart: r * h_prev, and what z is taken of.
    float *reset, *update;
    size_t ld;
    // Of lstm_gates, (n) of (width): c before the step and behind it, which may be the same row.
    const float *const *c_prev;
    float *const *c_new;
} grus_gates;

// Sums run over so many virtual lanes, whatever the width of the machine's vectors.
#define GRUS_MAX_VECTOR 16

// The sum of exp(x - shift), shift being the largest x so far, in as many parts.
typedef struct grus_exp_sum {
    float shift, part[GRUS_MAX_VECTOR];
} grus_exp_sum;

// What a number of 8 bits in a row of activations is to a kernel.
typedef enum grus_int8_element {
    GRUS_INT8_SIGNED, // int8_t
    GRUS_INT8_OFFSET, // uint8_t, GRUS_INT8_OFFSET_BY more than the number
    GRUS_INT8_WIDE    // int16_t
} grus_int8_element;
#define GRUS_INT8_OFFSET_BY 128

// Sums of products of such numbers, and what they are to be scaled by: y[lane] (ldy floats apart, units written) becomes
//   sum * (lane scale * unit scale), or fma(sum, lane scale * unit scale, y) onto what it holds.
typedef struct grus_int8_sums {
    size_t lanes, units; // units a multiple of the vectors' width
    int32_t *sums;       // (lanes, units)
    const float *lane_scales, *unit_scales;
    bool even; // all lanes have the same scale
    bool onto;
    float *y;
    size_t ldy;
} grus_int8_sums;

// Rows whose log-probabilities are (x - shift) - log_sum.
typedef struct grus_log_rows {
    size_t n;
    const float *const *x;
    const float *shift, *log_sum;
} grus_log_rows;

typedef struct grus_vector {
    const char *name;

    void (*gates)(const grus_gates *gates);
    // The same for a reset before the product, h_new = n + z * (h_prev - n) with n = act(gi_n + b_n + W_hn (r * h_prev)),
    // in two halves; all hidden biases are in bias, bias_hn is not read. First acc is (2, lanes, width), the products of r
    // and z, and reset and update are written; then acc is (n, width), a row's own product of reset, and h_new is.
    void (*reset_gates)(const grus_gates *gates);
    void (*update_gates)(const grus_gates *gates);
    // Those of nn.LSTM in the order i, f, g, o, acc being (4, lanes, width), gi, more and bias likewise, all biases in bias:
    //   c_new = sigma(f) c_prev + sigma(i) tanh(g), h_new = sigma(o) tanh(c_new)
    // h_prev, bias_hn, scratch and the other activations are not read.
    void (*lstm_gates)(const grus_gates *gates);

    // panel[k * lanes + lane] = rows[lane][k] for k < count.
    void (*pack)(size_t lanes, size_t count, const float *const *rows, float *panel);

    // The largest of the bits of |x|: infinity's, or more for NaN, where one is.
    uint32_t (*magnitude)(const float *x, size_t n);
    // x * factor, NaN as if infinite, rounded to the nearest integer in [-127, 127], ties to even.
    void (*quantise)(grus_int8_element element, const float *x, size_t n, float factor, void *to);
    void (*scale_sums)(const grus_int8_sums *sums);

    float (*dot)(const float *a, const float *b, size_t n);
    void (*dots)(const float *a, const float *rows, size_t n_rows, size_t size, float *out); // out[i] = a . rows[i]
    float (*distance)(const float *a, const float *b, size_t n);                             // ||a - b||
    float (*energy)(const float *v, const float *q, const float *k, size_t n);               // v . tanh(q + k)
    // out[i] (size) = the sum over t of weight[i][t] rows[t] for n <= GRUS_MAX_SUMS sums over the same rows.
    void (*weighted_sums)(size_t n, const float *const *weight, const float *rows, size_t n_rows, size_t size,
                          float *const *out);
    void (*tanh_bias)(float *x, const float *bias, size_t n); // x = tanh(x + bias)
    // x = activation(x + bias), denormal results 0, NaN kept; bias NULL: zeros.
    void (*activate)(grus_activation activation, float *x, const float *bias, size_t n);
    void (*add)(float *x, const float *y, size_t n);     // x += y
    void (*maximum)(float *x, const float *y, size_t n); // x = max(x, y), NaN of either kept
    float (*max)(const float *x, size_t n);              // n >= 1
    // Bit i: x[i] >= least, for n <= GRUS_LOGIT_BLOCK.
    uint64_t (*at_least)(const float *x, size_t n, float least);

    // x += bias, and their exponentials go into the sum. top[i], unless NULL, is the largest of the i-th GRUS_LOGIT_BLOCK
    // of them. The pieces of a row come in order, each but the last a multiple of GRUS_LOGIT_BLOCK: then they may be cut
    // anywhere, to the last bit.
    void (*add_exp_sum)(float *x, const float *bias, size_t n, grus_exp_sum *sum, float *top);
    float (*exp_sum)(const grus_exp_sum *sum); // NaN or infinite where an x is NaN or all are infinite

    void (*softmax)(float *x, size_t n); // in place; n >= 1
    void (*sigmoid)(float *x, size_t n); // in place
    void (*exp)(float *x, size_t n);     // in place

    // best[j] = the largest of from[i] + transitions[i * ld + j] over i < n, for j < ld, in doubles; n >= 1, ld a multiple
    // of GRUS_MAX_VECTOR.
    void (*viterbi)(const double *from, const float *transitions, size_t n, size_t ld, double *best);

    // to[i] = the mean over the rows of (x[i] - shift) - log_sum, those of floats, their sum and its part of a double; top as
    // in add_exp_sum, NULL too. No place is less where an x is greater. to may be one of the rows.
    void (*mean_logprobs)(const grus_log_rows *rows, size_t n, float *to, float *top);
} grus_vector;

#ifdef GRUS_X86
extern const grus_vector grus_vector_avx512, grus_vector_avx2;
#endif
extern const grus_vector grus_vector_generic;

#endif
