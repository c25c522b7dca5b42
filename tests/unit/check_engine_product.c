// check_engine_product.c: the micro-kernel on our panels, and products of every edge shape, against plain sums.
#include "config.h"

#include "base/arena.h"
#include "engine/kernel/product.h"
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
    grus_weights weights;
    grus_arena *arena = grus_arena_new(0);
    ck_assert_int_eq(grus_weights_pack(kernel, arena, (grus_matrix){matrix, out, k, k}, &weights, NULL), GRUS_OK);
    float *panels = grus_alloc_zero(grus_panels_floats(kernel, n, k), sizeof *panels);
    float *y = noise(seed, whole * weights.width), *before = grus_alloc(whole * weights.width, sizeof *before);
    memcpy(before, y, whole * weights.width * sizeof *y);
    const float **first = grus_alloc(n, sizeof *first), **second = grus_alloc(n, sizeof *second);
    for (size_t i = 0; i < n; i++) {
        first[i] = x + i * k;
        second[i] = x + i * k + k1;
    }
    grus_part_rows parts[2] = {{first, k1}, {second, k2}};
    grus_panels_pack(kernel, parts, k2 ? 2 : 1, n, panels);
    grus_product(kernel, &weights, panels, n, beta, y, weights.width);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++) {
            size_t at = i * weights.width + j;
            double expected = plain_dot(matrix + j * k, x + i * k, k) + (double)beta * (double)before[at];
            ASSERT_NEAR(y[at], expected, 2e-6 * (double)k + 1e-6);
        }
    free(second);
    free(first);
    free(before);
    free(y);
    free(panels);
    grus_arena_free(arena);
    free(x);
    free(matrix);
}

START_TEST(products_of_every_edge_shape)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(&kernel, NULL), GRUS_OK);
    size_t tile = kernel->tile, panel = kernel->panel;
    const size_t rows[] = {1, 2, tile - 1, tile, tile + 1, 3 * tile, 3 * tile + 2};
    const size_t outs[] = {1, panel - 1, panel, panel + 1, 2 * panel + 7};
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
    for (size_t panel = 4; panel <= 32; panel *= 2)
        for (size_t hidden = 1; hidden < 70; hidden += 3) {
            size_t rows = 3 * grus_div_up(hidden, panel) * panel;
            char *seen = calloc(rows, 1);
            for (size_t gate = 0; gate < 3; gate++)
                for (size_t unit = 0; unit < hidden; unit++) {
                    size_t row = grus_gate_row(panel, gate, unit);
                    ck_assert_uint_lt(row, rows);
                    ck_assert_int_eq(seen[row]++, 0);
                }
            free(seen);
        }
}
END_TEST

// The same row alone, and at each place among others, gives the same bits.
START_TEST(a_row_does_not_depend_on_its_company)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(&kernel, NULL), GRUS_OK);
    size_t tile = kernel->tile, n = 3 * tile, k = 77, out = kernel->panel + 9;
    uint64_t seed = 5;
    float *matrix = noise(&seed, out * k), *x = noise(&seed, k), *others = noise(&seed, n * k);
    grus_weights weights;
    grus_arena *arena = grus_arena_new(0);
    ck_assert_int_eq(grus_weights_pack(kernel, arena, (grus_matrix){matrix, out, k, k}, &weights, NULL), GRUS_OK);
    float *panels = grus_alloc_zero(grus_panels_floats(kernel, n, k), sizeof *panels);
    float *y = grus_alloc_zero(n * weights.width, sizeof *y), *alone = grus_alloc_zero(weights.width, sizeof *alone);
    const float **rows = grus_alloc(n, sizeof *rows);
    for (size_t place = 0; place <= n; place++) {
        size_t count = place == n ? 1 : n;
        for (size_t i = 0; i < count; i++)
            rows[i] = count == 1 || i == place ? x : others + i * k;
        grus_panels_pack(kernel, &(grus_part_rows){rows, k}, 1, count, panels);
        grus_product(kernel, &weights, panels, count, 0, y, weights.width);
        const float *mine = y + (count == 1 ? 0 : place) * weights.width;
        if (place == 0)
            memcpy(alone, mine, weights.width * sizeof *mine);
        ck_assert_mem_eq(alone, mine, out * sizeof *mine);
    }
    free(rows);
    free(alone);
    free(y);
    free(panels);
    grus_arena_free(arena);
    free(others);
    free(x);
    free(matrix);
}
END_TEST

TCase *product_case(void)
{
    TCase *tcase = tcase_create("product");
    tcase_add_test(tcase, products_of_every_edge_shape);
    tcase_add_test(tcase, gate_order_has_each_row_once);
    tcase_add_test(tcase, a_row_does_not_depend_on_its_company);
    return tcase;
}
