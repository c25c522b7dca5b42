// power.h: powers and logarithms whose bits do not hang on the C library.
#ifndef GRUS_BASE_POWER_H
#define GRUS_BASE_POWER_H

// x to the power of y for a normal x > 0. Exact for y 0 and 1; else |relative error| <= 4e-16 (2 + |y ln x|). Infinite and
// 0 where pow is.
double grus_power(double x, double y);

// The natural logarithm of a normal x > 0: |error| <= 4e-16 (1 + |ln x|).
double grus_log(double x);

#endif
