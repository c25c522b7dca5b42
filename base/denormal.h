// denormal.h: the numbers that are kept out of what is computed. Many processors take a hundred times as long for denormal
// floats, |x| < FLT_MIN, as for others. They become 0 by value where numbers enter (weights, features) and where they can
// come about by themselves (states: vector_gates.h), and not by a mode of the processor, of which each kind has its own.
#ifndef GRUS_BASE_DENORMAL_H
#define GRUS_BASE_DENORMAL_H

#include <float.h>
#include <math.h>

// 0 where |x| < FLT_MIN, else x; NaN in, NaN out.
static inline float grus_no_denormal(float x)
{
    return fabsf(x) < FLT_MIN ? 0 : x;
}

#endif
