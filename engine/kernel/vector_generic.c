// vector_generic.c: vector.h in plain four-float vectors, for every other CPU.
#include "config.h"

#include "engine/kernel/fused.h"

typedef int four_ints __attribute__((vector_size(16)));
typedef int64_t two_longs __attribute__((vector_size(16)));
typedef int8_t four_bytes __attribute__((vector_size(4), aligned(1), may_alias));
typedef int16_t four_shorts __attribute__((vector_size(8), aligned(1), may_alias));

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
#define VMAXI(a, b) ((((a) > (b)) & (a)) | (~((a) > (b)) & (b)))
#define VMAXD(a, b) ((vecd)((((a) > (b)) & (two_longs)(a)) | (~((a) > (b)) & (two_longs)(b))))
#define VDOUBLES(p) ((vecd){(double)(p)[0], (double)(p)[1]})
#define VBYTES(to, x) (*(four_bytes *)(void *)(to) = __builtin_convertvector(x, four_bytes))
#define VSHORTS(to, x) (*(four_shorts *)(void *)(to) = __builtin_convertvector(x, four_shorts))
#include "engine/kernel/vector_impl.h"
