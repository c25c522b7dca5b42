// peaks.h: the arithmetic that a kernel is made of, alone in registers: what no kernel can pass.
#ifndef GRUS_BENCH_PEAKS_H
#define GRUS_BENCH_PEAKS_H

#include "engine/kernel/kernel.h"

// Operations (a multiply-add is two) in a second of this thread's CPU time of the instructions that a kernel's sums are
// made by, measured for about so many seconds; 0 where that kernel has none of its own.
double bench_peak(const grus_kernel *kernel, grus_compute_type type, double seconds);

#endif
