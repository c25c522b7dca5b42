// survey_tally.c: bins that double. The bins of one width lie within those of the next, so that nothing is counted anew.
#include "config.h"

#include "api/survey_tally.h"

#include <math.h>
#include <string.h>

#define MOST_INDEX 0x1p52 // that a double holds with its neighbours

void grus_tally_begin(grus_tally *tally, int exponent)
{
    *tally = (grus_tally){.exponent = exponent};
}

static int64_t half(int64_t index)
{
    return index >= 0 ? index / 2 : -((1 - index) / 2);
}

// Twice the width.
static void coarsen(grus_tally *tally)
{
    int64_t first = half(tally->first);
    uint64_t counts[GRUS_TALLY_BINS] = {0};
    for (int64_t i = 0; tally->n && i <= tally->top; i++)
        counts[half(tally->first + i) - first] += tally->counts[i];
    memcpy(tally->counts, counts, sizeof counts);
    tally->top = tally->n ? half(tally->first + tally->top) - first : 0;
    tally->first = first;
    tally->exponent++;
}

// Moves the bins up, so that this index, which lies below, is the first.
static void lower_first(grus_tally *tally, int64_t index)
{
    size_t by = (size_t)(tally->first - index), used = (size_t)tally->top + 1;
    memmove(tally->counts + by, tally->counts, used * sizeof *tally->counts);
    memset(tally->counts, 0, by * sizeof *tally->counts);
    tally->first = index;
    tally->top += (int64_t)by;
}

static bool fits(const grus_tally *tally, int64_t index)
{
    if (tally->n == 0)
        return true;
    int64_t last = tally->first + tally->top;
    return (index > last ? index : last) - (index < tally->first ? index : tally->first) < GRUS_TALLY_BINS;
}

void grus_tally_add(grus_tally *tally, double number)
{
    if (!isfinite(number))
        return;
    while (!(fabs(ldexp(number, -tally->exponent)) < MOST_INDEX))
        coarsen(tally);
    int64_t index;
    while (!fits(tally, index = (int64_t)floor(ldexp(number, -tally->exponent))))
        coarsen(tally);
    if (tally->n == 0)
        tally->first = index;
    else if (index < tally->first)
        lower_first(tally, index);
    int64_t bin = index - tally->first;
    tally->top = bin > tally->top ? bin : tally->top;
    tally->counts[bin]++;
    tally->min = tally->n && tally->min < number ? tally->min : number;
    tally->max = tally->n && tally->max > number ? tally->max : number;
    tally->sum += number;
    tally->n++;
}

const grus_survey_tally *grus_tally_take(const grus_tally *tally, const char *name, const char *unit, grus_arena *arena)
{
    size_t bins = (size_t)tally->top + 1;
    grus_survey_tally *taken = grus_arena_alloc(arena, 1, sizeof *taken);
    uint64_t *counts = grus_arena_alloc(arena, bins, sizeof *counts);
    if (!taken || !counts)
        return NULL;
    memcpy(counts, tally->counts, bins * sizeof *counts);
    *taken = (grus_survey_tally){
        .size = sizeof *taken,
        .name = name,
        .unit = unit,
        .n = tally->n,
        .min = tally->min,
        .max = tally->max,
        .mean = tally->sum / (double)tally->n,
        .low = ldexp((double)tally->first, tally->exponent),
        .width = ldexp(1, tally->exponent),
        .bins = bins,
        .counts = counts,
    };
    return taken;
}
