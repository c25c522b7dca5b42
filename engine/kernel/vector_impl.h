// vector_impl.h: the body of vector.h, included by one file for each instruction set, which defines
//   VECTOR_TABLE  the table's name          VECTOR_NAME  its text
//   LANES         floats a vector           VMIN, VMAX   of two vectors; the second operand where one is NaN
//   VAT_LEAST     of two vectors, an unsigned whose bits tell where a >= b
//   VNORMAL       of a vector, 0 where |x| < FLT_MIN (base/denormal.h), that is where the exponent is 0; NaN in, NaN out
//   VFMA          of three vectors, a * b + c rounded once
//   VMAXI         of two vectors of integers
//   VMAXD         of two vectors of doubles; the second operand where one is NaN
//   VDOUBLES      of an address, half a vector of floats there as doubles
//   VBYTES, VSHORTS  to, x: stores the lowest 8 or 16 bits of each integer
// Every instruction set gives the same bits: what is fused is written as VFMA, and the compiler fuses nothing else; what
// is summed over is summed in 16 virtual lanes, however many a vector has.
#if !defined VECTOR_TABLE || !defined LANES || !defined VMIN || !defined VMAX || !defined VAT_LEAST ||               \
    !defined VNORMAL || !defined VFMA || !defined VMAXI || !defined VMAXD || !defined VDOUBLES || !defined VBYTES || \
    !defined VSHORTS
#error "vector_impl.h is instantiated by vector_*.c, with VECTOR_TABLE, VECTOR_NAME, LANES, V... defined"
#endif

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "engine/kernel/vector.h"

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int veci __attribute__((vector_size(4 * LANES)));
typedef float vec_any __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float quad __attribute__((vector_size(16)));
typedef float quad_any __attribute__((vector_size(16), aligned(4), may_alias));

static inline vec load(const float *p)
{
    return *(const vec_any *)p;
}

static inline void store(float *p, vec x)
{
    *(vec_any *)p = x;
}

// The first n < LANES floats, the others 0.
static inline vec load_part(const float *p, size_t n)
{
    vec x = {0};
    memcpy(&x, p, n * sizeof *p);
    return x;
}

static inline vec load_upto(const float *p, size_t n)
{
    return n >= LANES ? load(p) : load_part(p, n);
}

static inline void store_upto(float *p, vec x, size_t n)
{
    if (n >= LANES)
        store(p, x);
    else
        memcpy(p, &x, n * sizeof *p);
}

static inline vec splat(float x)
{
    return x - (vec){0};
}

// 16 virtual lanes: those of an AVX-512 vector, of two vectors or of four.
#define PARTS (GRUS_MAX_VECTOR / LANES)
typedef struct wide {
    vec part[PARTS];
} wide;

static inline wide wide_zero(void)
{
    return (wide){{{0}}};
}

// Of the first n floats, the others 0.
static inline wide wide_load(const float *p, size_t n)
{
    wide x = wide_zero();
    for (size_t i = 0; i < PARTS; i++)
        if (n >= (i + 1) * LANES)
            x.part[i] = load(p + i * LANES);
        else if (n > i * LANES)
            x.part[i] = load_part(p + i * LANES, n - i * LANES);
    return x;
}

static inline wide wide_fma(wide x, wide y, wide z)
{
    for (size_t i = 0; i < PARTS; i++)
        z.part[i] = VFMA(x.part[i], y.part[i], z.part[i]);
    return z;
}

// Halves added to halves, down to four.
static inline quad sum_to_quad(wide x)
{
#if LANES == 16
    typedef float octet __attribute__((vector_size(32)));
    octet y = __builtin_shufflevector(x.part[0], x.part[0], 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(x.part[0], x.part[0], 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(y, y, 0, 1, 2, 3) + __builtin_shufflevector(y, y, 4, 5, 6, 7);
#elif LANES == 8
    vec y = x.part[0] + x.part[1];
    return __builtin_shufflevector(y, y, 0, 1, 2, 3) + __builtin_shufflevector(y, y, 4, 5, 6, 7);
#else
    return (x.part[0] + x.part[2]) + (x.part[1] + x.part[3]);
#endif
}

// One order for every length and every width.
static inline float sum(wide x)
{
    quad y = sum_to_quad(x);
    return (y[0] + y[2]) + (y[1] + y[3]);
}

// The sums of four, each in the order of sum().
static inline quad sum_each(const wide x[4])
{
    quad a = sum_to_quad(x[0]), b = sum_to_quad(x[1]), c = sum_to_quad(x[2]), d = sum_to_quad(x[3]);
    quad ab_02 = __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
    quad cd_02 = __builtin_shufflevector(c, d, 0, 1, 4, 5) + __builtin_shufflevector(c, d, 2, 3, 6, 7);
    return __builtin_shufflevector(ab_02, cd_02, 0, 2, 4, 6) + __builtin_shufflevector(ab_02, cd_02, 1, 3, 5, 7);
}

// exp(x) = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), q the minimax of degree 4 (3e-9), its
// terms paired so that few wait for one another; relative error <= 2e-7 on [-87.3, 88.3]; outside it stays at the ends
// (1.2e-38, 2.1e38). NaN in, NaN out.
static inline vec vexp(vec x)
{
    const vec magic = splat(0x1.8p23f); // x + magic holds round(x) in its lowest bits
    x = VMIN(splat(88.3f), VMAX(splat(-87.3f), x));
    vec shifted = VFMA(x, splat(1.44269504f), magic);
    vec n = shifted - magic;
    vec r = VFMA(n, splat(-0.693359375f), x);
    r = VFMA(n, splat(2.12194440e-4f), r);
    vec r2 = r * r;
    vec low = VFMA(r, splat(1.66665211e-1f), splat(4.99999940e-1f));
    vec high = VFMA(r2, splat(1.38145988e-3f), VFMA(r, splat(8.36871658e-3f), splat(4.16683890e-2f)));
    vec p = VFMA(VFMA(r2, high, low), r2, r) + 1.0f;
    return (vec)((veci)p + ((veci)shifted << 23));
}

static inline vec vsigmoid(vec x)
{
    return 1.0f / (1.0f + vexp(-x));
}

// tanh(x) = x P(x^2) / Q(x^2), the 13/6 minimax of Eigen (Eigen/src/Core/MathFunctionsImpl.h), x clamped where tanh
// rounds to 1; relative error <= 6e-7. NaN in, NaN out. Numerator and denominator apart; 4.8e-3 < Q < 1.
static inline void tanh_parts(vec x, vec *numerator, vec *denominator)
{
    x = VMIN(splat(7.90531110763549805f), VMAX(splat(-7.90531110763549805f), x));
    vec x2 = x * x, x4 = x2 * x2;
    vec p0 = VFMA(x2, splat(6.37261928875436e-04f), splat(4.89352455891786e-03f));
    vec p1 = VFMA(x2, splat(5.12229709037114e-08f), splat(1.48572235717979e-05f));
    vec p2 = VFMA(x2, splat(2.00018790482477e-13f), splat(-8.60467152213735e-11f));
    vec q0 = VFMA(x2, splat(2.26843463243900e-03f), splat(4.89352518554385e-03f));
    vec q1 = VFMA(x2, splat(1.19825839466702e-06f), splat(1.18534705686654e-04f));
    p2 = VFMA(x4, splat(-2.76076847742355e-16f), p2);
    *denominator = VFMA(x4, q1, q0);
    *numerator = x * VFMA(x4 * x4, p2, VFMA(x4, p1, p0));
}

static inline vec vtanh(vec x)
{
    vec numerator, denominator;
    tanh_parts(x, &numerator, &denominator);
    return numerator / denominator;
}

#include "engine/kernel/vector_activate.h"
#include "engine/kernel/vector_gates.h"
#include "engine/kernel/vector_lstm.h"
#include "engine/kernel/vector_pack.h"
#include "engine/kernel/vector_quantise.h"
#include "engine/kernel/vector_viterbi.h"
// It follows the doubles of the former.
#include "engine/kernel/vector_mean.h"

static float dot(const float *a, const float *b, size_t n)
{
    wide total = wide_zero();
    for (size_t i = 0; i < n; i += GRUS_MAX_VECTOR)
        total = wide_fma(wide_load(a + i, n - i), wide_load(b + i, n - i), total);
    return sum(total);
}

// Four rows at a time hide the latency of one; each sum is that of dot().
static void dots(const float *a, const float *rows, size_t n_rows, size_t size, float *out)
{
    size_t row = 0;
    for (; row + 4 <= n_rows; row += 4) {
        const float *b = rows + row * size;
        wide total[4] = {wide_zero(), wide_zero(), wide_zero(), wide_zero()};
        size_t i = 0;
        for (; i + GRUS_MAX_VECTOR <= size; i += GRUS_MAX_VECTOR) {
            wide x = wide_load(a + i, GRUS_MAX_VECTOR);
            for (size_t j = 0; j < 4; j++)
                total[j] = wide_fma(x, wide_load(b + j * size + i, GRUS_MAX_VECTOR), total[j]);
        }
        for (size_t j = 0; j < 4 && i < size; j++)
            total[j] = wide_fma(wide_load(a + i, size - i), wide_load(b + j * size + i, size - i), total[j]);
        *(quad_any *)(out + row) = sum_each(total);
    }
    for (; row < n_rows; row++)
        out[row] = dot(a, rows + row * size, size);
}

static float distance(const float *a, const float *b, size_t n)
{
    wide total = wide_zero();
    for (size_t i = 0; i < n; i += GRUS_MAX_VECTOR) {
        wide x = wide_load(a + i, n - i), y = wide_load(b + i, n - i);
        for (size_t part = 0; part < PARTS; part++)
            x.part[part] -= y.part[part];
        total = wide_fma(x, x, total);
    }
    return sqrtf(sum(total));
}

static float energy(const float *v, const float *q, const float *k, size_t n)
{
    wide total = wide_zero();
    for (size_t i = 0; i < n; i += GRUS_MAX_VECTOR) {
        wide x = wide_load(q + i, n - i), y = wide_load(k + i, n - i);
        for (size_t part = 0; part < PARTS && part * LANES < n - i; part++)
            x.part[part] = vtanh(x.part[part] + y.part[part]);
        total = wide_fma(wide_load(v + i, n - i), x, total);
    }
    return sum(total);
}

// Sums over the same rows.
typedef struct sums {
    const float *const *weight;
    const float *rows; // (n_rows, size)
    size_t n_rows, size;
    float *const *out;
} sums;

// Four vectors of columns of n sums, n known where this is inlined: a row's columns are read once for all of them, and
// those that come next are asked for.
static inline __attribute__((always_inline)) void weigh_columns(size_t n, sums of, size_t i)
{
    vec total[GRUS_MAX_SUMS][4] = {{{0}}};
    for (size_t t = 0; t < of.n_rows; t++) {
        const float *row = of.rows + t * of.size + i;
        vec x[4] = {load(row), load(row + LANES), load(row + 2 * LANES), load(row + 3 * LANES)};
        for (size_t part = 4; part < 8; part++)
            __builtin_prefetch(row + part * LANES);
        for (size_t k = 0; k < n; k++)
            for (size_t part = 0; part < 4; part++)
                total[k][part] = VFMA(splat(of.weight[k][t]), x[part], total[k][part]);
    }
    for (size_t k = 0; k < n; k++)
        for (size_t part = 0; part < 4; part++)
            store(of.out[k] + i + part * LANES, total[k][part]);
}

static void weighted_sums(size_t n, const float *const *weight, const float *rows, size_t n_rows, size_t size,
                          float *const *out)
{
    const sums of = {weight, rows, n_rows, size, out};
    size_t i = 0;
    for (; i + 4 * LANES <= size; i += 4 * LANES)
        switch (n) {
        case 1:
            weigh_columns(1, of, i);
            break;
        case 2:
            weigh_columns(2, of, i);
            break;
        case 3:
            weigh_columns(3, of, i);
            break;
        default:
            weigh_columns(GRUS_MAX_SUMS, of, i);
        }
    for (; i < size; i += LANES)
        for (size_t k = 0; k < n; k++) {
            vec total = {0};
            for (size_t t = 0; t < n_rows; t++)
                total = VFMA(splat(weight[k][t]), load_upto(rows + t * size + i, size - i), total);
            store_upto(out[k] + i, total, size - i);
        }
}

static void tanh_bias(float *x, const float *bias, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        store_upto(x + i, vtanh(load_upto(x + i, n - i) + load_upto(bias + i, n - i)), n - i);
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        store_upto(x + i, load_upto(x + i, n - i) + load_upto(y + i, n - i), n - i);
}

static void maximum(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        vec a = load_upto(x + i, n - i);
        veci number = a == a;
        vec greater = VMAX(a, load_upto(y + i, n - i)); // y where one is NaN
        store_upto(x + i, (vec)((number & (veci)greater) | (~number & (veci)a)), n - i);
    }
}

static inline float largest(wide x)
{
    float part[GRUS_MAX_VECTOR];
    memcpy(part, &x, sizeof x);
    for (size_t step = GRUS_MAX_VECTOR / 2; step > 0; step /= 2)
        for (size_t i = 0; i < step; i++)
            part[i] = part[i + step] > part[i] ? part[i + step] : part[i];
    return part[0];
}

static float max(const float *x, size_t n)
{
    vec best = splat(x[0]);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        best = VMAX(best, load(x + i));
    float part[LANES];
    memcpy(part, &best, sizeof best);
    float result = part[0];
    for (size_t j = 1; j < LANES; j++)
        result = part[j] > result ? part[j] : result;
    for (; i < n; i++)
        result = x[i] > result ? x[i] : result;
    return result;
}

static uint64_t at_least(const float *x, size_t n, float least)
{
    uint64_t bits = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        bits |= (uint64_t)VAT_LEAST(load(x + i), splat(least)) << i;
    for (; i < n; i++)
        bits |= (uint64_t)(x[i] >= least) << i;
    return bits;
}

// exp at or below the lower end of vexp counts as 0, so that a weight that should vanish does.
static inline vec exp_or_zero(vec x)
{
    veci keep = ~(x < splat(-87.2f));
    return (vec)((veci)vexp(x) & keep);
}

static inline wide wide_add_exp(wide total, wide x, float shift)
{
    for (size_t i = 0; i < PARTS; i++)
        total.part[i] += exp_or_zero(x.part[i] - shift);
    return total;
}

static inline wide wide_max(wide x, wide y)
{
    for (size_t i = 0; i < PARTS; i++)
        x.part[i] = VMAX(x.part[i], y.part[i]);
    return x;
}

// x + bias of the first n floats, also in x; the others as low as can be.
static inline wide add_bias(float *x, const float *bias, size_t n)
{
    wide y = wide_load(x, n), b = wide_load(bias, n);
    for (size_t i = 0; i < PARTS; i++)
        y.part[i] += b.part[i];
    if (n >= GRUS_MAX_VECTOR) {
        memcpy(x, &y, sizeof y);
        return y;
    }
    float part[GRUS_MAX_VECTOR];
    memcpy(part, &y, sizeof y);
    memcpy(x, part, n * sizeof *x);
    for (size_t i = n; i < GRUS_MAX_VECTOR; i++)
        part[i] = -INFINITY;
    return wide_load(part, GRUS_MAX_VECTOR);
}

// Each block is read once: while its logits are near, its exponentials are added to a sum that is scaled down whenever a
// block raises the shift. NaN raises nothing, and stays in the sum.
static void add_exp_sum(float *x, const float *bias, size_t n, grus_exp_sum *sum, float *top)
{
    wide total = wide_load(sum->part, GRUS_MAX_VECTOR);
    float shift = sum->shift;
    for (size_t first = 0; first < n; first += GRUS_LOGIT_BLOCK) {
        size_t end = n - first < GRUS_LOGIT_BLOCK ? n : first + GRUS_LOGIT_BLOCK, i = first;
        wide high, last;
        for (size_t part = 0; part < PARTS; part++)
            high.part[part] = splat(-INFINITY);
        last = high;
        for (; i + GRUS_MAX_VECTOR <= end; i += GRUS_MAX_VECTOR)
            high = wide_max(high, add_bias(x + i, bias + i, GRUS_MAX_VECTOR));
        if (i < end)
            high = wide_max(high, last = add_bias(x + i, bias + i, end - i));
        float block_top = largest(high);
        if (top)
            top[first / GRUS_LOGIT_BLOCK] = block_top;
        if (block_top > shift) {
            vec scale = exp_or_zero(splat(shift - block_top));
            for (size_t part = 0; part < PARTS; part++)
                total.part[part] *= scale;
            shift = block_top;
        }
        for (i = first; i + GRUS_MAX_VECTOR <= end; i += GRUS_MAX_VECTOR)
            total = wide_add_exp(total, wide_load(x + i, GRUS_MAX_VECTOR), shift);
        if (i < end)
            total = wide_add_exp(total, last, shift);
    }
    memcpy(sum->part, &total, sizeof total);
    sum->shift = shift;
}

static float exp_sum(const grus_exp_sum *parts)
{
    return sum(wide_load(parts->part, GRUS_MAX_VECTOR));
}

// The lanes of the last vector behind n must not count: they are set far below every shift.
static inline wide load_or_low(const float *p, size_t n, float shift)
{
    if (n >= GRUS_MAX_VECTOR)
        return wide_load(p, GRUS_MAX_VECTOR);
    float part[GRUS_MAX_VECTOR];
    for (size_t i = 0; i < GRUS_MAX_VECTOR; i++)
        part[i] = i < n ? p[i] : shift - 200.0f;
    return wide_load(part, GRUS_MAX_VECTOR);
}

static void softmax(float *x, size_t n)
{
    float shift = max(x, n);
    wide total = wide_zero();
    for (size_t i = 0; i < n; i += GRUS_MAX_VECTOR) {
        wide e = load_or_low(x + i, n - i, shift);
        for (size_t part = 0; part < PARTS; part++) {
            e.part[part] = exp_or_zero(e.part[part] - shift);
            total.part[part] += e.part[part];
        }
        memcpy(x + i, &e, (n - i < GRUS_MAX_VECTOR ? n - i : GRUS_MAX_VECTOR) * sizeof *x);
    }
    float scale = 1.0f / sum(total);
    for (size_t i = 0; i < n; i += LANES)
        store_upto(x + i, load_upto(x + i, n - i) * scale, n - i);
}

static void sigmoid_all(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        store_upto(x + i, vsigmoid(load_upto(x + i, n - i)), n - i);
}

static void exp_all(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        store_upto(x + i, vexp(load_upto(x + i, n - i)), n - i);
}

const grus_vector VECTOR_TABLE = {
    .name = VECTOR_NAME,
    .gates = gates,
    .reset_gates = reset_gates,
    .update_gates = update_gates,
    .lstm_gates = lstm_gates,
    .pack = pack,
    .magnitude = magnitude,
    .quantise = quantise,
    .scale_sums = scale_sums,
    .dot = dot,
    .dots = dots,
    .distance = distance,
    .energy = energy,
    .weighted_sums = weighted_sums,
    .tanh_bias = tanh_bias,
    .activate = activate,
    .add = add,
    .maximum = maximum,
    .max = max,
    .at_least = at_least,
    .add_exp_sum = add_exp_sum,
    .exp_sum = exp_sum,
    .softmax = softmax,
    .sigmoid = sigmoid_all,
    .exp = exp_all,
    .viterbi = viterbi,
    .mean_logprobs = mean_logprobs,
};
