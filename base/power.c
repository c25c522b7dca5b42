// power.c: powers and logarithms, from sums and products of doubles in one order.
#include "config.h"

#include "base/power.h"

#include <math.h>

#define LN2_HIGH 0x1.62e42fefa38p-1 // 43 bits: its products with exponents are exact
#define LN2_LOW 0x1.ef35793c7673p-45

// ln x = e ln 2 + 2 atanh(s), s = (m - 1) / (m + 1), x = m 2^e with m in [0.7, 1.42), |s| <= 0.18: the terms of
// atanh beyond s^23 are below 1e-19.
double grus_log(double x)
{
    int e;
    double m = frexp(x, &e);
    if (m < 0.70710678118654752) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int n = 23; n >= 3; n -= 2)
        sum = (sum + 1.0 / n) * s2;
    return (double)e * LN2_HIGH + (2 * s + (2 * s * sum + (double)e * LN2_LOW));
}

// e^x = 2^n e^r, |r| <= ln 2 / 2: the terms of the series beyond r^14 are below 1e-19.
static double exponential(double x)
{
    if (x > 710)
        return INFINITY;
    if (x < -746)
        return 0;
    double n = floor(x * 1.4426950408889634 + 0.5), r = (x - n * LN2_HIGH) - n * LN2_LOW, sum = 1;
    for (int k = 14; k >= 1; k--)
        sum = sum * r / k + 1;
    return ldexp(sum, (int)n);
}

double grus_power(double x, double y)
{
    if (y == 0)
        return 1;
    return y == 1 ? x : exponential(y * grus_log(x));
}
