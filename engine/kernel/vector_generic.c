// vector_generic.c: vector.h in plain four-float vectors, for every other CPU.
#include "config.h"

#include "engine/kernel/fused.h"

typedef int four_ints __attribute__((vector_size(16)));

static inline unsigned four_bits(four_ints mask)
{
    return (unsigned)(mask[0] & 1) | (unsigned)(mask[1] & 2) | (unsigned)(mask[2] & 4) | (unsigned)(mask[3] & 8);
}

#define VECTOR_TABLE grus_vector_generic
#define VECTOR_NAME "generic"
#define LANES 4
#define VSELECT(mask, a, b) ((vec)(((mask) & (veci)(a)) | (~(mask) & (veci)(b))))
#define VMIN(a, b) VSELECT((a) < (b), a, b)
#define VMAX(a, b) VSELECT((a) > (b), a, b)
#define VAT_LEAST(a, b) four_bits((a) >= (b))
#define VNORMAL(a) ((vec)((veci)(a) & (((veci)(a)&0x7f800000) != 0)))
#define VFMA(a, b, c) grus_fused(a, b, c)
#include "engine/kernel/vector_impl.h"
