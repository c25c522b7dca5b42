// kernels.h: every kernel of every number type that this machine runs, tried and timed.
#ifndef GRUS_BENCH_KERNELS_H
#define GRUS_BENCH_KERNELS_H

#include <stdbool.h>

// A line for each: whether its products are those of plain C to the last bit, what it does in a second in turns with the
// others, and which part that is of the peak measured right before. seconds: for each. false where one is wrong.
bool bench_kernels(double seconds);

#endif
