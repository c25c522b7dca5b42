// int8_impl.h: the body of a kernel for numbers of 8 bits whose sums stay in registers; included by one file for each
// instruction set, and by the tests, which run it in plain C. They define
//   LANES, VECTORS  of a tile and of a group       STEP, WIDTH  columns of a step and units of a vector
//   row_element     of which a row consists        numbers      a step of the weights of a vector of units
//   totals          int32s for a vector of units   step         a step of a row, as each unit needs it
// and the functions begin (totals that start from int32s, or from 0), load (numbers), broadcast (a step), dot (totals with the
// products of numbers and a step added) and store.
#if !defined LANES || !defined VECTORS || !defined STEP || !defined WIDTH
#error "int8_impl.h is instantiated by int8_*.c, with LANES, VECTORS, STEP, WIDTH defined"
#endif

// The loops over lanes and vectors are of constant length: unrolled, they leave no array in memory.
#define EACH(i, n) _Pragma("GCC unroll 32") for (size_t i = 0; i < (n); i++)

// gcc's first scheduler, which is on for aarch64 alone, asks for the steps of all rows at once: sums would have no register.
#if defined __aarch64__ && defined __GNUC__ && !defined __clang__
#pragma GCC push_options
#pragma GCC optimize("no-schedule-insns")
#endif
static void sum(const grus_int8_block *block)
{
    const int8_t *weights = block->weights;
    const row_element *rows = block->rows;
    size_t depth = block->depth;
    totals total[LANES][VECTORS];
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
    EACH(lane, LANES)
    EACH(i, VECTORS) store(block->sums + (lane * VECTORS + i) * WIDTH, total[lane][i]);
}
#if defined __aarch64__ && defined __GNUC__ && !defined __clang__
#pragma GCC pop_options
#endif
