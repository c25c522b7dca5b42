// peaks.c: loops of the instructions that kernels multiply with.
#include "config.h"

#include "bench/peaks.h"

#include <string.h>
#ifdef GRUS_X86
#include <immintrin.h>
#endif
#ifdef GRUS_NEON
#include <arm_neon.h>
#endif

#include "bench/rates.h"

// Twelve chains, as of floats in rates.c.
#define CHAINS(one) one(0) one(1) one(2) one(3) one(4) one(5) one(6) one(7) one(8) one(9) one(10) one(11)
#define N_CHAINS 12
#define LOOP_ITERATIONS 10000
#define DECLARE(i) x##i = y,

// A function of that name, for a target, whose body is one instruction or two a chain.
#define LOOP(name, target_, type, zero, step)               \
    __attribute__((target(target_))) static void name(void) \
    {                                                       \
        type y = zero, CHAINS(DECLARE) unused = y;          \
        for (int n = 0; n < LOOP_ITERATIONS; n++) {         \
            CHAINS(step)                                    \
        }                                                   \
        (void)unused;                                       \
    }

#ifdef GRUS_X86
#define WIDENED(i)                                                                                          \
    {                                                                                                       \
        __m256i product;                                                                                    \
        __asm__ volatile("vpmaddwd %2, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(x##i), "=&x"(product) : "x"(y)); \
    }
LOOP(run_avx2, "avx2", __m256i, _mm256_setzero_si256(), WIDENED)
#endif
#ifdef GRUS_AVXVNNI
#define VEX(i) __asm__ volatile("%{vex%} vpdpbusd %1, %1, %0" : "+x"(x##i) : "x"(y));
LOOP(run_avxvnni, "avx2,avxvnni", __m256i, _mm256_setzero_si256(), VEX)
#endif
#ifdef GRUS_AVX512VNNI
#define EVEX(i) __asm__ volatile("vpdpbusd %1, %1, %0" : "+v"(x##i) : "v"(y));
LOOP(run_avx512vnni, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(), EVEX)
#endif

#ifdef GRUS_AMX
static const struct shape {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} shape = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// Six chains of tiles.
__attribute__((target("amx-tile,amx-int8"))) static void run_amx(void)
{
    _tile_loadconfig(&shape);
    _tile_zero(6);
    _tile_zero(7);
    for (int n = 0; n < LOOP_ITERATIONS / 10; n++) {
        _tile_dpbssd(0, 6, 7);
        _tile_dpbssd(1, 6, 7);
        _tile_dpbssd(2, 6, 7);
        _tile_dpbssd(3, 6, 7);
        _tile_dpbssd(4, 6, 7);
        _tile_dpbssd(5, 6, 7);
    }
    _tile_release();
}
#endif

#ifdef GRUS_NEON
#define PAIRS(i)                                                                                            \
    {                                                                                                       \
        int16x8_t product;                                                                                  \
        __asm__ volatile("smull %1.8h, %2.8b, %2.8b\n\tsmlal2 %1.8h, %2.16b, %2.16b\n\tsadalp %0.4s, %1.8h" \
                         : "+w"(x##i), "=&w"(product)                                                       \
                         : "w"(y));                                                                         \
    }
static void run_neon(void)
{
    int32x4_t y = vdupq_n_s32(0), CHAINS(DECLARE) unused = y;
    for (int n = 0; n < LOOP_ITERATIONS; n++) {
        CHAINS(PAIRS)
    }
    (void)unused;
}
#endif
#ifdef GRUS_DOTPROD
#define DOT(i) __asm__ volatile(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %1.16b" : "+w"(x##i) : "w"(y));
static void run_dotprod(void)
{
    int32x4_t y = vdupq_n_s32(0), CHAINS(DECLARE) unused = y;
    for (int n = 0; n < LOOP_ITERATIONS; n++) {
        CHAINS(DOT)
    }
    (void)unused;
}
#endif

typedef struct loop {
    const char *name; // of the kernel
    void (*run)(void);
    double operations; // of one run
} loop;

static const loop loops[] = {
#ifdef GRUS_X86
    {"avx2", run_avx2, 2.0 * N_CHAINS *LOOP_ITERATIONS * 16},
#endif
#ifdef GRUS_AVXVNNI
    {"avxvnni", run_avxvnni, 2.0 * N_CHAINS *LOOP_ITERATIONS * 32},
#endif
#ifdef GRUS_AVX512VNNI
    {"avx512vnni", run_avx512vnni, 2.0 * N_CHAINS *LOOP_ITERATIONS * 64},
#endif
#ifdef GRUS_AMX
    {"amx", run_amx, 2.0 * 6 * LOOP_ITERATIONS / 10 * 16 * 16 * 64},
#endif
#ifdef GRUS_NEON
    {"neon", run_neon, 2.0 * N_CHAINS *LOOP_ITERATIONS * 16},
#endif
#ifdef GRUS_DOTPROD
    {"dotprod", run_dotprod, 2.0 * N_CHAINS *LOOP_ITERATIONS * 16},
#endif
    {NULL, NULL, 0},
};

double bench_peak(const grus_kernel *kernel, grus_compute_type type, double seconds)
{
    if (type == GRUS_COMPUTE_FLOAT32)
        return bench_fma_rate(seconds);
    const loop *found = loops;
    while (found->name && strcmp(found->name, kernel->name) != 0)
        found++;
    if (!found->name)
        return 0;
    bench_clock start = bench_now(), spent;
    double operations = 0;
    do {
        found->run();
        operations += found->operations;
        spent = bench_since(start);
    } while (spent.wall < seconds);
    return operations / spent.cpu;
}
