// int8_impl.h: the body of a kernel for numbers of 8 bits whose sums are made in registers; included by one file for each
// instruction set, and by the tests, which run it in plain C. They define
//   LANES, VECTORS  of a tile and of a group       STEP, WIDTH  columns of a step and units of a vector
//   row_element     of which a row consists        numbers      a step of the weights of a vector of units
//   totals          int32s for a vector of units   step         a step of a row, as each unit needs it
//   SCALED          whether sums are scaled before they leave their registers; if so: scales, of a vector of units
// and the functions begin (totals that start from int32s, or from 0), load (numbers), broadcast (a step), dot (totals with the
// products of numbers and a step added) and store (totals; where SCALED, times scales and onto what is there or not, with
// load_scales, and times: scales by that of a lane).
#if !defined LANES || !defined VECTORS || !defined STEP || !defined WIDTH || !defined SCALED
#error "int8_impl.h is instantiated by int8_*.c, with LANES, VECTORS, STEP, WIDTH, SCALED defined"
#endif

// The loops over lanes and vectors are of constant length: unrolled, they leave no array in memory.
#define EACH(i, n) _Pragma("GCC unroll 32") for (size_t i = 0; i < (n); i++)

// gcc would scale some sums where the loop ends, and its first scheduler, which is on for aarch64 alone, asks for the steps
// of all rows at once: sums would have no register.
#if defined __GNUC__ && !defined __clang__
#pragma GCC push_options
#pragma GCC optimize("no-tree-pre", "no-schedule-insns")
#endif
static inline __attribute__((always_inline)) void add_up(const grus_int8_block *block, totals total[LANES][VECTORS])
{
    const int8_t *weights = block->weights;
    const row_element *rows = block->rows;
    size_t depth = block->depth;
    EACH(lane, LANES)
    EACH(i, VECTORS) total[lane][i] = begin(block->start, i * WIDTH);
    for (size_t k = 0; k < depth; k += STEP, weights += STEP * WIDTH * VECTORS) {
        numbers w[VECTORS];
        EACH(i, VECTORS) w[i] = load(weights + i * STEP * WIDTH);
        EACH(lane, LANES)
        {
            step x = broadcast(rows + lane * depth + k);
            EACH(i, VECTORS) total[lane][i] = dot(total[lane][i], w[i], x);
        }
    }
}

#if SCALED
static inline __attribute__((always_inline)) void sum_scaled(const grus_int8_block *block, grus_int8_sums to, bool even,
                                                             bool onto)
{
    totals total[LANES][VECTORS];
    scales units[VECTORS];
    add_up(block, total);
    EACH(i, VECTORS) units[i] = load_scales(to.unit_scales + i * WIDTH);
    if (even)
        EACH(i, VECTORS) units[i] = times(units[i], to.lane_scales[0]);
    EACH(lane, LANES)
    {
        float lane_scale = to.lane_scales[lane];
        EACH(i, VECTORS) store(to.y + i * WIDTH, total[lane][i], even ? units[i] : times(units[i], lane_scale), onto);
        to.y += to.ldy;
    }
}

// Each with a loop of its own: behind one for all, gcc keeps the sums in memory.
static void sum(const grus_int8_block *block, const grus_int8_sums *to)
{
    if (to->onto)
        sum_scaled(block, *to, false, true);
    else if (to->even)
        sum_scaled(block, *to, true, false);
    else
        sum_scaled(block, *to, false, false);
}
#else
static void sum(const grus_int8_block *block, const grus_int8_sums *to)
{
    totals total[LANES][VECTORS];
    add_up(block, total);
    EACH(lane, LANES)
    EACH(i, VECTORS) store(to->sums + (lane * VECTORS + i) * WIDTH, total[lane][i]);
}
#endif
#if defined __GNUC__ && !defined __clang__
#pragma GCC pop_options
#endif
