// vector_avx512.c: vector.h for AVX-512 (F, DQ, BW, VL) and FMA.
#include "config.h"

#include <immintrin.h>

#define VECTOR_TABLE grus_vector_avx512
#define VECTOR_NAME "avx512"
#define LANES 16
#define VMIN(a, b) ((vec)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define VMAX(a, b) ((vec)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define VAT_LEAST(a, b) ((unsigned)_mm512_cmp_ps_mask((__m512)(a), (__m512)(b), _CMP_GE_OQ))
// A builtin for the last step, since gcc 12 makes a masked division of a selected quotient, beside the quotient itself.
#define VNORMAL(a) \
    ((vec)_mm512_maskz_mov_ps(_mm512_test_epi32_mask((__m512i)(a), _mm512_set1_epi32(0x7f800000)), (__m512)(a)))
#define VFMA(a, b, c) ((vec)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define VMAXI(a, b) ((veci)_mm512_maskz_max_epi32(0xffff, (__m512i)(a), (__m512i)(b)))
#define VMAXD(a, b) ((vecd)_mm512_max_pd((__m512d)(a), (__m512d)(b)))
#define VDOUBLES(p) ((vecd)_mm512_cvtps_pd(_mm256_loadu_ps(p)))
#define VBYTES(to, x) _mm_storeu_si128((__m128i *)(void *)(to), _mm512_cvtepi32_epi8((__m512i)(x)))
#define VSHORTS(to, x) _mm256_storeu_si256((__m256i *)(void *)(to), _mm512_cvtepi32_epi16((__m512i)(x)))
#include "engine/kernel/vector_impl.h"
