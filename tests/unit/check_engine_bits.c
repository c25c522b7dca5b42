// check_engine_bits.c: one answer on every machine: each instruction set's vector functions give the bits of 16 lanes in
// plain C, what is fused is rounded as by the C library's fmaf, and powers are those of the C library.
#include "config.h"

#include "base/memory.h"
#include "base/power.h"
#include "engine/kernel/choose.h"
#include "engine/kernel/fused.h"
#include "tests/support/random_model.h"
#include "tests/support/vector_model.h"
#include "tests/unit/check_engine.h"

#define MOST 150 // floats of a vector
#define ROWS 7

static const grus_vector *const tables[] = {
    &grus_vector_generic,
#ifdef GRUS_X86
    &grus_vector_avx2,
    &grus_vector_avx512,
#endif
};

// Tables beyond that of the kernel in use cannot run here.
static size_t n_tables(void)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    size_t n = 1;
#ifdef GRUS_X86
    n += kernel->vector != &grus_vector_generic;
    n += kernel->vector == &grus_vector_avx512;
#endif
    return n;
}

// What one table makes of the same numbers.
typedef struct answers {
    float numbers[10], dots[ROWS], sums[2 * GRUS_MAX_SUMS * MOST], rows[6][MOST], activated[5][MOST];
    float gates[6][ROWS * 3 * MOST], top[MOST / GRUS_LOGIT_BLOCK + 1];
    grus_exp_sum sum;
    uint64_t at_least;
    uint32_t magnitude;
    double paths[(MOST / 16 + 1) * 16];
    int16_t rounded[3][MOST + 1]; // one more than is written
    float scaled[2][3 * 16];
} answers;

static void fill(uint64_t *seed, float *x, size_t n, float scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = scale * random_float(seed);
}

static void answer_sums(const grus_vector *v, uint64_t seed, size_t n, answers *out)
{
    float a[MOST], b[MOST], c[MOST], rows[ROWS * MOST], *to[GRUS_MAX_SUMS];
    const float *weight[GRUS_MAX_SUMS];
    fill(&seed, a, n, 3);
    fill(&seed, b, n, 3);
    fill(&seed, c, n, 3);
    fill(&seed, rows, ROWS * n, 2);
    out->numbers[0] = v->dot(a, b, n);
    out->numbers[1] = v->distance(a, b, n);
    out->numbers[2] = v->energy(a, b, c, n);
    out->numbers[3] = v->max(a, n);
    v->dots(a, rows, ROWS, n, out->dots);
    for (size_t k = 0; k < GRUS_MAX_SUMS; k++) {
        weight[k] = b + (k < n ? k % (n > ROWS ? n - ROWS : 1) : 0);
        to[k] = out->sums + k * MOST;
    }
    v->weighted_sums(1 + n % GRUS_MAX_SUMS, weight, rows, n < ROWS ? n : ROWS, n, to);
    out->at_least = v->at_least(a, n < GRUS_LOGIT_BLOCK ? n : GRUS_LOGIT_BLOCK, 0.25f);
}

static void answer_rows(const grus_vector *v, uint64_t seed, size_t n, answers *out)
{
    float bias[MOST];
    for (size_t i = 0; i < 6; i++)
        fill(&seed, out->rows[i], n, i == 5 ? 40 : 4);
    fill(&seed, bias, n, 2);
    v->tanh_bias(out->rows[0], bias, n);
    v->add(out->rows[1], bias, n);
    v->maximum(out->rows[1], bias, n);
    v->softmax(out->rows[2], n);
    v->sigmoid(out->rows[3], n);
    v->exp(out->rows[4], n);
    out->sum.shift = -INFINITY;
    v->add_exp_sum(out->rows[5], bias, n, &out->sum, out->top);
    out->numbers[4] = v->exp_sum(&out->sum);
    for (size_t i = 0; i < 5; i++) {
        fill(&seed, out->activated[i], n, 6);
        out->activated[i][n / 2] = n % 4 == 0 ? 0x1p-130f : n % 4 == 1 ? -0.0f : n % 4 == 2 ? -100 : 1;
        v->activate((grus_activation)i, out->activated[i], n % 4 ? bias : NULL, n);
    }
}

// What goes into products of 8 bits and comes out of them, the ends of their range and beyond included.
static void answer_bytes(const grus_vector *v, uint64_t seed, size_t n, answers *out)
{
    float x[MOST], scales[3 + 16];
    int32_t sums[3 * 16];
    fill(&seed, x, n, 2);
    x[n / 2] = n % 4 == 0 ? -NAN : n % 4 == 1 ? INFINITY : n % 4 == 2 ? 126.5f / 100 : -125.5f / 100;
    out->magnitude = v->magnitude(x, n);
    for (unsigned i = 0; i < 3; i++)
        v->quantise((grus_int8_element)i, x, n, 100, out->rounded[i]);
    fill(&seed, scales, 3 + 16, 1);
    for (size_t i = 0; i < 3 * 16; i++)
        sums[i] = (int32_t)(2147483647.0 * (double)random_float(&seed));
    memcpy(out->scaled[1], x, n < 3 * 16 ? n * sizeof *x : sizeof out->scaled[1]);
    for (size_t onto = 0; onto < 2; onto++)
        v->scale_sums(&(grus_int8_sums){3, 16, sums, scales, scales + 3, false, onto, out->scaled[onto], 16});
}

// n labels before, a row of whole vectors of labels after, of which some are equally good.
static void answer_paths(const grus_vector *v, uint64_t seed, size_t n, answers *out)
{
    static float transitions[MOST * (MOST + 16)];
    double from[MOST];
    size_t ld = (n / 16 + 1) * 16;
    for (size_t i = 0; i < n; i++)
        from[i] = (double)random_float(&seed) * 1e6;
    fill(&seed, transitions, n * ld, 1e6f);
    v->viterbi(from, transitions, n, ld, out->paths);
    for (size_t j = 0; j < ld; j += 7) {
        double best = -INFINITY;
        for (size_t i = 0; i < n; i++)
            best = fmax(best, from[i] + (double)transitions[i * ld + j]);
        ck_assert(out->paths[j] == best);
    }
}

// A group of `width` units of which n count, in ROWS rows of as many lanes; how gives the activations.
static void answer_gates(const grus_vector *v, uint64_t seed, size_t n, unsigned how, answers *out)
{
    float acc[4 * ROWS * MOST], bias[4 * MOST], hn[MOST], gi[ROWS * 4 * MOST], h[ROWS * MOST], scratch[ROWS * MOST];
    const float *gi_of[ROWS], *more_of[ROWS], *h_of[ROWS];
    float *new_of[ROWS], *cell_of[ROWS];
    uint32_t lane[ROWS];
    fill(&seed, acc, 4 * ROWS * n, 2);
    fill(&seed, bias, 4 * n, 2);
    fill(&seed, hn, n, 2);
    fill(&seed, gi, ROWS * 4 * n, 3);
    fill(&seed, h, ROWS * n, 1);
    for (uint32_t row = 0; row < ROWS; row++) {
        gi_of[row] = gi + row * 4 * n;
        more_of[row] = gi + (ROWS - 1 - row) * 4 * n;
        h_of[row] = h + row * n;
        new_of[row] = out->gates[0] + row * n;
        lane[row] = ROWS - 1 - row;
    }
    grus_gates g = {.lanes = ROWS,
                    .width = n,
                    .units = n,
                    .acc = acc,
                    .bias = bias,
                    .bias_hn = hn,
                    .scratch = scratch,
                    .n = ROWS,
                    .lane = lane,
                    .gi = gi_of,
                    .more = how & 1 ? more_of : NULL,
                    .h_prev = h_of,
                    .h_new = new_of,
                    .hard = how & 2,
                    .reset = out->gates[1],
                    .update = out->gates[2],
                    .ld = n,
                    .c_prev = h_of,
                    .c_new = cell_of,
                    .activation = how & 4 ? (how & 2 ? GRUS_CELL_RELU : GRUS_CELL_LINEAR) : GRUS_CELL_TANH};
    v->gates(&g);
    for (uint32_t row = 0; row < ROWS; row++)
        new_of[row] = out->gates[3] + row * n;
    v->reset_gates(&g);
    v->update_gates(&g);
    for (uint32_t row = 0; row < ROWS; row++) {
        new_of[row] = out->gates[4] + row * n;
        cell_of[row] = out->gates[5] + row * n;
    }
    v->lstm_gates(&g);
}

START_TEST(vectors_give_the_bits_of_the_model)
{
    answers *expected = calloc(1, sizeof *expected), *found = calloc(1, sizeof *found);
    for (size_t t = 0; t < n_tables(); t++)
        for (size_t n = 1; n <= MOST; n++)
            for (unsigned how = 0; how < 8; how++) {
                const grus_vector *vectors[] = {&grus_vector_model, tables[t]};
                answers *all[] = {expected, found};
                for (size_t i = 0; i < 2; i++) {
                    memset(all[i], 0, sizeof *expected);
                    answer_gates(vectors[i], 77 * n + how, n, how, all[i]);
                    if (how > 1)
                        continue;
                    answer_sums(vectors[i], 1000 * n + how, n, all[i]);
                    answer_rows(vectors[i], 3000 * n + how, n, all[i]);
                    answer_bytes(vectors[i], 5000 * n + how, n, all[i]);
                    answer_paths(vectors[i], 7000 * n + how, n, all[i]);
                }
                ck_assert_msg(memcmp(expected, found, sizeof *found) == 0, "%s, %zu floats, %u: other bits",
                              tables[t]->name, n, how);
            }
    free(found);
    free(expected);
}
END_TEST

static float random_bits(uint64_t *seed, uint32_t exponents)
{
    uint32_t bits = (uint32_t)(random_float(seed) * 2147483647.0f) ^ (uint32_t)(random_float(seed) * 1073741824.0f)
                                                                         << 3;
    if (exponents) // close to one another, so that terms cancel
        bits = (bits & 0x807fffff) | (127 - exponents / 2 + bits % exponents) << 23;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

START_TEST(what_is_fused_is_rounded_once)
{
    uint64_t seed = 5;
    for (size_t i = 0; i < 2000000; i++) {
        uint32_t exponents = i % 3 ? (uint32_t)(i % 3 * 12) : 0;
        float a = random_bits(&seed, exponents), b = random_bits(&seed, exponents), c = random_bits(&seed, exponents);
        float found = grus_fused((grus_quad){c, a}, (grus_quad){a, b}, (grus_quad){b, c})[1], expected = fmaf(a, b, c),
              alone = grus_fused_one(a, b, c);
        hold_msg(isnan(expected)
                     ? isnan(found) && isnan(alone)
                     : memcmp(&found, &expected, sizeof found) == 0 && memcmp(&alone, &expected, sizeof alone) == 0,
                 "%a * %a + %a = %a, not %a", (double)a, (double)b, (double)c, (double)found, (double)expected);
    }
}
END_TEST

START_TEST(powers_are_those_of_the_c_library)
{
    for (int length = 1; length <= 4000; length += length < 300 ? 1 : 37)
        for (int i = -30; i <= 60; i++) {
            double y = i / 20.0, x = i % 2 ? length : (5 + length) / 6.0, expected = pow(x, y);
            double bound = 4e-16 * (2 + fabs(y * log(x))) * expected;
            hold_msg(fabs(grus_power(x, y) - expected) <= bound, "%g to the %g", x, y);
        }
    ck_assert(grus_power(7, 1) == 7 && grus_power(7, 0) == 1 && grus_power(1, 0.7) == 1);
    ck_assert(isinf(grus_power(1e300, 2)) && grus_power(1e300, -2) == 0);
}
END_TEST

START_TEST(logarithms_are_those_of_the_c_library)
{
    uint64_t seed = 11;
    for (int i = 0; i < 200000; i++) {
        double x = ldexp(1.0 + (double)random_float(&seed) / 2, i % 2000 - 1000), expected = log(x);
        hold_msg(fabs(grus_log(x) - expected) <= 4e-16 * (1 + fabs(expected)), "ln %a", x);
    }
    ck_assert(grus_log(1) == 0);
}
END_TEST

TCase *bits_case(void)
{
    TCase *tcase = tcase_create("bits");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, vectors_give_the_bits_of_the_model);
    tcase_add_test(tcase, what_is_fused_is_rounded_once);
    tcase_add_test(tcase, powers_are_those_of_the_c_library);
    tcase_add_test(tcase, logarithms_are_those_of_the_c_library);
    return tcase;
}
