// synthetic.c: seeded lengths and ids.
#include "config.h"

#include "api/synthetic.h"

#include <math.h>

#define MEDIAN 20.0
#define SIGMA 0.5
#define SHORTEST 2.0
#define LONGEST 120.0

// xorshift64*
uint64_t grus_synthetic_number(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DULL;
}

// In (0, 1).
static double uniform(uint64_t *state)
{
    return ((double)(grus_synthetic_number(state) >> 11) + 0.5) * 0x1p-53;
}

size_t grus_synthetic_length(uint64_t *state)
{
    // Box and Muller; only one of the two numbers is used, so that a length is a function of the state alone.
    double radius = sqrt(-2 * log(uniform(state))), angle = 6.283185307179586 * uniform(state);
    double length = round(MEDIAN * exp(SIGMA * radius * cos(angle)));
    return (size_t)fmin(LONGEST, fmax(SHORTEST, length));
}

void grus_synthetic_ids(uint64_t *state, size_t vocab, uint32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)(grus_synthetic_number(state) >> 16) % (uint32_t)vocab;
}
