// vector_impl.h: the body of vector.h, included by one file for each instruction set, which defines
//   VECTOR_TABLE  the table's name          VECTOR_NAME  its text
//   LANES         floats a vector           VMIN, VMAX   of two vectors; the second operand where one is NaN
//   VAT_LEAST     of two vectors, an unsigned whose bits tell where a >= b
//   VNORMAL       of a vector, 0 where |x| < FLT_MIN (base/denormal.h), that is where the exponent is 0; NaN in, NaN out
#if !defined VECTOR_TABLE || !defined LANES || !defined VMIN || !defined VMAX || !defined VAT_LEAST || !defined VNORMAL
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

// Halves added to halves, down to four.
static inline quad sum_to_quad(vec x)
{
#if LANES == 16
    typedef float octet __attribute__((vector_size(32)));
    octet y = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
              __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(y, y, 0, 1, 2, 3) + __builtin_shufflevector(y, y, 4, 5, 6, 7);
#elif LANES == 8
    return __builtin_shufflevector(x, x, 0, 1, 2, 3) + __builtin_shufflevector(x, x, 4, 5, 6, 7);
#else
    return x;
#endif
}

// One order for every length.
static inline float sum(vec x)
{
    quad y = sum_to_quad(x);
    return (y[0] + y[2]) + (y[1] + y[3]);
}

// The sums of four vectors, each in the order of sum().
static inline quad sum_each(vec a, vec b, vec c, vec d)
{
    quad x = sum_to_quad(a), y = sum_to_quad(b), z = sum_to_quad(c), w = sum_to_quad(d);
    quad xy_02 = __builtin_shufflevector(x, y, 0, 1, 4, 5) + __builtin_shufflevector(x, y, 2, 3, 6, 7);
    quad zw_02 = __builtin_shufflevector(z, w, 0, 1, 4, 5) + __builtin_shufflevector(z, w, 2, 3, 6, 7);
    return __builtin_shufflevector(xy_02, zw_02, 0, 2, 4, 6) + __builtin_shufflevector(xy_02, zw_02, 1, 3, 5, 7);
}

// exp(x) = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r), q the minimax of degree 4 (3e-9), its
// terms paired so that few wait for one another; relative error <= 2e-7 on [-87.3, 88.3]; outside it stays at the ends
// (1.2e-38, 2.1e38). NaN in, NaN out.
static inline vec vexp(vec x)
{
    const vec magic = splat(0x1.8p23f); // x + magic holds round(x) in its lowest bits
    x = VMIN(splat(88.3f), VMAX(splat(-87.3f), x));
    vec shifted = x * 1.44269504f + magic;
    vec n = shifted - magic;
    vec r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vec r2 = r * r;
    vec low = r * 1.66665211e-1f + 4.99999940e-1f;
    vec high = r2 * 1.38145988e-3f + (r * 8.36871658e-3f + 4.16683890e-2f);
    vec p = (r2 * high + low) * r2 + r + 1.0f;
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
    vec p0 = x2 * 6.37261928875436e-04f + 4.89352455891786e-03f;
    vec p1 = x2 * 5.12229709037114e-08f + 1.48572235717979e-05f;
    vec p2 = x2 * 2.00018790482477e-13f + -8.60467152213735e-11f;
    vec q0 = x2 * 2.26843463243900e-03f + 4.89352518554385e-03f;
    vec q1 = x2 * 1.19825839466702e-06f + 1.18534705686654e-04f;
    p2 = x4 * -2.76076847742355e-16f + p2;
    *denominator = x4 * q1 + q0;
    *numerator = x * ((x4 * x4) * p2 + (x4 * p1 + p0));
}

static inline vec vtanh(vec x)
{
    vec numerator, denominator;
    tanh_parts(x, &numerator, &denominator);
    return numerator / denominator;
}

#include "engine/kernel/vector_gates.h"
#include "engine/kernel/vector_pack.h"

static float dot(const float *a, const float *b, size_t n)
{
    vec total = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        total += load(a + i) * load(b + i);
    if (i < n)
        total += load_part(a + i, n - i) * load_part(b + i, n - i);
    return sum(total);
}

// Four rows at a time hide the latency of one; each sum is that of dot().
static void dots(const float *a, const float *rows, size_t n_rows, size_t size, float *out)
{
    size_t row = 0;
    for (; row + 4 <= n_rows; row += 4) {
        const float *b = rows + row * size, *c = b + size, *d = c + size, *e = d + size;
        vec of_b = {0}, of_c = {0}, of_d = {0}, of_e = {0};
        size_t i = 0;
        for (; i + LANES <= size; i += LANES) {
            vec x = load(a + i);
            of_b += x * load(b + i);
            of_c += x * load(c + i);
            of_d += x * load(d + i);
            of_e += x * load(e + i);
        }
        if (i < size) {
            vec x = load_part(a + i, size - i);
            of_b += x * load_part(b + i, size - i);
            of_c += x * load_part(c + i, size - i);
            of_d += x * load_part(d + i, size - i);
            of_e += x * load_part(e + i, size - i);
        }
        *(quad_any *)(out + row) = sum_each(of_b, of_c, of_d, of_e);
    }
    for (; row < n_rows; row++)
        out[row] = dot(a, rows + row * size, size);
}

static float distance(const float *a, const float *b, size_t n)
{
    vec total = {0};
    for (size_t i = 0; i < n; i += LANES) {
        vec difference = load_upto(a + i, n - i) - load_upto(b + i, n - i);
        total += difference * difference;
    }
    return sqrtf(sum(total));
}

static float energy(const float *v, const float *q, const float *k, size_t n)
{
    vec total = {0};
    for (size_t i = 0; i < n; i += LANES)
        total += load_upto(v + i, n - i) * vtanh(load_upto(q + i, n - i) + load_upto(k + i, n - i));
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
                total[k][part] += of.weight[k][t] * x[part];
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
                total += weight[k][t] * load_upto(rows + t * size + i, size - i);
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
    for (size_t i = 0; i < n; i += LANES)
        store_upto(x + i, VMAX(load_upto(x + i, n - i), load_upto(y + i, n - i)), n - i);
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

// The lanes of the last vector behind n must not count: they are set far below every shift.
static inline vec load_or_low(const float *p, size_t n, float shift)
{
    if (n >= LANES)
        return load(p);
    float part[LANES];
    for (size_t i = 0; i < LANES; i++)
        part[i] = i < n ? p[i] : shift - 200.0f;
    return load(part);
}

// exp at or below the lower end of vexp counts as 0, so that a weight that should vanish does.
static inline vec exp_or_zero(vec x)
{
    veci keep = ~(x < splat(-87.2f));
    return (vec)((veci)vexp(x) & keep);
}

// The first n < LANES sums of x and y, the others as low as can be.
static inline vec sum_part(const float *x, const float *y, size_t n)
{
    float part[LANES];
    for (size_t i = 0; i < LANES; i++)
        part[i] = i < n ? x[i] + y[i] : -INFINITY;
    return load(part);
}

static inline float largest(vec x)
{
    float part[LANES];
    memcpy(part, &x, sizeof x);
    for (size_t step = LANES / 2; step > 0; step /= 2)
        for (size_t i = 0; i < step; i++)
            part[i] = part[i + step] > part[i] ? part[i + step] : part[i];
    return part[0];
}

// Each block is read once: while its logits are near, its exponentials are added to a sum that is scaled down whenever a
// block raises the shift. NaN raises nothing, and stays in the sum.
static void add_exp_sum(float *x, const float *bias, size_t n, grus_exp_sum *sum, float *top)
{
    vec total = load(sum->part);
    float shift = sum->shift;
    for (size_t first = 0; first < n; first += GRUS_LOGIT_BLOCK) {
        size_t end = n - first < GRUS_LOGIT_BLOCK ? n : first + GRUS_LOGIT_BLOCK, i = first;
        vec high = splat(-INFINITY), last = high;
        for (; i + LANES <= end; i += LANES) {
            vec y = load(x + i) + load(bias + i);
            store(x + i, y);
            high = VMAX(high, y);
        }
        if (i < end) {
            last = sum_part(x + i, bias + i, end - i);
            store_upto(x + i, last, end - i);
            high = VMAX(high, last);
        }
        float block_top = largest(high);
        if (top)
            top[first / GRUS_LOGIT_BLOCK] = block_top;
        if (block_top > shift) {
            total *= exp_or_zero(splat(shift - block_top));
            shift = block_top;
        }
        for (i = first; i + LANES <= end; i += LANES)
            total += exp_or_zero(load(x + i) - shift);
        if (i < end)
            total += exp_or_zero(last - shift);
    }
    store(sum->part, total);
    sum->shift = shift;
}

static float exp_sum(const grus_exp_sum *parts)
{
    return sum(load(parts->part));
}

static void softmax(float *x, size_t n)
{
    float shift = max(x, n);
    vec total = {0};
    for (size_t i = 0; i < n; i += LANES) {
        vec e = exp_or_zero(load_or_low(x + i, n - i, shift) - shift);
        total += e;
        store_upto(x + i, e, n - i);
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
    .pack = pack,
    .dot = dot,
    .dots = dots,
    .distance = distance,
    .energy = energy,
    .weighted_sums = weighted_sums,
    .tanh_bias = tanh_bias,
    .add = add,
    .maximum = maximum,
    .max = max,
    .at_least = at_least,
    .add_exp_sum = add_exp_sum,
    .exp_sum = exp_sum,
    .softmax = softmax,
    .sigmoid = sigmoid_all,
    .exp = exp_all,
};
