// int8_avx2.c: sums of products of 8 bits for AVX2: both are widened to 16 bits, so that none saturates.
#include "config.h"

#include <immintrin.h>

#include "engine/kernel/int8.h"

#define LANES GRUS_INT8_AVX2_TILE
#define VECTORS (GRUS_INT8_AVX2_UNITS / WIDTH)
#define STEP 2
#define WIDTH 8
typedef int16_t row_element;
typedef __m256i totals, numbers, step;

static inline totals begin(const int32_t *from, size_t first)
{
    (void)from, (void)first;
    return _mm256_setzero_si256();
}

static inline numbers load(const int8_t *from)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

static inline step broadcast(const int16_t *from)
{
    int32_t two;
    __builtin_memcpy(&two, from, sizeof two);
    return _mm256_set1_epi32(two);
}

static inline totals dot(totals to, numbers w, step x)
{
    return _mm256_add_epi32(to, _mm256_madd_epi16(w, x));
}

#include "engine/kernel/int8_scaled256.h"

#include "engine/kernel/int8_impl.h"

const grus_int8_type grus_int8_avx2 = GRUS_INT8_TYPE(sum, SCALED, NULL, GRUS_INT8_AVX2_LAYOUT);
