// portable.c: the product of floats in plain C: slow, and the same bytes as the fast ones.
#include "config.h"

#include "engine/kernel/portable.h"

#include <string.h>

#include "base/assert.h"
#include "engine/kernel/float32.h"
#include "engine/kernel/fused.h"

#define LANES ((size_t)2)
#define QUADS (GRUS_PORTABLE_UNITS * sizeof(float) / sizeof(grus_quad))

static void multiply(const grus_weights *weights, const grus_panels *panels, const grus_block *block, float beta,
                     float *y, size_t ldy)
{
    GRUS_ASSERT(weights->kernel->units == GRUS_PORTABLE_UNITS && weights->kernel->tile == GRUS_PORTABLE_TILE);
    grus_float32_block at = grus_float32_find(weights, panels, block);
    bool onto = block->pass || beta != 0;
    for (size_t first = 0; first < GRUS_PORTABLE_TILE; first += LANES) {
        grus_quad sum[LANES][QUADS] = {{{0}}}; // several chains, none of which waits for another
        for (size_t k = 0; k < at.depth; k++) {
            grus_quad w[QUADS];
            memcpy(w, at.weights + k * GRUS_PORTABLE_UNITS, sizeof w);
            for (size_t lane = 0; lane < LANES; lane++) {
                float x = at.rows[k * GRUS_PORTABLE_TILE + first + lane];
                for (size_t i = 0; i < QUADS; i++)
                    sum[lane][i] = grus_fused(w[i], (grus_quad){x, x, x, x}, sum[lane][i]);
            }
        }
        for (size_t lane = 0; lane < LANES; lane++)
            for (size_t unit = 0; unit < GRUS_PORTABLE_UNITS; unit++) {
                float *to = y + (first + lane) * ldy + unit, found = sum[lane][unit / 4][unit % 4];
                *to = onto ? *to + found : found;
            }
    }
}

const grus_number_type grus_portable_float32 = GRUS_FLOAT32_TYPE(multiply);
