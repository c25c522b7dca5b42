// kernels.c: kernels against plain C, against the peak and against one another.
#include "config.h"

#include "bench/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "bench/peaks.h"
#include "engine/kernel/choose.h"
#include "engine/kernel/choose_int8.h"
#include "engine/kernel/portable.h"
#include "tests/support/plain_product.h"
#include "tests/support/random_model.h"

#define MOST 16 // kernels
#define DEPTH 512
#define WEIGHT_BYTES ((size_t)256 << 10) // of floats; as many numbers of 8 bits
#define LANES 96
#define TURN 0.02 // seconds of a kernel, and of its peak, before the next one's turn

typedef struct contender {
    const grus_kernel *kernel;
    grus_compute_type type;
    bool right;
    bench_panels *panels;
    double rates[BENCH_MAX_ROUNDS], fractions[BENCH_MAX_ROUNDS];
} contender;

static const grus_kernel portable = {.type = &grus_portable_float32,
                                     .tile = GRUS_PORTABLE_TILE,
                                     .units = GRUS_PORTABLE_UNITS,
                                     .name = "portable",
                                     .vector = &grus_vector_generic};

// Of each type, the one in use first: the others are held against it.
static size_t find_all(contender *all)
{
    size_t n = 0;
    const grus_kernel *kernel;
    if (grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL) == GRUS_OK)
        all[n++] = (contender){.kernel = kernel, .type = GRUS_COMPUTE_FLOAT32};
    all[n++] = (contender){.kernel = &portable, .type = GRUS_COMPUTE_FLOAT32};
    bool runs;
    for (size_t i = 0; n < MOST && (kernel = grus_int8_kernel(i, &runs)); i++)
        if (runs)
            all[n++] = (contender){.kernel = kernel, .type = GRUS_COMPUTE_INT8};
    return n;
}

// Rows of two parts, the first of which is bounded, by a matrix of random numbers: any kernel gives the bits of plain C.
static bool is_right(const grus_kernel *kernel, grus_compute_type type)
{
    const grus_parts parts = {2, {513, 70}};
    size_t n = 2 * kernel->tile + 1, out = 2 * kernel->units + 3, k = grus_parts_columns(&parts);
    uint64_t seed = 1;
    float *matrix = grus_alloc(out * k, sizeof *matrix), *x = grus_alloc(n * k, sizeof *x);
    const float **rows = grus_alloc(2 * n, sizeof *rows);
    grus_arena *arena = grus_arena_new(0);
    grus_weights *weights;
    bool right = matrix && x && rows && arena;
    for (size_t i = 0; right && i < out * k; i++)
        matrix[i] = random_float(&seed);
    for (size_t i = 0; right && i < n * k; i++)
        x[i] = random_float(&seed);
    for (size_t i = 0; right && i < n; i++)
        rows[i] = x + i * k, rows[n + i] = x + i * k + parts.columns[0];
    right = right &&
            grus_weights_pack(kernel, arena, (grus_matrix){matrix, out, k, k, NULL, parts}, &weights, NULL) == GRUS_OK;
    grus_panels *panels = right ? grus_panels_new(kernel, arena, n, k) : NULL;
    size_t width = right ? grus_weights_width(weights) : 0;
    float *y = right ? grus_alloc(grus_whole_tiles(kernel, n) * width, sizeof *y) : NULL;
    right = right && panels && y;
    if (right) {
        const grus_part_rows given[] = {{rows, parts.columns[0], true}, {rows + n, parts.columns[1], false}};
        grus_panels_pack(panels, given, 2, n);
        grus_product(weights, panels, 0, y, width);
        right = plain_product_is(&(plain_product){type, n, out, parts, {true, false}, matrix, x}, y, width);
    }
    grus_kernel_leave(kernel);
    free(y);
    grus_arena_free(arena);
    free(rows);
    free(x);
    free(matrix);
    return right;
}

static void take_turn(contender *c, size_t round)
{
    double peak = bench_peak(c->kernel, c->type, TURN);
    c->rates[round] = bench_kernel_rate(c->panels, TURN);
    c->fractions[round] = peak > 0 ? c->rates[round] / peak : 0;
    grus_kernel_leave(c->kernel);
}

static void print(const contender *c, size_t rounds, double first)
{
    double rate = bench_spread_of(c->rates, rounds).median, fraction = bench_spread_of(c->fractions, rounds).median;
    char part[16] = "";
    if (fraction > 0)
        snprintf(part, sizeof part, "%.1f %%", 100 * fraction);
    printf("%-8s %-12s %2zu lanes by %2zu units  %s  %8.1f GOP/s  %7s of peak  %5.2f times %s\n",
           c->type == GRUS_COMPUTE_INT8 ? "int8" : "float32", c->kernel->name, c->kernel->tile, c->kernel->units,
           c->right ? "right" : "WRONG", rate / 1e9, part[0] ? part : "-", rate / first, "the first");
}

bool bench_kernels(double seconds)
{
    static contender all[MOST + 1];
    size_t n = find_all(all), rounds = (size_t)(seconds / TURN / 2);
    bool ok = true;
    rounds = rounds < 3 ? 3 : rounds > BENCH_MAX_ROUNDS ? BENCH_MAX_ROUNDS : rounds;
    for (size_t i = 0; i < n; i++) {
        all[i].right = is_right(all[i].kernel, all[i].type);
        all[i].panels = bench_panels_new(all[i].kernel, DEPTH, WEIGHT_BYTES, LANES);
        ok = ok && all[i].right && all[i].panels;
    }
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < n; i++)
            if (all[i].panels)
                take_turn(all + i, round);
    double first = bench_spread_of(all[0].rates, rounds).median;
    for (size_t i = 0; i < n; i++) {
        print(all + i, rounds, first);
        bench_panels_free(all[i].panels);
    }
    return ok;
}
