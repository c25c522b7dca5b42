// int8_scaled256.h: how the kernels on vectors of 32 bytes, AVX2 and AVX-VNNI, scale their sums; included by them before
// int8_impl.h, behind their totals.
#define SCALED true
typedef __m256 scales;

static inline scales load_scales(const float *from)
{
    return _mm256_loadu_ps(from);
}

static inline scales times(scales units, float lane)
{
    return _mm256_mul_ps(units, _mm256_set1_ps(lane));
}

static inline void store(float *to, totals from, scales by, bool onto)
{
    scales sum = _mm256_cvtepi32_ps(from);
    _mm256_storeu_ps(to, onto ? _mm256_fmadd_ps(sum, by, _mm256_loadu_ps(to)) : _mm256_mul_ps(sum, by));
}
