// vector_pack.h: the part of vector_impl.h that transposes rows into panels; included there alone, behind its types.
#ifndef LANES
#error "vector_pack.h is included by vector_impl.h"
#endif

// Four rows by four columns.
static inline void transpose4(const float *const *rows, size_t k, float *panel, size_t lanes)
{
    quad a = *(const quad_any *)(rows[0] + k), b = *(const quad_any *)(rows[1] + k);
    quad c = *(const quad_any *)(rows[2] + k), d = *(const quad_any *)(rows[3] + k);
    quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(quad_any *)panel = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(quad_any *)(panel + lanes) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(quad_any *)(panel + 2 * lanes) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(quad_any *)(panel + 3 * lanes) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

#if LANES == 16
// Four rows by sixteen columns: transposed inside each quarter of the vectors, whose quarters then go to their columns.
static inline void transpose16(const float *const *rows, size_t k, float *panel, size_t lanes)
{
    vec a = load(rows[0] + k), b = load(rows[1] + k), c = load(rows[2] + k), d = load(rows[3] + k);
#define LOW(x, y) __builtin_shufflevector(x, y, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH(x, y) __builtin_shufflevector(x, y, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define FIRST(x, y) __builtin_shufflevector(x, y, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define SECOND(x, y) __builtin_shufflevector(x, y, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
    vec ab_low = LOW(a, b), ab_high = HIGH(a, b), cd_low = LOW(c, d), cd_high = HIGH(c, d);
    vec columns[4] = {FIRST(ab_low, cd_low), SECOND(ab_low, cd_low), FIRST(ab_high, cd_high), SECOND(ab_high, cd_high)};
#undef LOW
#undef HIGH
#undef FIRST
#undef SECOND
    for (size_t i = 0; i < 4; i++, panel += lanes) {
        vec x = columns[i];
        *(quad_any *)panel = __builtin_shufflevector(x, x, 0, 1, 2, 3);
        *(quad_any *)(panel + 4 * lanes) = __builtin_shufflevector(x, x, 4, 5, 6, 7);
        *(quad_any *)(panel + 8 * lanes) = __builtin_shufflevector(x, x, 8, 9, 10, 11);
        *(quad_any *)(panel + 12 * lanes) = __builtin_shufflevector(x, x, 12, 13, 14, 15);
    }
}
#endif

static void pack(size_t lanes, size_t count, const float *const *rows, float *panel)
{
    size_t quads = lanes / 4 * 4, k = 0;
#if LANES == 16
    if (quads == lanes)
        for (; k + 16 <= count; k += 16)
            for (size_t lane = 0; lane < lanes; lane += 4)
                transpose16(rows + lane, k, panel + k * lanes + lane, lanes);
#endif
    for (; k + 4 <= count; k += 4) {
        for (size_t lane = 0; lane < quads; lane += 4)
            transpose4(rows + lane, k, panel + k * lanes + lane, lanes);
        for (size_t lane = quads; lane < lanes; lane++)
            for (size_t i = k; i < k + 4; i++)
                panel[i * lanes + lane] = rows[lane][i];
    }
    for (; k < count; k++)
        for (size_t lane = 0; lane < lanes; lane++)
            panel[k * lanes + lane] = rows[lane][k];
}
