// rates.c: the multiply-add loop of each instruction set, the bare micro-kernel, and the reading of memory.
#include "config.h"

#include "bench/rates.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef GRUS_X86
#include <immintrin.h>
#endif

#include "base/memory.h"
#include "engine/kernel/choose.h"

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

bench_clock bench_now(void)
{
    return (bench_clock){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_THREAD_CPUTIME_ID)};
}

bench_clock bench_since(bench_clock start)
{
    bench_clock now = bench_now();
    return (bench_clock){now.wall - start.wall, now.cpu - start.cpu};
}

double bench_process_cpu(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

// ---- multiply-adds ----

// Twelve chains cover latency times throughput of every CPU with two pipes of latency six.
#define CHAINS(one) one(0) one(1) one(2) one(3) one(4) one(5) one(6) one(7) one(8) one(9) one(10) one(11)
#define N_CHAINS 12
#define DECLARE(i) x##i = x,
#define LOOP_ITERATIONS 20000

typedef float quad __attribute__((vector_size(16)));

#ifdef GRUS_X86
#define FMA(i) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+v"(x##i) : "v"(x));

__attribute__((target("avx512f"))) static void fma_avx512(void)
{
    __m512 x = _mm512_set1_ps(1e-9f), CHAINS(DECLARE) unused = x;
    for (int n = 0; n < LOOP_ITERATIONS; n++) {
        CHAINS(FMA)
    }
    (void)unused;
}

__attribute__((target("avx2,fma"))) static void fma_avx2(void)
{
    __m256 x = _mm256_set1_ps(1e-9f), CHAINS(DECLARE) unused = x;
    for (int n = 0; n < LOOP_ITERATIONS; n++) {
        CHAINS(FMA)
    }
    (void)unused;
}
#endif

// No fused instruction is assumed: a multiplication and an addition.
#define MULTIPLY_ADD(i)  \
    x##i = x##i * x + x; \
    __asm__ volatile("" : "+x"(x##i));
#ifndef __x86_64__
#undef MULTIPLY_ADD
#define MULTIPLY_ADD(i)  \
    x##i = x##i * x + x; \
    __asm__ volatile("" : "+w"(x##i));
#endif

static void fma_generic(void)
{
    quad x = {1e-9f, 1e-9f, 1e-9f, 1e-9f}, CHAINS(DECLARE) unused = x;
    for (int n = 0; n < LOOP_ITERATIONS; n++) {
        CHAINS(MULTIPLY_ADD)
    }
    (void)unused;
}

typedef struct fma_loop {
    const char *name; // of the vector table it goes with
    void (*run)(void);
    size_t floats;
} fma_loop;

static const fma_loop fma_loops[] = {
#ifdef GRUS_X86
    {"avx512", fma_avx512, 16},
    {"avx2", fma_avx2, 8},
#endif
    {"generic", fma_generic, 4},
};

static const fma_loop *find_fma(void)
{
    const grus_kernel *kernel;
    size_t n = sizeof fma_loops / sizeof *fma_loops;
    if (grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL) == GRUS_OK)
        for (size_t i = 0; i < n; i++)
            if (strcmp(fma_loops[i].name, kernel->vector->name) == 0)
                return &fma_loops[i];
    return &fma_loops[n - 1];
}

const char *bench_fma_name(void)
{
    return find_fma()->name;
}

double bench_fma_rate(double seconds)
{
    const fma_loop *loop = find_fma();
    bench_clock start = bench_now(), spent;
    double flops = 0;
    do {
        loop->run();
        flops += 2.0 * N_CHAINS * LOOP_ITERATIONS * (double)loop->floats;
        spent = bench_since(start);
    } while (spent.wall < seconds);
    return flops / spent.cpu;
}

// ---- the micro-kernel ----

struct bench_panels {
    const grus_kernel *kernel;
    grus_arena *arena;
    size_t k, groups, tiles;
    grus_weights *weights;
    grus_panels *panels;
    float *c; // (tile, units)
};

static bool fill_panels(bench_panels *p)
{
    const grus_kernel *kernel = p->kernel;
    size_t units = p->groups * kernel->units, lanes = p->tiles * kernel->tile;
    float *dense = grus_arena_alloc(p->arena, grus_max(units, 1) * p->k, sizeof *dense);
    float *row = grus_arena_alloc(p->arena, p->k, sizeof *row);
    const float **rows = grus_arena_alloc(p->arena, lanes, sizeof *rows);
    p->c = grus_arena_alloc(p->arena, kernel->tile * kernel->units, sizeof *p->c);
    p->panels = grus_panels_new(kernel, p->arena, lanes, p->k);
    if (!dense || !row || !rows || !p->c || !p->panels)
        return false;
    for (size_t i = 0; i < units * p->k; i++)
        dense[i] = 0.25f;
    for (size_t i = 0; i < p->k; i++)
        row[i] = 0.5f;
    for (size_t i = 0; i < lanes; i++)
        rows[i] = row;
    grus_panels_pack(p->panels, &(grus_part_rows){rows, p->k, false}, 1, lanes);
    return grus_weights_pack(kernel, p->arena, grus_dense(dense, units, p->k), &p->weights, NULL) == GRUS_OK;
}

bench_panels *bench_panels_new(const grus_kernel *kernel, size_t k, size_t weight_bytes, size_t lanes)
{
    bench_panels *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    *p = (bench_panels){.kernel = kernel, .arena = grus_arena_new(0), .k = k};
    p->groups = grus_max(1, weight_bytes / (k * kernel->units * sizeof(float)));
    p->tiles = grus_max(1, lanes / kernel->tile);
    if (!p->arena || !fill_panels(p)) {
        bench_panels_free(p);
        return NULL;
    }
    return p;
}

void bench_panels_free(bench_panels *panels)
{
    if (!panels)
        return;
    grus_arena_free(panels->arena);
    free(panels);
}

double bench_panels_pass(const bench_panels *p)
{
    const grus_kernel *kernel = p->kernel;
    size_t passes = grus_weights_passes(p->weights);
    for (size_t tile = 0; tile < p->tiles; tile++)
        for (size_t group = 0; group < p->groups; group++)
            for (size_t pass = 0; pass < passes; pass++)
                grus_multiply(p->weights, p->panels, &(grus_block){group, tile, pass}, 0, p->c, kernel->units);
    return 2.0 * (double)(p->k * p->tiles * p->groups * kernel->tile * kernel->units);
}

double bench_kernel_rate(const bench_panels *panels, double seconds)
{
    bench_panels_pass(panels);
    bench_clock start = bench_now(), spent;
    double flops = 0;
    do {
        flops += bench_panels_pass(panels);
        spent = bench_since(start);
    } while (spent.wall < seconds);
    return flops / spent.cpu;
}

// ---- memory ----

double bench_copy_rate(size_t bytes, double seconds)
{
    unsigned char *from = grus_alloc_zero(bytes, 1), *to = grus_alloc_zero(bytes, 1);
    size_t repeat = ((size_t)64 << 10) / bytes + 1;
    double moved = 0;
    bench_clock start = bench_now(), spent = start;
    if (from && to)
        do {
            for (size_t i = 0; i < repeat; i++) {
                memcpy(to, from, bytes);
                __asm__ volatile("" : : "r"(to) : "memory");
            }
            moved += 2.0 * (double)(bytes * repeat);
            spent = bench_since(start);
        } while (spent.wall < seconds);
    free(from);
    free(to);
    return moved / spent.cpu;
}
