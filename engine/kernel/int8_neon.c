// int8_neon.c: sums of products of 8 bits by NEON: two products at a time are added in 16 bits, which they fit.
#include "config.h"

#include <arm_neon.h>

#include "engine/kernel/int8.h"

#define LANES GRUS_INT8_NEON_TILE
#define VECTORS (GRUS_INT8_NEON_UNITS / WIDTH)
#define STEP 4
#define WIDTH 16
typedef int8_t row_element;
typedef struct totals {
    int32x4_t of[4];
} totals;
typedef struct numbers {
    int8x16_t of[4]; // two columns of 8 units, of the others; the next two columns
} numbers;
typedef struct step {
    int8x16_t first, second; // two columns each
} step;

static inline totals begin(const int32_t *from, size_t first)
{
    (void)from, (void)first;
    int32x4_t zero = vdupq_n_s32(0);
    return (totals){{zero, zero, zero, zero}};
}

static inline numbers load(const int8_t *from)
{
    return (numbers){{vld1q_s8(from), vld1q_s8(from + 16), vld1q_s8(from + 32), vld1q_s8(from + 48)}};
}

static inline step broadcast(const int8_t *from)
{
    int16x4_t two = vreinterpret_s16_s32(vld1_dup_s32((const int32_t *)(const void *)from));
    return (step){vreinterpretq_s8_s16(vdupq_lane_s16(two, 0)), vreinterpretq_s8_s16(vdupq_lane_s16(two, 1))};
}

static inline int32x4_t dot_low(int32x4_t to, int8x16_t first, int8x16_t second, step x)
{
    int16x8_t products = vmull_s8(vget_low_s8(first), vget_low_s8(x.first));
    return vpadalq_s16(to, vmlal_s8(products, vget_low_s8(second), vget_low_s8(x.second)));
}

static inline int32x4_t dot_high(int32x4_t to, int8x16_t first, int8x16_t second, step x)
{
    return vpadalq_s16(to, vmlal_high_s8(vmull_high_s8(first, x.first), second, x.second));
}

static inline totals dot(totals to, numbers w, step x)
{
    return (totals){{dot_low(to.of[0], w.of[0], w.of[2], x), dot_high(to.of[1], w.of[0], w.of[2], x),
                     dot_low(to.of[2], w.of[1], w.of[3], x), dot_high(to.of[3], w.of[1], w.of[3], x)}};
}

static inline void store(int32_t *to, totals from)
{
    for (size_t i = 0; i < 4; i++)
        vst1q_s32(to + 4 * i, from.of[i]);
}

#define SCALED false
#include "engine/kernel/int8_impl.h"

const grus_int8_type grus_int8_neon = GRUS_INT8_TYPE(sum, SCALED, NULL, GRUS_INT8_NEON_LAYOUT);
