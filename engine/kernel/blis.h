// blis.h: the number type float32 by BLIS's single-precision micro-kernel.
//
// Weights and activations are panels, k-major: a weight panel is (k, units), an activation panel (k, tile). One call makes
// a tile of lanes by a group of units, always of full width.
#ifndef GRUS_ENGINE_KERNEL_BLIS_H
#define GRUS_ENGINE_KERNEL_BLIS_H

#include "engine/kernel/number_type.h"

#define GRUS_BLIS_TABLES ((size_t)1 << 20) // bytes: many times what BLIS takes at its first call

// The name of the sub-configuration that a value of BLIS_ARCH_TYPE asks for, by number or by name; NULL where there is
// none.
const char *grus_blis_find(const char *value);

// Takes the micro-kernel of this name, or of BLIS's own choice where it is NULL, for the rest of the process: its name,
// tile and units go into kernel. Called once; BLIS_ARCH_TYPE is left as it was. GRUS_E_MEMORY.
grus_status grus_blis_open(const char *name, grus_kernel *kernel, grus_error *error);

// BLIS's version, as it tells it itself.
const char *grus_blis_version(void);

extern const grus_number_type grus_blis_float32;

#endif
