// int8_avx512vnni.c: sums of products of 8 bits by VNNI on vectors of AVX-512, of which 24 hold sums.
#include "config.h"

#include <immintrin.h>
#include <string.h>

#include "engine/kernel/int8.h"

#define LANES GRUS_INT8_AVX512VNNI_TILE
#define VECTORS (GRUS_INT8_AVX512VNNI_UNITS / WIDTH)
#define STEP 4
#define WIDTH 16
typedef uint8_t row_element;
typedef __m512i totals, numbers, step;
typedef __m512 scales;

static inline totals begin(const int32_t *from, size_t first)
{
    return _mm512_loadu_si512((const __m512i *)(const void *)(from + first));
}

static inline numbers load(const int8_t *from)
{
    return _mm512_loadu_si512((const __m512i *)(const void *)from);
}

static inline step broadcast(const uint8_t *from)
{
    int32_t four;
    memcpy(&four, from, sizeof four);
    return _mm512_set1_epi32(four);
}

static inline totals dot(totals to, numbers w, step x)
{
    return _mm512_dpbusd_epi32(to, x, w);
}

static inline scales load_scales(const float *from)
{
    return _mm512_loadu_ps(from);
}

static inline scales times(scales units, float lane)
{
    return _mm512_mul_ps(units, _mm512_set1_ps(lane));
}

static inline void store(float *to, totals from, scales by, bool onto)
{
    scales sum = _mm512_cvtepi32_ps(from);
    _mm512_storeu_ps(to, onto ? _mm512_fmadd_ps(sum, by, _mm512_loadu_ps(to)) : _mm512_mul_ps(sum, by));
}

#define SCALED true
#include "engine/kernel/int8_impl.h"

const grus_int8_type grus_int8_avx512vnni = GRUS_INT8_TYPE(sum, SCALED, NULL, GRUS_INT8_AVX512VNNI_LAYOUT);
