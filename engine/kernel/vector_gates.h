// vector_gates.h: the part of vector_impl.h that makes the gates of recurrent cells; included there alone, behind its
// types and functions.
#ifndef LANES
#error "vector_gates.h is included by vector_impl.h"
#endif

// One vector of what a gate reads: the input product in one part or two (more, else NULL), its bias and the recurrent
// product.
typedef struct gate_input {
    const float *gi, *more, *bias, *acc;
} gate_input;

static inline vec biased_input(gate_input g, size_t i, size_t count)
{
    vec x = load_upto(g.gi + i, count);
    if (g.more)
        x += load_upto(g.more + i, count);
    return x + load_upto(g.bias + i, count);
}

static inline vec add_up(gate_input g, size_t i, size_t count)
{
    return biased_input(g, i, count) + load_upto(g.acc + i, count);
}

// What tanh is taken of, for count <= LANES units: gi_n + b_n + sigma(gi_r + b_r + acc_r) (acc_n + b_hn).
static inline void reset_gate(gate_input r, gate_input n, const float *bias_hn, size_t i, float *to, size_t count)
{
    vec recurrent = load_upto(n.acc + i, count) + load_upto(bias_hn + i, count);
    store_upto(to + i, VFMA(vsigmoid(add_up(r, i, count)), recurrent, biased_input(n, i, count)), count);
}

// With a = e^-z and tanh(n) = P / Q the new state tanh(n) + sigma(z) (h - tanh(n)) is (a P + h Q) / ((1 + a) Q): one
// division for two. a is at most 2.1e38, so nothing overflows.
static inline void update_gate(gate_input z, const float *n, const float *h, size_t i, float *to, size_t count)
{
    vec a = vexp(-add_up(z, i, count)), p, q;
    tanh_parts(load_upto(n + i, count), &p, &q);
    vec h_new = VFMA(a, p, load_upto(h + i, count) * q) / ((1.0f + a) * q);
    store_upto(to + i, VNORMAL(h_new), count);
}

static inline gate_input input_of(const grus_gates *g, bool more, size_t row, size_t gate)
{
    size_t at = g->gi_at + gate * g->width;
    return (gate_input){g->gi[row] + at, more ? g->more[row] + at : NULL, g->bias + gate * g->width,
                        g->acc + (gate * g->lanes + g->lane[row]) * g->width};
}

// A gate, and the activation of a candidate, as they are asked for.
static inline vec gate_of(const grus_gates *g, vec x)
{
    return g->hard ? VMIN(splat(1), VMAX(splat(0), VFMA(x, splat(0.2f), splat(0.5f)))) : vsigmoid(x);
}

// 0 where x < 0; NaN in, NaN out.
static inline vec candidate_of(const grus_gates *g, vec x)
{
    return g->activation == GRUS_CELL_TANH ? vtanh(x) : g->activation == GRUS_CELL_RELU ? VMAX(splat(0), x) : x;
}

// reset_gate and update_gate with any activations.
static inline void any_reset_gate(const grus_gates *g, gate_input r, gate_input n, size_t i, float *to, size_t count)
{
    vec recurrent = load_upto(n.acc + i, count) + load_upto(g->bias_hn + i, count);
    store_upto(to + i, VFMA(gate_of(g, add_up(r, i, count)), recurrent, biased_input(n, i, count)), count);
}

// h_new of what z is taken of and what the candidate is: n + z (h - n).
static inline void any_update(const grus_gates *g, vec z, vec n, const float *h, float *to, size_t count)
{
    n = candidate_of(g, n);
    vec h_new = VFMA(gate_of(g, z), load_upto(h, count) - n, n);
    store_upto(to, VNORMAL(h_new), count);
}

static void run_any_gates(const grus_gates *g)
{
    bool more = g->more != NULL;
    for (size_t row = 0; row < g->n; row++) {
        gate_input r = input_of(g, more, row, 0), z = input_of(g, more, row, 1), n = input_of(g, more, row, 2);
        float *scratch = g->scratch + row * g->width;
        for (size_t i = 0; i < g->units; i += LANES)
            any_reset_gate(g, r, n, i, scratch, g->units - i);
        for (size_t i = 0; i < g->units; i += LANES)
            any_update(g, add_up(z, i, g->units - i), load_upto(scratch + i, g->units - i), g->h_prev[row] + g->at + i,
                       g->h_new[row] + g->at + i, g->units - i);
    }
}

// Two passes over the rows: each is short enough for the processor to overlap several vectors, which one chain through
// all three gates is not. Inlined for each case, so that no vector asks whether there is more, and no row how many units.
static inline __attribute__((always_inline)) void run_gates(const grus_gates *all, bool more, size_t units)
{
    const grus_gates g = *all; // which no store of a float changes
    for (size_t row = 0; row < g.n; row++) {
        gate_input r = input_of(&g, more, row, 0), n = input_of(&g, more, row, 2);
        float *to = g.scratch + row * g.width;
        size_t i = 0;
        for (; i + LANES <= units; i += LANES)
            reset_gate(r, n, g.bias_hn, i, to, LANES);
        if (i < units)
            reset_gate(r, n, g.bias_hn, i, to, units - i);
    }
    for (size_t row = 0; row < g.n; row++) {
        gate_input z = input_of(&g, more, row, 1);
        const float *n = g.scratch + row * g.width, *h = g.h_prev[row] + g.at;
        float *to = g.h_new[row] + g.at;
        size_t i = 0;
        for (; i + LANES <= units; i += LANES)
            update_gate(z, n, h, i, to, LANES);
        if (i < units)
            update_gate(z, n, h, i, to, units - i);
    }
}

// The units of a whole group on most machines.
#define WHOLE ((size_t)2 * LANES)

static bool are_plain(const grus_gates *g)
{
    return !g->hard && g->activation == GRUS_CELL_TANH;
}

static void gates(const grus_gates *g)
{
    bool more = g->more != NULL, whole = g->units == WHOLE;
    if (!are_plain(g))
        run_any_gates(g);
    else if (more && whole)
        run_gates(g, true, WHOLE);
    else if (more)
        run_gates(g, true, g->units);
    else if (whole)
        run_gates(g, false, WHOLE);
    else
        run_gates(g, false, g->units);
}

// ---- the reset before the product, each half inlined for whole groups of the plain activations, and for all else ----

static inline __attribute__((always_inline)) void run_reset(const grus_gates *all, bool more, bool hard, size_t units)
{
    const grus_gates g = *all;
    for (size_t row = 0; row < g.n; row++) {
        gate_input r = input_of(&g, more, row, 0), z = input_of(&g, more, row, 1);
        const float *h = g.h_prev[row] + g.at;
        float *reset = g.reset + row * g.ld + g.at, *update = g.update + row * g.ld + g.at;
        for (size_t i = 0; i < units; i += LANES) {
            size_t count = units - i;
            vec x = add_up(r, i, count);
            store_upto(reset + i, (hard ? gate_of(&g, x) : vsigmoid(x)) * load_upto(h + i, count), count);
            store_upto(update + i, add_up(z, i, count), count);
        }
    }
}

static void reset_gates(const grus_gates *g)
{
    if (g->units == WHOLE && !g->more && !g->hard)
        run_reset(g, false, false, WHOLE);
    else
        run_reset(g, g->more != NULL, g->hard, g->units);
}

static inline __attribute__((always_inline)) void run_update(const grus_gates *all, bool more, bool plain, size_t units)
{
    const grus_gates g = *all;
    for (size_t row = 0; row < g.n; row++) {
        gate_input n = input_of(&g, more, row, 2);
        n.acc = g.acc + row * g.width;
        const float *h = g.h_prev[row] + g.at, *update = g.update + row * g.ld + g.at;
        float *to = g.h_new[row] + g.at;
        for (size_t i = 0; i < units; i += LANES) {
            size_t count = units - i;
            vec x = add_up(n, i, count), z = load_upto(update + i, count), p, q;
            if (!plain) {
                any_update(&g, z, x, h + i, to + i, count);
                continue;
            }
            vec a = vexp(-z);
            tanh_parts(x, &p, &q);
            vec h_new = VFMA(a, p, load_upto(h + i, count) * q) / ((1.0f + a) * q);
            store_upto(to + i, VNORMAL(h_new), count);
        }
    }
}

static void update_gates(const grus_gates *g)
{
    if (g->units == WHOLE && !g->more && are_plain(g))
        run_update(g, false, true, WHOLE);
    else
        run_update(g, g->more != NULL, are_plain(g), g->units);
}
