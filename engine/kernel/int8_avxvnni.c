// int8_avxvnni.c: sums of products of 8 bits by AVX-VNNI.
#include "config.h"

#include <immintrin.h>
#include <string.h>

#include "engine/kernel/int8.h"

#define LANES GRUS_INT8_AVXVNNI_TILE
#define VECTORS (GRUS_INT8_AVXVNNI_UNITS / WIDTH)
#define STEP 4
#define WIDTH 8
typedef uint8_t row_element;
typedef __m256i totals, numbers, step;

static inline totals begin(const int32_t *from, size_t first)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)(from + first));
}

static inline numbers load(const int8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

static inline step broadcast(const uint8_t *from)
{
    int32_t four;
    memcpy(&four, from, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline totals dot(totals to, numbers w, step x)
{
    return _mm256_dpbusd_avx_epi32(to, x, w);
}

#include "engine/kernel/int8_scaled256.h"

#include "engine/kernel/int8_impl.h"

const grus_int8_type grus_int8_avxvnni = GRUS_INT8_TYPE(sum, SCALED, NULL, GRUS_INT8_AVXVNNI_LAYOUT);
