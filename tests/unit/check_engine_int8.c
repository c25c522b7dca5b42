// check_engine_int8.c: products of numbers of 8 bits, by every kernel that runs here, against the definition written out
// one number at a time: the same bits for every shape, every kind of row and every kernel.
#include "config.h"

#include <stdint.h>

#include "engine/kernel/choose.h"
#include "engine/kernel/choose_int8.h"
#include "engine/kernel/product.h"
#include "tests/support/int8_models.h"
#include "tests/support/plain_product.h"
#include "tests/support/random_model.h"
#include "tests/unit/check_engine.h"

// What a row of activations is made of.
typedef enum row_kind {
    ORDINARY,
    BOUNDED,
    ZERO,
    DENORMAL,
    HUGE_ONES,
    TINY,
    WITH_NAN,
    WITH_INFINITY,
    MIXED,
    KINDS
} row_kind;

static float activation(row_kind kind, uint64_t *seed)
{
    float x = random_float(seed);
    switch (kind) {
    case ZERO:
        return 0;
    case DENORMAL:
        return x * 0x1p-127f;
    case HUGE_ONES:
        return x * 0x1p127f;
    case TINY:
        return x * 0x1p-119f;
    case MIXED:
        return ldexpf(x, (int)(random_float(seed) * 20));
    default:
        return x;
    }
}

static void fill_row(float *x, size_t n, row_kind kind, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = activation(kind, seed);
    size_t at = random_below(seed, n);
    if (kind == WITH_NAN)
        x[at] = -NAN;
    if (kind == WITH_INFINITY)
        x[at] = -INFINITY;
    if (kind == BOUNDED && n > 2)
        x[at] = 1, x[(at + 1) % n] = -1, x[(at + 2) % n] = 63.5f / 127;
}

// ---- a product ----

typedef struct trial {
    const grus_kernel *kernel;
    size_t n, out;
    grus_parts parts;
    bool bounded[GRUS_MAX_PARTS];
    bool given, onto; // scales are given, with q = -128 in each row; onto what y held
    row_kind kind;    // of the rows; KINDS: each row another
} trial;

typedef struct numbers {
    size_t k, width;
    float *matrix, *scales, *x, *y, *before;
    int *w, *q;       // (out, k), (n, k)
    float *x_scales;  // (n, parts)
    const float **at; // (parts, n)
} numbers;

static numbers make_numbers(const trial *t, uint64_t *seed)
{
    static const float sizes[] = {1, 1, 1e-30f, 0, 1e-37f}; // of the rows; the scale of the last is denormal
    numbers m = {.k = grus_parts_columns(&t->parts)};
    m.matrix = grus_alloc(t->out * m.k, sizeof(float));
    m.scales = grus_alloc(t->out, sizeof(float));
    m.w = grus_alloc(t->out * m.k, sizeof(int));
    for (size_t row = 0; row < t->out; row++) {
        m.scales[row] = (random_float(seed) + 1.1f) * 0.01f;
        float *w = m.matrix + row * m.k;
        for (size_t i = 0; i < m.k; i++)
            w[i] = random_float(seed) * sizes[row % 5];
        for (size_t i = 0; t->given && i < m.k; i++)
            w[i] = m.scales[row] * (float)((int)random_below(seed, 256) - 128);
        if (t->given)
            w[row % m.k] = -128 * m.scales[row];
        plain_round_weights(w, m.k, t->given, m.w + row * m.k, m.scales + row);
    }
    m.x = grus_alloc(t->n * m.k, sizeof(float));
    m.q = grus_alloc(t->n * m.k, sizeof(int));
    m.x_scales = grus_alloc(t->n * t->parts.n, sizeof(float));
    m.at = grus_alloc(t->n * t->parts.n, sizeof *m.at);
    for (size_t row = 0; row < t->n; row++)
        for (size_t part = 0, k = 0; part < t->parts.n; k += t->parts.columns[part++]) {
            float *x = m.x + row * m.k + k;
            row_kind kind = t->kind == KINDS ? (row + part) % KINDS : t->kind;
            fill_row(x, t->parts.columns[part], kind, seed);
            plain_round_part(x, t->parts.columns[part], t->bounded[part], m.q + row * m.k + k,
                             m.x_scales + row * t->parts.n + part);
            m.at[part * t->n + row] = x;
        }
    return m;
}

static void free_numbers(numbers *m)
{
    void *all[] = {m->matrix, m->scales, m->x, m->y, m->before, m->w, m->q, m->x_scales, m->at};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static bool same(float a, float b)
{
    return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

static void compare(const trial *t, const numbers *m)
{
    for (size_t i = 0; i < t->n; i++)
        for (size_t j = 0; j < t->out; j++) {
            size_t at = i * m->width + j;
            float expected = plain_int8_sum(m->w + j * m->k, m->scales[j], m->q + i * m->k,
                                            m->x_scales + i * t->parts.n, &t->parts, t->onto ? m->before + at : NULL);
            hold_msg(same(m->y[at], expected),
                     "%s: row %zu of %zu, unit %zu of %zu, %zu columns in %zu parts: %a, not %a", t->kernel->name, i,
                     t->n, j, t->out, m->k, t->parts.n, (double)m->y[at], (double)expected);
        }
}

static void pack_parts(const trial *t, const numbers *m, grus_panels *panels)
{
    grus_part_rows parts[GRUS_MAX_PARTS];
    for (size_t part = 0; part < t->parts.n; part++)
        parts[part] = (grus_part_rows){m->at + part * t->n, t->parts.columns[part], t->bounded[part]};
    grus_panels_pack(panels, parts, t->parts.n, t->n);
}

// Rows of one part, rounded first.
static void pack_rounded(const trial *t, const numbers *m, grus_panels *panels)
{
    size_t bytes = grus_rounded_bytes(t->kernel) * m->k;
    char *rounded = grus_alloc(t->n, bytes);
    grus_rounded_row *rows = grus_alloc(t->n, sizeof *rows);
    for (size_t row = 0; row < t->n; row++) {
        rows[row].numbers = rounded + row * bytes;
        rows[row].scale = grus_round_row(t->kernel, m->at[row], m->k, t->bounded[0], rounded + row * bytes);
    }
    grus_panels_pack_rounded(panels, rows, m->k, t->bounded[0], t->n);
    free(rows);
    free(rounded);
}

static void check_trial(const trial *t, uint64_t *seed)
{
    numbers m = make_numbers(t, seed);
    grus_arena *arena = grus_arena_new(0);
    grus_weights *weights;
    grus_matrix matrix = {m.matrix, t->out, m.k, m.k, t->given ? m.scales : NULL, t->parts};
    ck_assert_int_eq(grus_weights_pack(t->kernel, arena, matrix, &weights, NULL), GRUS_OK);
    grus_panels *panels = grus_panels_new(t->kernel, arena, t->n, m.k);
    m.width = grus_weights_width(weights);
    size_t floats = grus_whole_tiles(t->kernel, t->n) * m.width;
    m.y = grus_alloc(floats, sizeof *m.y);
    m.before = grus_alloc(floats, sizeof *m.before);
    for (size_t i = 0; i < floats; i++)
        m.before[i] = random_float(seed);
    for (size_t rounded = 0; rounded < (t->parts.n == 1 ? 2 : 1); rounded++) {
        memcpy(m.y, m.before, floats * sizeof *m.y);
        (rounded ? pack_rounded : pack_parts)(t, &m, panels);
        grus_product(weights, panels, t->onto, m.y, m.width);
        grus_kernel_leave(t->kernel);
        compare(t, &m);
    }
    grus_arena_free(arena);
    free_numbers(&m);
}

// The kernels of this machine, then the models of all.
static const grus_kernel *next_kernel(size_t *i)
{
    static size_t n_kernels;
    for (bool runs; n_kernels == 0 || *i < n_kernels;) {
        const grus_kernel *kernel = grus_int8_kernel((*i)++, &runs);
        if (!kernel)
            n_kernels = --*i;
        else if (runs)
            return kernel;
    }
    return int8_model((*i)++ - n_kernels);
}

START_TEST(every_number_of_columns)
{
    const size_t more[] = {127, 128, 129, 512, 1000, 1025};
    const row_kind kinds[] = {ORDINARY, BOUNDED};
    uint64_t seed = 11;
    const grus_kernel *kernel;
    for (size_t i = 0; (kernel = next_kernel(&i));)
        for (size_t k = 1; k <= 70 + sizeof more / sizeof *more; k++)
            for (size_t onto = 0; onto < 2; onto++) {
                size_t columns = k <= 70 ? k : more[k - 71];
                check_trial(&(trial){kernel, 7, 19, {1, {columns}}, {onto}, k % 2, k % 3 == 0, kinds[onto]}, &seed);
            }
}
END_TEST

START_TEST(every_number_of_rows_and_units)
{
    const size_t outs[] = {1, 7, 33, 64};
    uint64_t seed = 12;
    const grus_kernel *kernel;
    for (size_t i = 0; (kernel = next_kernel(&i));)
        for (size_t n = 1; n <= 33; n++)
            for (size_t o = 0; o < sizeof outs / sizeof *outs; o++)
                check_trial(&(trial){kernel, n, outs[o], {1, {37}}, {false}, n % 2, o % 2, ORDINARY}, &seed);
}
END_TEST

// A part is rounded as if it were alone, and takes its own place in the order of sums.
START_TEST(parts_of_odd_sizes)
{
    const grus_parts shapes[] = {{2, {1, 1}},      {2, {5, 64}},      {2, {64, 3}}, {3, {7, 1, 130}},
                                 {3, {3, 129, 1}}, {3, {64, 64, 64}}, {1, {4}}};
    uint64_t seed = 13;
    const grus_kernel *kernel;
    for (size_t i = 0; (kernel = next_kernel(&i));)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (size_t mask = 0; mask < 8; mask += 3)
                for (size_t onto = 0; onto < 2; onto++) {
                    trial t = {.kernel = kernel, .n = 14, .out = 33, .parts = shapes[s], .onto = onto, .kind = KINDS};
                    t.given = mask == 3;
                    for (size_t part = 0; part < GRUS_MAX_PARTS; part++)
                        t.bounded[part] = mask >> part & 1;
                    check_trial(&t, &seed);
                }
}
END_TEST

START_TEST(every_kind_of_row)
{
    uint64_t seed = 14;
    const grus_kernel *kernel;
    for (size_t i = 0; (kernel = next_kernel(&i));)
        for (row_kind kind = 0; kind < KINDS; kind++)
            for (size_t columns = 1; columns < 100; columns += 9)
                for (size_t bounded = 0; bounded < 2; bounded++)
                    check_trial(&(trial){kernel, 3, 17, {1, {columns}}, {bounded}, false, columns % 2, kind}, &seed);
}
END_TEST

START_TEST(a_part_of_many_columns_is_cut)
{
    uint64_t seed = 15;
    const grus_kernel *kernel;
    for (size_t i = 0; (kernel = next_kernel(&i));) {
        check_trial(&(trial){kernel, 2, 3, {1, {PLAIN_PIECE + 1}}, {false}, true, true, ORDINARY}, &seed);
        check_trial(&(trial){kernel, 2, 3, {3, {5, 2 * PLAIN_PIECE + 77, 9}}, {false, true}, false, false, ORDINARY},
                    &seed);
    }
}
END_TEST

// The largest sums that can be: all numbers at their ends.
START_TEST(sums_at_their_ends)
{
    size_t k = PLAIN_PIECE, n = 2, out = 2;
    float *matrix = grus_alloc(out * k, sizeof *matrix), *x = grus_alloc(n * k, sizeof *x);
    for (size_t i = 0; i < k; i++) {
        matrix[i] = -128;
        matrix[k + i] = 127;
        x[i] = 1;
        x[k + i] = -1;
    }
    const grus_kernel *kernel;
    for (size_t i = 0; (kernel = next_kernel(&i));) {
        grus_arena *arena = grus_arena_new(0);
        grus_weights *weights;
        grus_matrix given = {matrix, out, k, k, (const float[]){1, 1}, {0}};
        ck_assert_int_eq(grus_weights_pack(kernel, arena, given, &weights, NULL), GRUS_OK);
        grus_panels *panels = grus_panels_new(kernel, arena, n, k);
        size_t width = grus_weights_width(weights);
        float *y = grus_alloc(grus_whole_tiles(kernel, n) * width, sizeof *y);
        grus_panels_pack(panels, &(grus_part_rows){(const float *[]){x, x + k}, k, true}, 1, n);
        grus_product(weights, panels, 0, y, width);
        const float one = 1.0f / 127.0f, low = (float)(-128 * 127 * PLAIN_PIECE),
                    high = (float)(127 * 127 * PLAIN_PIECE);
        ck_assert(y[0] == low * one && y[1] == high * one);
        ck_assert(y[width] == -low * one && y[width + 1] == -high * one);
        free(y);
        grus_arena_free(arena);
    }
    free(x);
    free(matrix);
}
END_TEST

// A row gives the same bits alone and at each place among others.
START_TEST(no_row_depends_on_its_company)
{
    uint64_t seed = 16;
    const grus_kernel *kernel;
    for (size_t i = 0; (kernel = next_kernel(&i));) {
        size_t n = 3 * kernel->tile + 1, k = 77, out = kernel->units + 9;
        numbers m = make_numbers(&(trial){kernel, n, out, {1, {k}}, {false}, false, false, KINDS}, &seed);
        grus_arena *arena = grus_arena_new(0);
        grus_weights *weights;
        ck_assert_int_eq(grus_weights_pack(kernel, arena, grus_dense(m.matrix, out, k), &weights, NULL), GRUS_OK);
        grus_panels *panels = grus_panels_new(kernel, arena, n, k);
        size_t width = grus_weights_width(weights);
        m.y = grus_alloc(grus_whole_tiles(kernel, n) * width, sizeof(float));
        m.before = grus_alloc(kernel->tile * width, sizeof(float));
        grus_panels_pack(panels, &(grus_part_rows){m.at, k, false}, 1, n);
        grus_product(weights, panels, 0, m.y, width);
        for (size_t row = 0; row < n; row++) {
            grus_panels_pack(panels, &(grus_part_rows){m.at + row, k, false}, 1, 1);
            grus_product(weights, panels, 0, m.before, width);
            ck_assert_mem_eq(m.before, m.y + row * width, out * sizeof(float));
        }
        grus_arena_free(arena);
        free_numbers(&m);
    }
}
END_TEST

START_TEST(the_kernel_is_chosen_by_name)
{
    grus_kernel kernel;
    grus_error error;
    bool runs;
    for (size_t i = 0; grus_int8_kernel(i, &runs); i++) {
        const char *name = grus_int8_kernel(i, &runs)->name;
        ck_assert_int_eq(setenv("GRUS_INT8_KERNEL", name, 1), 0);
        ck_assert_int_eq(grus_int8_choose(&kernel, &error), runs ? GRUS_OK : GRUS_E_USAGE);
        ck_assert_str_eq(runs ? kernel.name : name, name);
        ck_assert(runs || strstr(error.cause, "which this machine lacks"));
    }
    ck_assert_int_eq(setenv("GRUS_INT8_KERNEL", "haswell", 1), 0);
    ck_assert_int_eq(grus_int8_choose(&kernel, &error), GRUS_E_USAGE);
    ck_assert(strstr(error.cause, "no kernel for int8 is called 'haswell'"));
    ck_assert_int_eq(unsetenv("GRUS_INT8_KERNEL"), 0);
    ck_assert_int_eq(grus_int8_choose(&kernel, &error), GRUS_OK);
    const grus_kernel *of_type;
    ck_assert_int_eq(grus_kernel_get(GRUS_COMPUTE_INT8, &of_type, NULL), GRUS_OK);
    ck_assert_str_eq(of_type->name, kernel.name);
}
END_TEST

TCase *int8_case(void)
{
    TCase *tcase = tcase_create("int8");
    tcase_add_test(tcase, every_number_of_columns);
    tcase_add_test(tcase, every_number_of_rows_and_units);
    tcase_add_test(tcase, parts_of_odd_sizes);
    tcase_add_test(tcase, every_kind_of_row);
    tcase_add_test(tcase, a_part_of_many_columns_is_cut);
    tcase_add_test(tcase, sums_at_their_ends);
    tcase_add_test(tcase, no_row_depends_on_its_company);
    tcase_add_test(tcase, the_kernel_is_chosen_by_name);
    return tcase;
}
