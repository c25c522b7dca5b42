// vector_avx2.c: vector.h for AVX2 and FMA.
#include "config.h"

#include <immintrin.h>

#define VECTOR_TABLE grus_vector_avx2
#define VECTOR_NAME "avx2"
#define LANES 8
#define VMIN(a, b) ((vec)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define VMAX(a, b) ((vec)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define VAT_LEAST(a, b) ((unsigned)_mm256_movemask_ps(_mm256_cmp_ps((__m256)(a), (__m256)(b), _CMP_GE_OQ)))
#define VNORMAL(a) ((vec)((veci)(a) & (((veci)(a)&0x7f800000) != 0)))
#define VFMA(a, b, c) ((vec)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define VMAXI(a, b) ((veci)_mm256_max_epi32((__m256i)(a), (__m256i)(b)))
#define VMAXD(a, b) ((vecd)_mm256_max_pd((__m256d)(a), (__m256d)(b)))
#define VDOUBLES(p) ((vecd)_mm256_cvtps_pd(_mm_loadu_ps(p)))
#define VBYTES(to, x) store_bytes(to, (__m256i)(x))
#define VSHORTS(to, x) store_shorts(to, (__m256i)(x))

static inline void store_bytes(void *to, __m256i x)
{
    const __m256i lowest = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, //
                                            0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    __m256i y = _mm256_shuffle_epi8(x, lowest);
    _mm_storel_epi64(to, _mm_unpacklo_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1)));
}

static inline void store_shorts(void *to, __m256i x)
{
    const __m256i lowest = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1, //
                                            0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
    __m256i y = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(x, lowest), 0x08);
    _mm_storeu_si128(to, _mm256_castsi256_si128(y));
}
#include "engine/kernel/vector_impl.h"
