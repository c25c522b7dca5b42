// philox.c: ten rounds of multiplying, crossing over and a key that is bumped.
#include "config.h"

#include "base/philox.h"

#include <string.h>

#define ROUNDS 10

void grus_philox_block(const uint32_t key[2], const uint32_t counter[4], uint32_t block[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    memcpy(block, counter, 4 * sizeof *block);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = (uint64_t)0xD2511F53 * block[0], b = (uint64_t)0xCD9E8D57 * block[2];
        uint32_t first = (uint32_t)(b >> 32) ^ block[1] ^ k0, third = (uint32_t)(a >> 32) ^ block[3] ^ k1;
        block[0] = first;
        block[1] = (uint32_t)b;
        block[2] = third;
        block[3] = (uint32_t)a;
        k0 += 0x9E3779B9; // the golden ratio
        k1 += 0xBB67AE85; // the square root of 3, less 1
    }
}

uint64_t grus_philox(uint64_t key, uint64_t counter_low, uint64_t counter_high)
{
    const uint32_t words[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
    const uint32_t counter[4] = {(uint32_t)counter_low, (uint32_t)(counter_low >> 32), (uint32_t)counter_high,
                                 (uint32_t)(counter_high >> 32)};
    uint32_t block[4];
    grus_philox_block(words, counter, block);
    return (uint64_t)block[1] << 32 | block[0];
}
