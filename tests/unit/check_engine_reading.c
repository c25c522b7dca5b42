// check_engine_reading.c: matrices of 8 bits and of floats as rows, gates and scales.
#include "config.h"

#include "base/error.h"
#include "engine/kernel/choose.h"
#include "engine/nn/reading.h"
#include "tests/unit/check_engine.h"

#define HIDDEN 7
#define ROWS (3 * HIDDEN)
#define COLUMNS 5

static signed char numbers[ROWS * COLUMNS];
static float scales[ROWS], weights[ROWS * COLUMNS];
static const grus_tensor beside = {.dtype = GRUS_F32, .rank = 1, .shape = {ROWS}, .count = ROWS, .data = scales};

// No row of 8 bits has a 127, so that scales made of its floats would be others than those of the file; all that stands
// in the matrices tells where it came from.
static bool find(void *user, const char *name, grus_tensor *tensor)
{
    (void)user;
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        int size = (int)i + 1;
        numbers[i] = (signed char)(i % 2 ? -size : size);
        scales[i / COLUMNS] = 0.1f + (float)(i / COLUMNS);
        weights[i] = (float)numbers[i] * 0.3f;
    }
    numbers[0] = -128;
    bool quantised = strcmp(name, "a.quantised") == 0;
    *tensor = (grus_tensor){.dtype = quantised ? GRUS_I8 : GRUS_F32,
                            .rank = 2,
                            .shape = {ROWS, COLUMNS},
                            .count = ROWS * COLUMNS,
                            .data = quantised ? (const void *)numbers : weights,
                            .scale = quantised ? &beside : NULL,
                            .name = name};
    return true;
}

static float expected_scale(bool quantised, size_t row)
{
    float most = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        most = fmaxf(most, fabsf(weights[row * COLUMNS + i]));
    return quantised ? scales[row] : most / 127;
}

// Where there are scales, a float is the nearest multiple of its row's.
static float expected_weight(bool quantised, bool scaled, size_t at)
{
    size_t row = at / COLUMNS;
    float scale = expected_scale(quantised, row);
    if (quantised)
        return (float)numbers[at] * scales[row];
    return scaled ? nearbyintf(weights[at] / scale) * scale : weights[at];
}

// Row `at` of the matrix is row `row` of the tensor.
static void check_row(const grus_matrix *matrix, size_t at, bool quantised, size_t row)
{
    for (size_t i = 0; i < COLUMNS; i++)
        ck_assert(matrix->data[at * COLUMNS + i] ==
                  expected_weight(quantised, matrix->scales != NULL, row * COLUMNS + i));
    if (matrix->scales)
        ck_assert(matrix->scales[at] == expected_scale(quantised, row));
}

static void check_gates(grus_reading *reading, grus_wanted wanted, bool quantised, grus_gate_range gates)
{
    grus_error error = {0};
    grus_matrix matrix;
    bool *seen = calloc(gates.n * (HIDDEN + reading->kernel->units), sizeof *seen);
    ck_assert_int_eq(grus_read_gates(reading, wanted, gates, &matrix, &error), GRUS_OK);
    ck_assert(!matrix.scales == !reading->scaled);
    for (size_t gate = 0; gate < gates.n; gate++)
        for (size_t unit = 0; unit < HIDDEN; unit++) {
            size_t at = grus_gate_row(reading->kernel, gates.n, gate, unit);
            check_row(&matrix, at, quantised, (gates.first + gate) * HIDDEN + unit);
            seen[at] = true;
        }
    for (size_t at = 0; at < matrix.rows; at++) {
        for (size_t i = 0; i < COLUMNS && !seen[at]; i++)
            ck_assert(matrix.data[at * COLUMNS + i] == 0);
        ck_assert(seen[at] || !matrix.scales || matrix.scales[at] == 0);
    }
    free(seen);
    grus_matrix_drop(&matrix);
}

START_TEST(rows_gates_and_scales)
{
    const grus_kernel *kernel;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL), GRUS_OK);
    grus_tensors tensors = {find, NULL, "none"};
    for (int i = 0; i < 4; i++) {
        bool quantised = i % 2, scaled = i / 2;
        grus_wanted wanted = {"a", quantised ? "quantised" : "plain", ROWS, COLUMNS};
        grus_reading reading = {kernel, &tensors, grus_arena_new(0), 0, scaled};
        grus_error error = {0};
        grus_matrix matrix;
        ck_assert_int_eq(grus_read_matrix(&reading, wanted, &matrix, &error), GRUS_OK);
        ck_assert(!matrix.scales == !scaled);
        for (size_t row = 0; row < ROWS; row++)
            check_row(&matrix, row, quantised, row);
        grus_matrix_drop(&matrix);
        ck_assert_uint_eq(reading.parameters, ROWS * COLUMNS);
        const float *kept;
        ck_assert_int_eq(grus_read_scales(&reading, wanted, &kept, &error), GRUS_OK);
        ck_assert(!kept == !scaled);
        for (size_t row = 0; row < ROWS && kept; row++)
            ck_assert(kept[row] == expected_scale(quantised, row));
        ck_assert_uint_eq(reading.parameters, ROWS * COLUMNS);
        check_gates(&reading, wanted, quantised, (grus_gate_range){0, 3, 3});
        check_gates(&reading, wanted, quantised, (grus_gate_range){1, 2, 3});
        grus_arena_free(reading.arena);
    }
}
END_TEST

TCase *reading_case(void)
{
    TCase *tcase = tcase_create("reading");
    tcase_add_test(tcase, rows_gates_and_scales);
    return tcase;
}
