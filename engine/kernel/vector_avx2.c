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
#include "engine/kernel/vector_impl.h"
