// fused.h: a * b + c rounded once, four at a time: by the instruction where the compiler may use one, else by doubles.
#ifndef GRUS_ENGINE_KERNEL_FUSED_H
#define GRUS_ENGINE_KERNEL_FUSED_H

#include <stdint.h>
#include <string.h>
#ifdef __ARM_NEON
#include <arm_neon.h>
#endif
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef float grus_quad __attribute__((vector_size(16)));

// A double holds the product exactly. Its sum with c is rounded to odd, so that rounding that to a float is as rounding the
// exact sum (Boldo and Melquiond, "Emulation of a FMA and Correctly Rounded Sums", 2008): a double has 53 bits, more than
// the 24 + 2 needed, and its exponents are wide enough for every subnormal float.
static inline float grus_fused_one(float a, float b, float c)
{
    double product = (double)a * b, sum = product + c, part = sum - product;
    double error = (product - (sum - part)) + (c - part); // exact (Knuth's TwoSum)
    int64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if ((error > 0 || error < 0) && !(bits & 1)) // NaN: no error
        bits += (error > 0) == (sum > 0) ? 1 : -1;
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
}

static inline grus_quad grus_fused_each(grus_quad a, grus_quad b, grus_quad c)
{
    return (grus_quad){grus_fused_one(a[0], b[0], c[0]), grus_fused_one(a[1], b[1], c[1]),
                       grus_fused_one(a[2], b[2], c[2]), grus_fused_one(a[3], b[3], c[3])};
}

#if defined __ARM_NEON && defined __ARM_FEATURE_FMA
static inline grus_quad grus_fused(grus_quad a, grus_quad b, grus_quad c)
{
    return (grus_quad)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#elif defined __SSE2__
// Rounding twice goes wrong only where the first rounding ended half-way between two floats: in 29 bits that are 1 and then
// zeros, or among subnormal floats.
static inline grus_quad grus_fused(grus_quad a, grus_quad b, grus_quad c)
{
    __m128 x = (__m128)a, y = (__m128)b, z = (__m128)c;
    __m128d low = _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(x), _mm_cvtps_pd(y)), _mm_cvtps_pd(z));
    __m128d high = _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(_mm_movehl_ps(x, x)), _mm_cvtps_pd(_mm_movehl_ps(y, y))),
                              _mm_cvtps_pd(_mm_movehl_ps(z, z)));
    __m128 rounded = _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
    __m128d is_zero[2] = {_mm_cmpeq_pd(low, _mm_setzero_pd()), _mm_cmpeq_pd(high, _mm_setzero_pd())};
    __m128i end = _mm_castps_si128(_mm_shuffle_ps(_mm_castpd_ps(low), _mm_castpd_ps(high), 0x88));
    __m128i zero = _mm_castps_si128(_mm_shuffle_ps(_mm_castpd_ps(is_zero[0]), _mm_castpd_ps(is_zero[1]), 0x88));
    __m128i exponent = _mm_and_si128(_mm_castps_si128(rounded), _mm_set1_epi32(0x7f800000));
    __m128i half = _mm_cmpeq_epi32(_mm_and_si128(end, _mm_set1_epi32(0x1fffffff)), _mm_set1_epi32(0x10000000));
    __m128i tiny = _mm_andnot_si128(zero, _mm_cmpeq_epi32(exponent, _mm_setzero_si128()));
    if (__builtin_expect(_mm_movemask_epi8(_mm_or_si128(half, tiny)) != 0, 0))
        return grus_fused_each(a, b, c);
    return (grus_quad)rounded;
}
#else
static inline grus_quad grus_fused(grus_quad a, grus_quad b, grus_quad c)
{
    return grus_fused_each(a, b, c);
}
#endif

#endif
