// int8_generic.c: sums of products of 8 bits in plain C, on vectors of 16 bytes.
#include "config.h"

#include <string.h>

#include "engine/kernel/int8.h"

#define LANES GRUS_INT8_GENERIC_TILE
#define VECTORS (GRUS_INT8_GENERIC_UNITS / WIDTH)
#define STEP 2
#define WIDTH 8
typedef int8_t row_element;
typedef int8_t bytes __attribute__((vector_size(8)));
typedef int16_t shorts __attribute__((vector_size(16)));
typedef int16_t four_shorts __attribute__((vector_size(8)));
typedef int32_t ints __attribute__((vector_size(16)));
typedef struct totals {
    ints low, high;
} totals;
typedef struct numbers {
    shorts first, second; // column
} numbers;
typedef struct step {
    int16_t first, second;
} step;

static inline totals begin(const int32_t *from, size_t first)
{
    (void)from, (void)first;
    return (totals){{0}, {0}};
}

static inline numbers load(const int8_t *from)
{
    bytes column[STEP];
    memcpy(column, from, sizeof column);
    return (numbers){__builtin_convertvector(column[0], shorts), __builtin_convertvector(column[1], shorts)};
}

static inline step broadcast(const int8_t *from)
{
    return (step){from[0], from[1]};
}

// Two products of at most 128 * 127 fit 16 bits.
static inline totals dot(totals to, numbers w, step x)
{
    shorts two = w.first * x.first + w.second * x.second;
    four_shorts low = __builtin_shufflevector(two, two, 0, 1, 2, 3),
                high = __builtin_shufflevector(two, two, 4, 5, 6, 7);
    return (totals){to.low + __builtin_convertvector(low, ints), to.high + __builtin_convertvector(high, ints)};
}

static inline void store(int32_t *to, totals from)
{
    memcpy(to, &from, sizeof from);
}

#define SCALED false
#include "engine/kernel/int8_impl.h"

const grus_int8_type grus_int8_generic = GRUS_INT8_TYPE(sum, SCALED, NULL, GRUS_INT8_GENERIC_LAYOUT);
