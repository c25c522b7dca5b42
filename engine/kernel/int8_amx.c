// int8_amx.c: sums of products of 8 bits by the tiles of AMX.
#include "config.h"

#include <immintrin.h>

#include "engine/kernel/int8.h"

// What the tiles are, as LDTILECFG reads it.
static const struct shape {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} shape = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// True while the thread's tiles have our shape. Whoever else multiplies with tiles on this thread does so after leave().
static _Thread_local bool configured;

static void configure(void)
{
    _tile_loadconfig(&shape);
    configured = true;
}

static void leave(void)
{
    if (configured)
        _tile_release();
    configured = false;
}

#define TILES_CONFIGURE() (configured ? (void)0 : configure())
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, from, stride) _tile_loadd(t, from, stride)
#define TILE_DOT(to, a, b) _tile_dpbssd(to, a, b)
#define TILE_STORE(t, to, stride) _tile_stored(t, to, stride)
#include "engine/kernel/int8_tiles.h"

const grus_int8_type grus_int8_amx = GRUS_INT8_TYPE(sum, false, leave, GRUS_INT8_AMX_LAYOUT);
