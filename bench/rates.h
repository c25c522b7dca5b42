// rates.h: what the machine can do at this moment: the floors that every measurement is held against.
#ifndef GRUS_BENCH_RATES_H
#define GRUS_BENCH_RATES_H

#include "engine/kernel/product.h"

typedef struct bench_clock {
    double wall, cpu; // seconds; cpu is that of this thread
} bench_clock;

bench_clock bench_now(void);
bench_clock bench_since(bench_clock start);
// CPU seconds of all threads of this process.
double bench_process_cpu(void);

// FLOPs in a second of this thread's CPU time: independent multiply-adds in registers, in the widest vectors of the
// instruction set that the kernel in use stands for. Measured for about so many seconds.
double bench_fma_rate(double seconds);
const char *bench_fma_name(void);

// The bare micro-kernel over weights and lanes that stay in the L2 cache: FLOPs in a second of CPU time.
typedef struct bench_panels bench_panels;
bench_panels *bench_panels_new(const grus_kernel *kernel, size_t k, size_t weight_bytes, size_t lanes);
void bench_panels_free(bench_panels *panels);
// One pass: every group of units by every tile of lanes. Returns its FLOPs.
double bench_panels_pass(const bench_panels *panels);
double bench_kernel_rate(const bench_panels *panels, double seconds);

// Bytes in a second of CPU time, read ones and written ones, that memcpy moves between two buffers of so many bytes.
double bench_copy_rate(size_t bytes, double seconds);

#endif
