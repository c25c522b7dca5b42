// int8_model.h: the model of one kernel of numbers of 8 bits: the body of the engine's, on vectors that are arrays and
// operations in plain C. Included by int8_models.c for each, which defines
//   MODEL            a name                            LANES, UNITS  of the kernel
//   WIDTH, STEP      units of a vector, columns of a step              TOGETHER      columns of a unit that lie together
//   ROW_ELEMENT      of which a row consists           SCALED        as the kernel has it
#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define sum JOIN(MODEL, sum)
#define totals JOIN(MODEL, totals)
#define numbers JOIN(MODEL, numbers)
#define step JOIN(MODEL, step)
#define row_element JOIN(MODEL, row_element)
#define begin JOIN(MODEL, begin)
#define load JOIN(MODEL, load)
#define broadcast JOIN(MODEL, broadcast)
#define dot JOIN(MODEL, dot)
#define store JOIN(MODEL, store)
#define add_up JOIN(MODEL, add_up)
#define sum_scaled JOIN(MODEL, sum_scaled)
#define scales JOIN(MODEL, scales)
#define load_scales JOIN(MODEL, load_scales)
#define times JOIN(MODEL, times)
#define VECTORS (UNITS / WIDTH)

typedef ROW_ELEMENT row_element;
typedef struct totals {
    int32_t of[WIDTH];
} totals;
typedef struct numbers {
    int8_t of[STEP * WIDTH];
} numbers;
typedef struct step {
    row_element of[STEP];
} step;

static totals begin(const int32_t *from, size_t first)
{
    totals to = {{0}};
    if (sizeof(row_element) == 1 && (row_element)-1 > 0)
        memcpy(&to, from + first, sizeof to);
    return to;
}

static numbers load(const int8_t *from)
{
    numbers to;
    memcpy(&to, from, sizeof to);
    return to;
}

static step broadcast(const row_element *from)
{
    step to;
    memcpy(&to, from, sizeof to);
    return to;
}

static totals dot(totals to, numbers w, step x)
{
    for (size_t k = 0; k < STEP; k++)
        for (size_t unit = 0; unit < WIDTH; unit++)
            to.of[unit] += w.of[k / TOGETHER * TOGETHER * WIDTH + unit * TOGETHER + k % TOGETHER] * x.of[k];
    return to;
}

#if SCALED
typedef struct scales {
    float of[WIDTH];
} scales;

static scales load_scales(const float *from)
{
    scales to;
    memcpy(&to, from, sizeof to);
    return to;
}

static scales times(scales units, float lane)
{
    for (size_t unit = 0; unit < WIDTH; unit++)
        units.of[unit] *= lane;
    return units;
}

static void store(float *to, totals from, scales by, bool onto)
{
    for (size_t unit = 0; unit < WIDTH; unit++) {
        float sum = (float)from.of[unit];
        to[unit] = onto ? fmaf(sum, by.of[unit], to[unit]) : sum * by.of[unit];
    }
}
#else
static void store(int32_t *to, totals from)
{
    memcpy(to, &from, sizeof from);
}
#endif

#include "engine/kernel/int8_impl.h"

#undef sum
#undef totals
#undef numbers
#undef step
#undef row_element
#undef begin
#undef load
#undef broadcast
#undef dot
#undef store
#undef add_up
#undef sum_scaled
#undef scales
#undef load_scales
#undef times
#undef VECTORS
#undef EACH
#undef SCALED
#undef MODEL
#undef LANES
#undef UNITS
#undef WIDTH
#undef STEP
#undef TOGETHER
#undef ROW_ELEMENT
