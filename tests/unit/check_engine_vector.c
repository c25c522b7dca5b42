// check_engine_vector.c: every instantiation of the vector functions that this machine runs, against the C library in
// double precision.
#include "config.h"

#include "base/memory.h"
#include "engine/kernel/choose.h"
#include "engine/nn/activation.h"
#include "engine/nn/logits.h"
#include "grus.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

// The tables that can run here: the generic one, and up to that of the kernel in use.
static const grus_vector *tables[3];
static size_t n_tables;

static void find_tables(void)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    n_tables = 0;
    tables[n_tables++] = &grus_vector_generic;
#ifdef GRUS_X86
    if (kernel->vector != &grus_vector_generic)
        tables[n_tables++] = &grus_vector_avx2;
    if (kernel->vector == &grus_vector_avx512)
        tables[n_tables++] = &grus_vector_avx512;
#endif
}

#define SWEEP 4096

static void sweep_function(void (*apply)(float *, size_t), double (*exact)(double), double low, double high,
                           double relative, double absolute, const char *name)
{
    float x[SWEEP], y[SWEEP];
    for (int block = 0; block < 64; block++) {
        for (int i = 0; i < SWEEP; i++)
            x[i] = y[i] = (float)(low + (high - low) * (block * SWEEP + i) / (64.0 * SWEEP - 1));
        apply(y, SWEEP);
        for (int i = 0; i < SWEEP; i++) {
            double expected = exact((double)x[i]);
            hold_msg(fabs((double)y[i] - expected) <= relative * fabs(expected) + absolute, "%s(%.9g) = %.9g, not %.9g",
                     name, (double)x[i], (double)y[i], expected);
        }
    }
}

static double exact_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static const grus_vector *table_of_tanh;

static void apply_tanh(float *x, size_t n)
{
    float zeros[SWEEP] = {0};
    table_of_tanh->tanh_bias(x, zeros, n);
}

START_TEST(functions_keep_their_stated_errors)
{
    find_tables();
    for (size_t t = 0; t < n_tables; t++) {
        sweep_function(tables[t]->exp, exp, -87.0, 88.2, 2e-7, 0, "exp");
        sweep_function(tables[t]->exp, exp, -1.0, 1.0, 2e-7, 0, "exp");
        sweep_function(tables[t]->sigmoid, exact_sigmoid, -80.0, 80.0, 3e-7, 0, "sigmoid");
        table_of_tanh = tables[t];
        sweep_function(apply_tanh, tanh, -20.0, 20.0, 6e-7, 0, "tanh");
        sweep_function(apply_tanh, tanh, -0.01, 0.01, 6e-7, 0, "tanh");
    }
}
END_TEST

static double exact_activation(grus_activation activation, double x)
{
    switch (activation) {
    case GRUS_ACTIVATION_TANH:
        return tanh(x);
    case GRUS_ACTIVATION_RELU:
        return fmax(x, 0);
    case GRUS_ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-x));
    case GRUS_ACTIVATION_SILU:
        return x / (1 + exp(-x));
    default:
        return x;
    }
}

// Rows of every length, further apart than they are long, with a bias and without.
START_TEST(activations_keep_their_errors)
{
    enum { N = 40, ROWS = 3, LD = N + 5 };
    static const grus_activation all[] = {GRUS_ACTIVATION_NONE, GRUS_ACTIVATION_TANH, GRUS_ACTIVATION_RELU,
                                          GRUS_ACTIVATION_SIGMOID, GRUS_ACTIVATION_SILU};
    uint64_t seed = 8;
    find_tables();
    for (size_t t = 0; t < 5 * n_tables; t++)
        for (size_t n = 1; n <= N; n++) {
            float x[ROWS * LD], y[ROWS * LD], bias[N];
            for (size_t i = 0; i < ROWS * LD; i++)
                x[i] = y[i] = 20 * random_float(&seed);
            for (size_t i = 0; i < n; i++)
                bias[i] = random_float(&seed);
            x[LD] = y[LD] = NAN;
            grus_activate(&(grus_activating){tables[t / 5], all[t % 5], n, n % 2 ? bias : NULL}, y, ROWS, LD);
            hold(isnan(y[LD]));
            for (size_t i = 0; i < ROWS * LD; i++) {
                bool touched = i % LD < n;
                double expected =
                    touched ? exact_activation(all[t % 5], (double)(x[i] + (n % 2 ? bias[i % LD] : 0))) : (double)x[i];
                hold_msg(i == LD || fabs((double)y[i] - expected) <= (touched ? 6e-7 * fabs(expected) : 0),
                         "activation %zu of %.9g: %.9g, not %.9g", t % 5, (double)x[i], (double)y[i], expected);
            }
        }
}
END_TEST

START_TEST(nan_stays_nan)
{
    find_tables();
    for (size_t t = 0; t < n_tables; t++) {
        float x[5] = {1, NAN, 2, 3, 4}, zeros[5] = {0};
        tables[t]->exp(x, 5);
        ck_assert(isnan(x[1]) && !isnan(x[0]) && !isnan(x[4]));
        float y[5] = {1, NAN, 2, 3, 4};
        tables[t]->tanh_bias(y, zeros, 5);
        ck_assert(isnan(y[1]) && !isnan(y[0]) && !isnan(y[4]));
        float z[3] = {0.5f, NAN, 1};
        tables[t]->softmax(z, 3);
        ck_assert(isnan(z[0]) && isnan(z[1]) && isnan(z[2]));
    }
}
END_TEST

static void check_sums(const grus_vector *v, uint64_t *seed, size_t n)
{
    float a[300], b[300], c[300];
    double dot = 0, distance = 0, energy = 0;
    for (size_t i = 0; i < n; i++) {
        a[i] = random_float(seed);
        b[i] = random_float(seed);
        c[i] = random_float(seed);
        dot += (double)a[i] * (double)b[i];
        distance += pow((double)a[i] - (double)b[i], 2);
        energy += (double)a[i] * tanh((double)b[i] + (double)c[i]);
    }
    ASSERT_NEAR(v->dot(a, b, n), dot, 1e-5);
    float rows[7 * 300], dots[8] = {0};
    for (size_t row = 0; row < 7; row++)
        memcpy(rows + row * n, row == 5 ? b : c, n * sizeof *rows);
    dots[7] = 55;
    v->dots(a, rows, 7, n, dots);
    ASSERT_NEAR(dots[5], v->dot(a, b, n), 0);
    ASSERT_NEAR(dots[2], v->dot(a, c, n), 0);
    ASSERT_NEAR(dots[7], 55, 0);
    ASSERT_NEAR(v->distance(a, b, n), sqrt(distance), 1e-5);
    ASSERT_NEAR(v->energy(a, b, c, n), energy, 1e-5);
}

START_TEST(sums_of_every_length)
{
    find_tables();
    uint64_t seed = 7;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t n = 1; n <= 300; n += n < 70 ? 1 : 23)
            check_sums(tables[t], &seed, n);
}
END_TEST

START_TEST(softmax_of_every_length)
{
    find_tables();
    uint64_t seed = 9;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t n = 1; n <= 300; n += n < 140 ? 1 : 23) {
            float x[301], y[301];
            double total = 0;
            for (size_t i = 0; i < n; i++) {
                x[i] = y[i] = 5 * random_float(&seed);
                total += exp((double)x[i]);
            }
            y[n] = 12345;
            tables[t]->softmax(y, n);
            double sum = 0;
            for (size_t i = 0; i < n; i++) {
                ASSERT_NEAR(y[i], exp((double)x[i]) / total, 1e-6);
                sum += (double)y[i];
            }
            ASSERT_NEAR(sum, 1, 1e-6);
            ASSERT_NEAR(y[n], 12345, 0); // nothing behind the row is touched
            float top[300 / GRUS_LOGIT_BLOCK + 1];
            memset(y, 0, n * sizeof *y);
            grus_exp_sum whole;
            grus_logits_begin(&whole);
            tables[t]->add_exp_sum(y, x, n, &whole, top);
            ASSERT_NEAR(log((double)tables[t]->exp_sum(&whole)) + (double)whole.shift, log(total), 1e-6);
            ck_assert_mem_eq(x, y, n * sizeof *x);
            float highest = top[0];
            for (size_t i = 0; i < n; i++) {
                hold(!(x[i] > top[i / GRUS_LOGIT_BLOCK]));
                highest = top[i / GRUS_LOGIT_BLOCK] > highest ? top[i / GRUS_LOGIT_BLOCK] : highest;
            }
            ASSERT_NEAR(whole.shift, highest, 0);
            if (n > GRUS_LOGIT_BLOCK) { // in two pieces: the same bits
                grus_exp_sum pieces;
                grus_logits_begin(&pieces);
                memset(y, 0, n * sizeof *y);
                tables[t]->add_exp_sum(y, x, GRUS_LOGIT_BLOCK, &pieces, NULL);
                tables[t]->add_exp_sum(y + GRUS_LOGIT_BLOCK, x + GRUS_LOGIT_BLOCK, n - GRUS_LOGIT_BLOCK, &pieces, NULL);
                ASSERT_NEAR(tables[t]->exp_sum(&pieces), tables[t]->exp_sum(&whole), 0);
                ASSERT_NEAR(pieces.shift, whole.shift, 0);
            }
            ASSERT_NEAR(y[n], 12345, 0);
        }
}
END_TEST

// A row of logits in one piece, without a bias.
static grus_normalizer normalize(const grus_vector *v, float *logits, size_t n, float *top)
{
    const float bias[300] = {0};
    grus_exp_sum sum;
    grus_logits_begin(&sum);
    v->add_exp_sum(logits, bias, n, &sum, top);
    return grus_logits_end(v, &sum);
}

// Against picking the largest again and again; few different values, so that many are equal.
static void check_best(const grus_vector *v, uint64_t *seed, size_t n, grus_banned banned, size_t k)
{
    float logits[300], top[300 / GRUS_LOGIT_BLOCK + 1];
    bool taken[300] = {false};
    for (size_t i = 0; i < n; i++)
        logits[i] = floorf(20 * random_float(seed));
    grus_normalizer normalizer = normalize(v, logits, n, top);
    ck_assert(normalizer.finite);
    size_t n_left = n;
    for (size_t i = 0; i < banned.n; i++) {
        n_left -= !taken[banned.tokens[i]];
        taken[banned.tokens[i]] = true;
    }
    grus_candidate best[16];
    const grus_logits row = {logits, top, n, &normalizer};
    size_t count = grus_logits_best(v, &row, banned, -INFINITY, k, best);
    ck_assert_uint_eq(count, grus_min(k, n_left));
    for (size_t i = 0; i < count; i++) {
        size_t expected = n;
        for (size_t j = 0; j < n; j++)
            if (!taken[j] && (expected == n || logits[j] > logits[expected]))
                expected = j;
        taken[expected] = true;
        hold(best[i].token == expected);
        ASSERT_NEAR(best[i].logprob, (logits[expected] - normalizer.shift) - normalizer.log_sum, 0);
    }
    // With a floor at one of them, it and those before it are found in the same places.
    grus_candidate above[16];
    size_t at = count / 2, n_above = count ? grus_logits_best(v, &row, banned, best[at].logprob, k, above) : 0;
    for (size_t i = 0; i <= at && count; i++) {
        hold(i < n_above);
        hold(above[i].token == best[i].token);
    }
}

START_TEST(bits_of_what_is_at_least)
{
    find_tables();
    uint64_t seed = 23;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t n = 0; n <= GRUS_LOGIT_BLOCK; n++) {
            float x[GRUS_LOGIT_BLOCK];
            for (size_t i = 0; i < n; i++)
                x[i] = i % 9 == 8 ? NAN : floorf(4 * random_float(&seed));
            uint64_t bits = tables[t]->at_least(x, n, 1);
            for (size_t i = 0; i < GRUS_LOGIT_BLOCK; i++)
                hold((bits >> i & 1) == (i < n && x[i] >= 1));
        }
}
END_TEST

START_TEST(best_logits_of_every_length)
{
    find_tables();
    uint64_t seed = 21;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t n = 1; n <= 300; n += n < 140 ? 1 : 23)
            for (size_t k = 1; k <= 12; k += k < 6 ? 1 : 3) {
                const uint32_t tokens[] = {(uint32_t)(n / 2), 0, (uint32_t)(n / 2), (uint32_t)(n - 1)};
                check_best(tables[t], &seed, n, (grus_banned){NULL, 0}, k);
                check_best(tables[t], &seed, n, (grus_banned){tokens, 1}, k);
                check_best(tables[t], &seed, n, (grus_banned){tokens, 4}, k);
            }
}
END_TEST

// One to sixteen rows of one length, each with a shift and a sum of its own; the mean takes the place of the first.
static void check_means(const grus_vector *v, uint64_t *seed, size_t n_rows, size_t n)
{
    enum { MOST = 300 };
    static float x[16][MOST + 1];
    float shift[16], log_sum[16], expected[MOST], top[MOST / GRUS_LOGIT_BLOCK + 2];
    const float *rows[16];
    for (size_t row = 0; row < n_rows; row++) {
        rows[row] = x[row];
        shift[row] = 20 * random_float(seed);
        log_sum[row] = fabsf(5 * random_float(seed));
        for (size_t i = 0; i < n; i++)
            x[row][i] = 20 * random_float(seed);
    }
    x[n_rows - 1][n / 2] = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t row = 0; row < n_rows; row++)
            sum += (double)((x[row][i] - shift[row]) - log_sum[row]);
        expected[i] = (float)(sum / (double)n_rows);
    }
    x[0][n] = top[(n - 1) / GRUS_LOGIT_BLOCK + 1] = 12345;
    v->mean_logprobs(&(grus_log_rows){n_rows, rows, shift, log_sum}, n, x[0], top);
    ck_assert_mem_eq(x[0], expected, n * sizeof *expected);
    for (size_t first = 0; first < n; first += GRUS_LOGIT_BLOCK) {
        float highest = -INFINITY;
        for (size_t i = first; i < grus_min(n, first + GRUS_LOGIT_BLOCK); i++)
            highest = fmaxf(highest, expected[i]);
        ASSERT_NEAR(top[first / GRUS_LOGIT_BLOCK], highest, 0);
    }
    ASSERT_NEAR(x[0][n], 12345, 0);
    ASSERT_NEAR(top[(n - 1) / GRUS_LOGIT_BLOCK + 1], 12345, 0);
}

// To the last bit: the arithmetic is a vector's in each place.
START_TEST(means_of_every_length)
{
    find_tables();
    uint64_t seed = 29;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t n = 2; n <= 300; n += n < 140 ? 1 : 23)
            for (size_t n_rows = 1; n_rows <= 16; n_rows += n_rows < 4 ? 1 : 6)
                check_means(tables[t], &seed, n_rows, n);
}
END_TEST

START_TEST(softmax_without_numbers)
{
    find_tables();
    for (size_t t = 0; t < n_tables; t++)
        for (size_t at = 0; at < 150; at += 37) {
            float logits[150] = {0};
            logits[at] = NAN;
            ck_assert(!normalize(tables[t], logits, 150, NULL).finite);
            logits[at] = INFINITY;
            ck_assert(!normalize(tables[t], logits, 150, NULL).finite);
            logits[at] = -INFINITY;
            ck_assert(normalize(tables[t], logits, 150, NULL).finite);
        }
}
END_TEST

START_TEST(softmax_of_extreme_scores)
{
    find_tables();
    for (size_t t = 0; t < n_tables; t++) {
        float equal[7] = {1e4f, 1e4f, 1e4f, 1e4f, 1e4f, 1e4f, 1e4f};
        tables[t]->softmax(equal, 7);
        for (int i = 0; i < 7; i++)
            ASSERT_NEAR(equal[i], 1.0 / 7, 1e-7);
        float far[3] = {-1e4f, 1e4f, 0};
        tables[t]->softmax(far, 3);
        ASSERT_NEAR(far[0], 0, 0);
        ASSERT_NEAR(far[1], 1, 0);
        ASSERT_NEAR(far[2], 0, 0);
    }
}
END_TEST

static void check_weighted(const grus_vector *v, size_t n, size_t size, uint64_t *seed)
{
    float weights[GRUS_MAX_SUMS][5], rows[5 * 140], outs[GRUS_MAX_SUMS][141] = {{0}};
    const float *weight[GRUS_MAX_SUMS];
    float *out[GRUS_MAX_SUMS];
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < 5; i++)
            weights[k][i] = random_float(seed);
        weight[k] = weights[k];
        out[k] = outs[k];
        outs[k][size] = 77;
    }
    for (size_t i = 0; i < 5 * size; i++)
        rows[i] = random_float(seed);
    v->weighted_sums(n, weight, rows, 5, size, out);
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < size; i++) {
            double expected = 0;
            for (size_t row = 0; row < 5; row++)
                expected += (double)weights[k][row] * (double)rows[row * size + i];
            ASSERT_NEAR(outs[k][i], expected, 1e-6);
        }
        ASSERT_NEAR(outs[k][size], 77, 0);
        // To the last bit what it is alone.
        float alone[140], *to = alone;
        v->weighted_sums(1, weight + k, rows, 5, size, &to);
        ck_assert_mem_eq(alone, outs[k], size * sizeof *alone);
    }
}

START_TEST(weighted_sums_of_one_and_more)
{
    find_tables();
    uint64_t seed = 11;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t n = 1; n <= GRUS_MAX_SUMS; n++)
            for (size_t size = 1; size <= 140; size += 3)
                check_weighted(tables[t], n, size, &seed);
}
END_TEST

START_TEST(packing_transposes)
{
    find_tables();
    uint64_t seed = 13;
    for (size_t t = 0; t < n_tables; t++)
        for (size_t lanes = 1; lanes <= 14; lanes++)
            for (size_t count = 1; count <= 37; count++) {
                float data[14][37], panel[14 * 37];
                const float *rows[14];
                for (size_t lane = 0; lane < lanes; lane++) {
                    rows[lane] = data[lane];
                    for (size_t k = 0; k < count; k++)
                        data[lane][k] = random_float(&seed);
                }
                tables[t]->pack(lanes, count, rows, panel);
                for (size_t lane = 0; lane < lanes; lane++)
                    for (size_t k = 0; k < count; k++)
                        ASSERT_NEAR(panel[k * lanes + lane], data[lane][k], 0);
            }
}
END_TEST

TCase *vector_case(void)
{
    TCase *tcase = tcase_create("vector");
    tcase_add_test(tcase, functions_keep_their_stated_errors);
    tcase_add_test(tcase, activations_keep_their_errors);
    tcase_add_test(tcase, nan_stays_nan);
    tcase_add_test(tcase, sums_of_every_length);
    tcase_add_test(tcase, softmax_of_every_length);
    tcase_add_test(tcase, softmax_of_extreme_scores);
    tcase_add_test(tcase, bits_of_what_is_at_least);
    tcase_add_test(tcase, best_logits_of_every_length);
    tcase_add_test(tcase, means_of_every_length);
    tcase_add_test(tcase, softmax_without_numbers);
    tcase_add_test(tcase, weighted_sums_of_one_and_more);
    tcase_add_test(tcase, packing_transposes);
    return tcase;
}
