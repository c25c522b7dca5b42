// vector_model.c: vector.h at 16 lanes in plain C, one lane after the other: what every instruction set has to give to the
// last bit.
#include "config.h"

#include "engine/kernel/fused.h"
#include "tests/support/vector_model.h"

typedef int ints __attribute__((vector_size(64)));
typedef int64_t longs __attribute__((vector_size(64)));
typedef float floats __attribute__((vector_size(64)));

static inline unsigned bits_of(ints mask)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < 16; i++)
        bits |= (unsigned)(mask[i] & 1) << i;
    return bits;
}

static inline floats each_fused(floats a, floats b, floats c)
{
    for (unsigned i = 0; i < 16; i++)
        c[i] = grus_fused_one(a[i], b[i], c[i]);
    return c;
}

static inline void store_each(void *to, size_t bytes, ints x)
{
    for (unsigned i = 0; i < 16; i++) {
        int16_t wide = (int16_t)x[i];
        int8_t narrow = (int8_t)x[i];
        memcpy((char *)to + i * bytes, bytes == 1 ? (const void *)&narrow : (const void *)&wide, bytes);
    }
}

typedef double doubles __attribute__((vector_size(64)));

static inline doubles each_double(const float *p)
{
    doubles x;
    for (unsigned i = 0; i < 8; i++)
        x[i] = (double)p[i];
    return x;
}

#define VECTOR_TABLE grus_vector_model
#define VECTOR_NAME "model"
#define LANES 16
#define VSELECT(mask, a, b) ((vec)(((mask) & (veci)(a)) | (~(mask) & (veci)(b))))
#define VMIN(a, b) VSELECT((a) < (b), a, b)
#define VMAX(a, b) VSELECT((a) > (b), a, b)
#define VAT_LEAST(a, b) bits_of((a) >= (b))
#define VNORMAL(a) ((vec)((veci)(a) & (((veci)(a)&0x7f800000) != 0)))
#define VFMA(a, b, c) each_fused(a, b, c)
#define VMAXI(a, b) ((((a) > (b)) & (a)) | (~((a) > (b)) & (b)))
#define VMAXD(a, b) ((vecd)((((a) > (b)) & (longs)(a)) | (~((a) > (b)) & (longs)(b))))
#define VDOUBLES(p) each_double(p)
#define VBYTES(to, x) store_each(to, 1, x)
#define VSHORTS(to, x) store_each(to, 2, x)
#include "engine/kernel/vector_impl.h"
