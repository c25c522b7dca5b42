// portable.h: the product of floats in plain C, for processors whose BLIS kernels do not fuse.
#ifndef GRUS_ENGINE_KERNEL_PORTABLE_H
#define GRUS_ENGINE_KERNEL_PORTABLE_H

#include "engine/kernel/number_type.h"

extern const grus_number_type grus_portable_float32;

#define GRUS_PORTABLE_TILE 8
#define GRUS_PORTABLE_UNITS 8

#endif
