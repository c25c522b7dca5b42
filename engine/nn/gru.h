// gru.h: one layer and direction of nn.GRU: its weights in gate order, and one time step of a set of lanes with the
// gates fused behind the recurrent product. Which lanes, in what order and from what state is the caller's.
#ifndef GRUS_ENGINE_NN_GRU_H
#define GRUS_ENGINE_NN_GRU_H

#include "engine/nn/linear.h"
#include "engine/nn/reading.h"

typedef struct grus_gru {
    const grus_kernel *kernel;
    size_t input, hidden;
    size_t groups;           // of kernel->units hidden units
    size_t width;            // 3 * groups * units: floats of an input product's row
    grus_weights *weight_hh; // (width, hidden)
    grus_linear ih;          // W_ih
    float *bias;             // (groups, 3, units): b_i, and b_h on r and z
    float *bias_hn;          // (groups, units)
} grus_gru;

// Reads <prefix>.weight_ih_<suffix> and its companions; gru->input and gru->hidden are set, parts are those of the input.
grus_status grus_gru_read(grus_gru *gru, grus_reading *reading, const char *prefix, const char *suffix,
                          const grus_linear_parts *parts, grus_error *error);

// One time step: n lanes of states, n a multiple of kernel->tile, and the rows that go on from them. Several rows may go
// on from one lane, whose recurrent product they share; in what order they lie is theirs.
typedef struct grus_gru_step {
    size_t n;
    const grus_panels *panels; // (n, hidden): the lanes' states
    const size_t *first_row;   // (n / tile + 1) the rows that go on from tile t are [first_row[t], first_row[t + 1])
    const uint32_t *lane;      // (rows) that the row goes on from, counted from its tile's first
    const float *const *gi;    // (rows) of width: the input products, or
    const float *const *more;  // the other part of their sum; NULL where there is none
    size_t tabled; // of gi that are rows of the table: those of the step, and any that later steps will take; 0: none
    const float *const *h_prev; // (rows) of hidden: the lane's state
    float *const *h_new;        // (rows) of hidden, written; may be h_prev where each lane has one row
    float *acc;                 // scratch, grus_gru_acc_floats
} grus_gru_step;

void grus_gru_run(const grus_gru *gru, const grus_gru_step *step);

// FLOPs of the gates' products for this many rows, what is tabled left out.
static inline uint64_t grus_gru_flops(const grus_gru *gru, size_t rows)
{
    return grus_product_flops(rows, gru->ih.rest, 3 * gru->hidden) +
           grus_product_flops(rows, gru->weight_hh, 3 * gru->hidden);
}

size_t grus_gru_acc_floats(const grus_kernel *kernel);

#endif
