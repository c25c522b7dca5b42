// vector_quantise.h: the part of vector_impl.h that rounds rows to 8 bits and scales the sums of their products; included
// there alone, behind its types.
#ifndef LANES
#error "vector_quantise.h is included by vector_impl.h"
#endif

static uint32_t magnitude(const float *x, size_t n)
{
    veci most[4] = {{0}};
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        for (size_t part = 0; part < 4; part++)
            most[part] = VMAXI(most[part], (veci)load(x + i + part * LANES) & 0x7fffffff);
    for (; i < n; i += LANES)
        most[0] = VMAXI(most[0], (veci)load_upto(x + i, n - i) & 0x7fffffff);
    most[0] = VMAXI(VMAXI(most[0], most[1]), VMAXI(most[2], most[3]));
    uint32_t part[LANES], result = 0;
    memcpy(part, most, sizeof part);
    for (size_t j = 0; j < LANES; j++)
        result = part[j] > result ? part[j] : result;
    return result;
}

// x * factor as a float whose lowest bits are the nearest integer, ties to even, of those in [-127, 127], and `offset`.
static inline veci nearest(vec x, vec factor, vec magic)
{
    return (veci)(VMAX(VMIN(x * factor, splat(127)), splat(-127)) + magic);
}

// The lowest `bytes` of each, n <= LANES of them.
static inline __attribute__((always_inline)) void store_lowest(veci x, size_t bytes, char *to, size_t n)
{
    if (n >= LANES && bytes == 1) {
        VBYTES(to, x);
    } else if (n >= LANES) {
        VSHORTS(to, x);
    } else {
        int part[LANES];
        memcpy(part, &x, sizeof x);
        for (size_t i = 0; i < n; i++) {
            int16_t two = (int16_t)part[i];
            int8_t one = (int8_t)part[i];
            memcpy(to + i * bytes, bytes == 1 ? (const void *)&one : (const void *)&two, bytes);
        }
    }
}

static inline __attribute__((always_inline)) void quantise_to(size_t bytes, float offset, const float *x, size_t n,
                                                              float factor, char *to)
{
    vec by = splat(factor), magic = splat(0x1.8p23f + offset);
    for (size_t i = 0; i < n; i += LANES)
        store_lowest(nearest(load_upto(x + i, n - i), by, magic), bytes, to + i * bytes, n - i);
}

static void quantise(grus_int8_element element, const float *x, size_t n, float factor, void *to)
{
    if (element == GRUS_INT8_WIDE)
        quantise_to(sizeof(int16_t), 0, x, n, factor, to);
    else
        quantise_to(1, element == GRUS_INT8_OFFSET ? GRUS_INT8_OFFSET_BY : 0, x, n, factor, to);
}

static inline __attribute__((always_inline)) void scale_lanes(const grus_int8_sums *s, bool onto)
{
    for (size_t lane = 0; lane < s->lanes; lane++) {
        vec scale = splat(s->lane_scales[lane]);
        float *y = s->y + lane * s->ldy;
        for (size_t i = 0; i < s->units; i += LANES) {
            veci sum;
            memcpy(&sum, s->sums + lane * s->units + i, sizeof sum);
            vec x = __builtin_convertvector(sum, vec), by = scale * load(s->unit_scales + i);
            store(y + i, onto ? VFMA(x, by, load(y + i)) : x * by);
        }
    }
}

static void scale_sums(const grus_int8_sums *s)
{
    if (s->onto)
        scale_lanes(s, true);
    else
        scale_lanes(s, false);
}
