// philox.h: random numbers by counting: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as
// 1, 2, 3 (SC 2011). A number hangs on its key and its counter alone, whoever asks for it and when.
#ifndef GRUS_BASE_PHILOX_H
#define GRUS_BASE_PHILOX_H

#include <stdint.h>

// The first 64 bits of the block of (key, counter): words 0 and 1 of each are the first's low and high halves.
uint64_t grus_philox(uint64_t key, uint64_t counter_low, uint64_t counter_high);

// All of them.
void grus_philox_block(const uint32_t key[2], const uint32_t counter[4], uint32_t block[4]);

// 53 of the bits as a number in [0, 1).
static inline double grus_philox_unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

#endif
