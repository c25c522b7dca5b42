// vector_lstm.h: the part of vector_impl.h that makes the gates of an LSTM; included there alone, behind vector_gates.h.
//
// Two divisions for five: with i = 1 / (1 + a), f = 1 / (1 + b) and tanh(g) = P / Q the cell state f c + i tanh(g) is
// (c (1 + a) Q + P (1 + b)) / ((1 + a) (1 + b) Q), and with o = 1 / (1 + d) and tanh(c) = P / Q the new state is
// P / ((1 + d) Q).
#ifndef LANES
#error "vector_lstm.h is included by vector_impl.h"
#endif

// e^-x for gates that are multiplied with one another: sigma stays above 1e-13, so that no product of two overflows, also
// not with cell states up to 1e24. NaN in, NaN out.
static inline vec closed_exp(vec x)
{
    return vexp(VMIN(splat(30.0f), -x));
}

// Both are inlined by force: gcc 12 leaves them out of line, and every constant is loaded anew.
static inline __attribute__((always_inline)) void cell_gates(gate_input i, gate_input f, gate_input g, const float *c,
                                                             size_t at, float *to, size_t count)
{
    vec a = 1.0f + closed_exp(add_up(i, at, count)), b = 1.0f + closed_exp(add_up(f, at, count)), p, q;
    tanh_parts(add_up(g, at, count), &p, &q);
    a *= q;
    vec c_new = VFMA(load_upto(c + at, count), a, p * b) / (a * b);
    store_upto(to + at, VNORMAL(c_new), count);
}

static inline __attribute__((always_inline)) void output_gate(gate_input o, const float *c, size_t at, float *to,
                                                              size_t count)
{
    vec d = vexp(-add_up(o, at, count)), p, q; // at most 2.1e38, so nothing overflows
    tanh_parts(load_upto(c + at, count), &p, &q);
    vec h_new = p / ((1.0f + d) * q);
    store_upto(to + at, VNORMAL(h_new), count);
}

// Two passes over the rows, inlined for each case, as run_gates is.
static inline __attribute__((always_inline)) void run_lstm(const grus_gates *all, bool more, size_t units)
{
    const grus_gates g = *all;
    for (size_t row = 0; row < g.n; row++) {
        gate_input i = input_of(&g, more, row, 0), f = input_of(&g, more, row, 1), n = input_of(&g, more, row, 2);
        const float *c = g.c_prev[row] + g.at;
        float *to = g.c_new[row] + g.at;
        size_t at = 0;
        for (; at + LANES <= units; at += LANES)
            cell_gates(i, f, n, c, at, to, LANES);
        if (at < units)
            cell_gates(i, f, n, c, at, to, units - at);
    }
    for (size_t row = 0; row < g.n; row++) {
        gate_input o = input_of(&g, more, row, 3);
        const float *c = g.c_new[row] + g.at;
        float *to = g.h_new[row] + g.at;
        size_t at = 0;
        for (; at + LANES <= units; at += LANES)
            output_gate(o, c, at, to, LANES);
        if (at < units)
            output_gate(o, c, at, to, units - at);
    }
}

static void lstm_gates(const grus_gates *g)
{
    bool more = g->more != NULL, whole = g->units == WHOLE;
    if (more && whole)
        run_lstm(g, true, WHOLE);
    else if (more)
        run_lstm(g, true, g->units);
    else if (whole)
        run_lstm(g, false, WHOLE);
    else
        run_lstm(g, false, g->units);
}
