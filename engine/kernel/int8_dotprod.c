// int8_dotprod.c: sums of products of 8 bits by the dot product of ARMv8.2.
#include "config.h"

#include <arm_neon.h>

#include "engine/kernel/int8.h"

#define LANES GRUS_INT8_DOTPROD_TILE
#define VECTORS (GRUS_INT8_DOTPROD_UNITS / WIDTH)
#define STEP 4
#define WIDTH 4
typedef int8_t row_element;
typedef int32x4_t totals;
typedef int8x16_t numbers, step;

static inline totals begin(const int32_t *from, size_t first)
{
    (void)from, (void)first;
    return vdupq_n_s32(0);
}

static inline numbers load(const int8_t *from)
{
    return vld1q_s8(from);
}

static inline step broadcast(const int8_t *from)
{
    return vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(const void *)from));
}

static inline totals dot(totals to, numbers w, step x)
{
    return vdotq_s32(to, w, x);
}

static inline void store(int32_t *to, totals from)
{
    vst1q_s32(to, from);
}

#define SCALED false
#include "engine/kernel/int8_impl.h"

const grus_int8_type grus_int8_dotprod = GRUS_INT8_TYPE(sum, SCALED, NULL, GRUS_INT8_DOTPROD_LAYOUT);
