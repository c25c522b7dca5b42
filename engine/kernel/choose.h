// choose.h: which kernel this process multiplies with.
#ifndef GRUS_ENGINE_KERNEL_CHOOSE_H
#define GRUS_ENGINE_KERNEL_CHOOSE_H

#include "engine/kernel/kernel.h"

// The kernel of this process for numbers of a type, chosen once by CPUID and XGETBV unless BLIS_ARCH_TYPE
// (GRUS_INT8_KERNEL for int8) is set.
// GRUS_E_USAGE where that names a kernel that is unknown or that the CPU cannot run.
grus_status grus_kernel_get(grus_compute_type type, const grus_kernel **kernel, grus_error *error);

#endif
