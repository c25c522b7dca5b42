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

// The lowest `bytes` of each.
static inline __attribute__((always_inline)) void store_lowest(veci x, size_t bytes, char *to)
{
    if (bytes == 1) {
        VBYTES(to, x);
    } else {
        VSHORTS(to, x);
    }
}

static inline __attribute__((always_inline)) void quantise_to(size_t bytes, float offset, const float *x, size_t n,
                                                              float factor, char *to)
{
    vec by = splat(factor), magic = splat(0x1.8p23f + offset);
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        veci first = nearest(load(x + i), by, magic), second = nearest(load(x + i + LANES), by, magic);
        store_lowest(first, bytes, to + i * bytes);
        store_lowest(second, bytes, to + (i + LANES) * bytes);
    }
    for (; i < n; i += LANES) {
        char last[2 * LANES];
        store_lowest(nearest(load_upto(x + i, n - i), by, magic), bytes, last);
        memcpy(to + i * bytes, last, (n - i < LANES ? n - i : LANES) * bytes);
    }
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
    const grus_int8_sums all = *s; // which no store of a float changes
    for (size_t i = 0; i < all.units; i += LANES) {
        const int32_t *sums = all.sums + i;
        float *y = all.y + i;
        vec unit_scales = load(all.unit_scales + i);
        for (size_t lane = 0; lane < all.lanes; lane++, sums += all.units, y += all.ldy) {
            veci sum;
            memcpy(&sum, sums, sizeof sum);
            vec x = __builtin_convertvector(sum, vec), by = splat(all.lane_scales[lane]) * unit_scales;
            store(y, onto ? VFMA(x, by, load(y)) : x * by);
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
