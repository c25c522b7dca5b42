// check_engine_product.c: the micro-kernel on our panels, and products of every edge shape, against plain sums.
#include "config.h"

#include "engine/kernel/choose.h"
#include "engine/nn/map_rows.h"
#include "engine/nn/reading.h"
#include "tests/support/plain_product.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

static float *noise(uint64_t *seed, size_t n)
{
    float *x = grus_alloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = random_float(seed);
    return x;
}

static double plain_dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

// n rows in two parts of k1 and k2 columns by a matrix of `out` rows, onto what y held (beta 1) or not (beta 0).
static void check_product(const grus_kernel *kernel, uint64_t *seed, size_t n, size_t k1, size_t k2, size_t out,
                          float beta)
{
    size_t k = k1 + k2, whole = grus_whole_tiles(kernel, n);
    float *matrix = noise(seed, out * k), *x = noise(seed, n * k);
    grus_weights *weights;
    grus_arena *arena = grus_arena_new(0);
    ck_assert_int_eq(grus_weights_pack(kernel, arena, grus_dense(matrix, out, k), &weights, NULL), GRUS_OK);
    grus_panels *panels = grus_panels_new(kernel, arena, n, k);
    size_t width = grus_weights_width(weights);
    float *y = noise(seed, whole * width), *before = grus_alloc(whole * width, sizeof *before);
    memcpy(before, y, whole * width * sizeof *y);
    const float **first = grus_alloc(n, sizeof *first), **second = grus_alloc(n, sizeof *second);
    for (size_t i = 0; i < n; i++) {
        first[i] = x + i * k;
        second[i] = x + i * k + k1;
    }
    grus_part_rows parts[2] = {{first, k1, false}, {second, k2, false}};
    grus_panels_pack(panels, parts, k2 ? 2 : 1, n);
    grus_product(weights, panels, beta, y, width);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++) {
            size_t at = i * width + j;
            double expected = plain_dot(matrix + j * k, x + i * k, k) + (double)beta * (double)before[at];
            ASSERT_NEAR(y[at], expected, 2e-6 * (double)k + 1e-6);
            float exact = plain_float_sum(matrix + j * k, x + i * k, k, beta * before[at]);
            hold_msg(y[at] == exact, "%zu rows, %zu columns: %a, not %a", n, k, (double)y[at], (double)exact);
        }
    free(second);
    free(first);
    free(before);
    free(y);
    grus_arena_free(arena);
    free(x);
    free(matrix);
}

// What the host has in BLIS_ARCH_TYPE, a name that some BLIS do not take, or nothing, is there afterwards.
START_TEST(the_environment_is_the_hosts)
{
    const grus_kernel *kernel;
    const char *variable = "BLIS_ARCH_TYPE";
    bool set = _i == 1;
    ck_assert_int_eq(set ? setenv(variable, "generic", 1) : unsetenv(variable), 0);
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    const char *left = getenv(variable);
    ck_assert(set ? left && strcmp(left, "generic") == 0 : !left);
    unsetenv(variable);
}
END_TEST

START_TEST(products_of_every_edge_shape)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    size_t tile = kernel->tile, units = kernel->units;
    const size_t rows[] = {1, 2, tile - 1, tile, tile + 1, 3 * tile, 3 * tile + 2};
    const size_t outs[] = {1, units - 1, units, units + 1, 2 * units + 7};
    const size_t ks[] = {1, 2, 3, 7, 8, 33, 100, 513, 1100};
    uint64_t seed = 3;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t o = 0; o < sizeof outs / sizeof *outs; o++)
            for (size_t k = 0; k < sizeof ks / sizeof *ks; k++) {
                check_product(kernel, &seed, rows[r], ks[k], 0, outs[o], 0);
                check_product(kernel, &seed, rows[r], ks[k], 5, outs[o], 1);
            }
}
END_TEST

START_TEST(gate_order_has_each_row_once)
{
    for (size_t units = 4; units <= 32; units *= 2)
        for (size_t gates = 1; gates <= 4; gates++)
            for (size_t hidden = 1; hidden < 70; hidden += 3) {
                const grus_kernel kernel = {.units = units};
                size_t rows = gates * grus_div_up(hidden, units) * units;
                char *seen = calloc(rows, 1);
                for (size_t gate = 0; gate < gates; gate++)
                    for (size_t unit = 0; unit < hidden; unit++) {
                        size_t row = grus_gate_row(&kernel, gates, gate, unit);
                        hold(row < rows);
                        hold(seen[row]++ == 0);
                    }
                free(seen);
            }
}
END_TEST

// The same row alone, and at each place among others, gives the same bits.
START_TEST(a_row_does_not_depend_on_its_company)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    size_t tile = kernel->tile, n = 3 * tile, k = 77, out = kernel->units + 9;
    uint64_t seed = 5;
    float *matrix = noise(&seed, out * k), *x = noise(&seed, k), *others = noise(&seed, n * k);
    grus_weights *weights;
    grus_arena *arena = grus_arena_new(0);
    ck_assert_int_eq(grus_weights_pack(kernel, arena, grus_dense(matrix, out, k), &weights, NULL), GRUS_OK);
    grus_panels *panels = grus_panels_new(kernel, arena, n, k);
    size_t width = grus_weights_width(weights);
    float *y = grus_alloc_zero(n * width, sizeof *y), *alone = grus_alloc_zero(width, sizeof *alone);
    const float **rows = grus_alloc(n, sizeof *rows);
    for (size_t place = 0; place <= n; place++) {
        size_t count = place == n ? 1 : n;
        for (size_t i = 0; i < count; i++)
            rows[i] = count == 1 || i == place ? x : others + i * k;
        grus_panels_pack(panels, &(grus_part_rows){rows, k, false}, 1, count);
        grus_product(weights, panels, 0, y, width);
        const float *mine = y + (count == 1 ? 0 : place) * width;
        if (place == 0)
            memcpy(alone, mine, width * sizeof *mine);
        ck_assert_mem_eq(alone, mine, out * sizeof *mine);
    }
    free(rows);
    free(alone);
    free(y);
    grus_arena_free(arena);
    free(others);
    free(x);
    free(matrix);
}
END_TEST

// Rows of two parts, through a matrix whose products are finished and one whose products stay.
typedef struct mapped {
    size_t n, columns, placed; // placed: rows, so far
    const float *x[2];         // (n, columns) each
    float *finished;           // (n, width)
    size_t width;
} mapped;

static void place_parts(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS])
{
    mapped *m = user;
    ck_assert_uint_eq(first, m->placed);
    m->placed += n;
    for (size_t part = 0; part < 2; part++)
        for (size_t i = 0; i < n; i++)
            rows[part][i] = m->x[part] + (first + i) * m->columns;
}

static void negate(void *user, size_t first, size_t n, float *products)
{
    const mapped *m = user;
    for (size_t i = 0; i < n * m->width; i++)
        m->finished[first * m->width + i] = -products[i];
}

static void check_mapped(const mapped *m, const float *matrix, size_t outs, const float *y, size_t ldy, double sign)
{
    size_t columns = m->columns;
    for (size_t i = 0; i < m->n; i++)
        for (size_t j = 0; j < outs; j++) {
            double expected = plain_dot(matrix + j * 2 * columns, m->x[0] + i * columns, columns) +
                              plain_dot(matrix + (j * 2 + 1) * columns, m->x[1] + i * columns, columns);
            ASSERT_NEAR(y[i * ldy + j], sign * expected, 1e-4);
        }
}

static void check_map_rows(const grus_kernel *kernel, size_t n, uint64_t *seed)
{
    size_t columns = 21, in = 2 * columns, out[2] = {kernel->units + 3, 5};
    float *x[2] = {noise(seed, n * columns), noise(seed, n * columns)};
    float *matrix[2] = {noise(seed, out[0] * in), noise(seed, out[1] * in)};
    grus_weights *weights[2];
    grus_arena *arena = grus_arena_new(0);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(grus_weights_pack(kernel, arena, grus_dense(matrix[i], out[i], in), &weights[i], NULL),
                         GRUS_OK);
    size_t width = grus_weights_width(weights[0]), ldy = grus_weights_width(weights[1]) + 2;
    float *y = grus_alloc(grus_whole_tiles(kernel, n) * ldy, sizeof *y);
    mapped m = {n, columns, 0, {x[0], x[1]}, grus_alloc(n * width, sizeof(float)), width};
    grus_infer_stats stats = {.flops = 1};
    grus_mapping mapping = {.kernel = kernel,
                            .n = n,
                            .parts = 2,
                            .columns = {columns, columns},
                            .place = place_parts,
                            .user = &m,
                            .counts = true,
                            .n_maps = 2,
                            .map = {{.weights = weights[0], .finish = negate, .user = &m, .wanted = out[0]},
                                    {.weights = weights[1], .y = y, .ldy = ldy, .wanted = 4}}};
    ck_assert_int_eq(grus_map_rows(&mapping, &(grus_work){.arena = arena, .stats = &stats}), GRUS_OK);
    ck_assert_uint_eq(m.placed, n);
    check_mapped(&m, matrix[0], out[0], m.finished, width, -1);
    check_mapped(&m, matrix[1], out[1], y, ldy, 1);
    ck_assert_uint_eq(stats.flops, 1 + n * in * (out[0] + 4) * 2);
    free(m.finished);
    free(y);
    grus_arena_free(arena);
    for (size_t i = 0; i < 2; i++) {
        free(matrix[i]);
        free(x[i]);
    }
}

START_TEST(rows_are_mapped_chunk_by_chunk)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    size_t chunk = grus_chunk_rows(kernel);
    const size_t rows[] = {1, chunk - 1, chunk, chunk + 1, 2 * chunk + 7};
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_map_rows(kernel, rows[i], &seed);
}
END_TEST

TCase *product_case(void)
{
    TCase *tcase = tcase_create("product");
    tcase_add_loop_test(tcase, the_environment_is_the_hosts, 0, 2);
    tcase_add_test(tcase, products_of_every_edge_shape);
    tcase_add_test(tcase, gate_order_has_each_row_once);
    tcase_add_test(tcase, a_row_does_not_depend_on_its_company);
    tcase_add_test(tcase, rows_are_mapped_chunk_by_chunk);
    return tcase;
}
