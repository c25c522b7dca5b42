// survey_tally.h: numbers counted in bins whose width is a power of 2 and grows with their range, so that what is counted
// hangs neither on their order nor on what was expected of them.
#ifndef GRUS_API_SURVEY_TALLY_H
#define GRUS_API_SURVEY_TALLY_H

#include <stdint.h>

#include "base/arena.h"
#include "grus.h"

#define GRUS_TALLY_BINS 1024

typedef struct grus_tally {
    uint64_t n;
    double min, max, sum;
    int exponent;  // of the bins' width
    int64_t first; // bin 0 is [first, first + 1) times the width
    int64_t top;   // the last bin in use; the first is always
    uint64_t counts[GRUS_TALLY_BINS];
} grus_tally;

// Empties it. exponent: of the narrowest bins; 0 for whole numbers.
void grus_tally_begin(grus_tally *tally, int exponent);

// A number that is not finite is not counted.
void grus_tally_add(grus_tally *tally, double number);

// What is public of it; NULL when memory is short. name and unit are kept as they are.
const grus_survey_tally *grus_tally_take(const grus_tally *tally, const char *name, const char *unit,
                                         grus_arena *arena);

#endif
