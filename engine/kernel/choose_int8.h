// choose_int8.h: the choice of the kernel for numbers of 8 bits. Included by choose.c and by what tries all of them.
#ifndef GRUS_ENGINE_KERNEL_CHOOSE_INT8_H
#define GRUS_ENGINE_KERNEL_CHOOSE_INT8_H

#include "engine/kernel/kernel.h"

// The fastest that this machine runs, or the one that GRUS_INT8_KERNEL names: GRUS_E_USAGE where that is unknown or cannot
// run here.
grus_status grus_int8_choose(grus_kernel *kernel, grus_error *error);

// The kernels that are in this build, the fastest first: the i-th, NULL behind the last; and whether it can run here.
const grus_kernel *grus_int8_kernel(size_t i, bool *runs);

#endif
