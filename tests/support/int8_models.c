// int8_models.c: the bodies of the engine's kernels on models of their instructions.
#include "config.h"

#include "tests/support/int8_models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/int8.h"

#define MODEL avx2
#define SCALED true
#define LANES GRUS_INT8_AVX2_TILE
#define UNITS GRUS_INT8_AVX2_UNITS
#define WIDTH 8
#define STEP 2
#define TOGETHER 2
#define ROW_ELEMENT int16_t
#include "tests/support/int8_model.h"

#define MODEL avxvnni
#define SCALED true
#define LANES GRUS_INT8_AVXVNNI_TILE
#define UNITS GRUS_INT8_AVXVNNI_UNITS
#define WIDTH 8
#define STEP 4
#define TOGETHER 4
#define ROW_ELEMENT uint8_t
#include "tests/support/int8_model.h"

#define MODEL avx512vnni
#define SCALED true
#define LANES GRUS_INT8_AVX512VNNI_TILE
#define UNITS GRUS_INT8_AVX512VNNI_UNITS
#define WIDTH 16
#define STEP 4
#define TOGETHER 4
#define ROW_ELEMENT uint8_t
#include "tests/support/int8_model.h"

#define MODEL dotprod
#define SCALED false
#define LANES GRUS_INT8_DOTPROD_TILE
#define UNITS GRUS_INT8_DOTPROD_UNITS
#define WIDTH 4
#define STEP 4
#define TOGETHER 4
#define ROW_ELEMENT int8_t
#include "tests/support/int8_model.h"

#define MODEL neon
#define SCALED false
#define LANES GRUS_INT8_NEON_TILE
#define UNITS GRUS_INT8_NEON_UNITS
#define WIDTH 16
#define STEP 4
#define TOGETHER 2
#define ROW_ELEMENT int8_t
#include "tests/support/int8_model.h"

// ---- tiles ----

typedef union tile {
    int8_t bytes[16][64];
    int32_t ints[16][16];
} tile;
static tile tiles[8];
static bool configured; // before that, and after leave(), the processor has no tiles

static tile *tile_of(size_t t)
{
    if (!configured || t >= sizeof tiles / sizeof *tiles) {
        fprintf(stderr, "tile %zu is used, and is not configured\n", t);
        abort();
    }
    return tiles + t;
}

static void configure(void)
{
    memset(tiles, 0, sizeof tiles);
    configured = true;
}

static void leave(void)
{
    configured = false;
}

static void load_tile(size_t t, const void *from, size_t stride)
{
    for (size_t row = 0; row < 16; row++)
        memcpy(tile_of(t)->bytes[row], (const char *)from + row * stride, 64);
}

static void store_tile(size_t t, void *to, size_t stride)
{
    for (size_t row = 0; row < 16; row++)
        memcpy((char *)to + row * stride, tile_of(t)->bytes[row], 64);
}

static void dot_tiles(size_t to, size_t a, size_t b)
{
    for (size_t row = 0; row < 16; row++)
        for (size_t column = 0; column < 16; column++)
            for (size_t k = 0; k < 64; k++)
                tile_of(to)->ints[row][column] +=
                    tile_of(a)->bytes[row][k] * tile_of(b)->bytes[k / 4][column * 4 + k % 4];
}

#define TILES_CONFIGURE() (configured ? (void)0 : configure())
#define TILE_ZERO(t) memset(tile_of(t), 0, sizeof(tile))
#define TILE_LOAD(t, from, stride) load_tile(t, from, stride)
#define TILE_DOT(to, a, b) dot_tiles(to, a, b)
#define TILE_STORE(t, to, stride) store_tile(t, to, stride)
#define sum amx_sum
#include "engine/kernel/int8_tiles.h"
#undef sum

// ---- the table ----

static const grus_int8_type types[] = {
    GRUS_INT8_TYPE(amx_sum, false, leave, GRUS_INT8_AMX_LAYOUT),
    GRUS_INT8_TYPE(avx512vnni_sum, true, NULL, GRUS_INT8_AVX512VNNI_LAYOUT),
    GRUS_INT8_TYPE(avxvnni_sum, true, NULL, GRUS_INT8_AVXVNNI_LAYOUT),
    GRUS_INT8_TYPE(avx2_sum, true, NULL, GRUS_INT8_AVX2_LAYOUT),
    GRUS_INT8_TYPE(dotprod_sum, false, NULL, GRUS_INT8_DOTPROD_LAYOUT),
    GRUS_INT8_TYPE(neon_sum, false, NULL, GRUS_INT8_NEON_LAYOUT),
};

#define ROW(i, size, name_)                                                                \
    {                                                                                      \
        .type = &types[i].type, .tile = size##_TILE, .units = size##_UNITS, .name = name_, \
        .vector = &grus_vector_generic                                                     \
    }
static const grus_kernel kernels[] = {
    ROW(0, GRUS_INT8_AMX, "model of amx"),         ROW(1, GRUS_INT8_AVX512VNNI, "model of avx512vnni"),
    ROW(2, GRUS_INT8_AVXVNNI, "model of avxvnni"), ROW(3, GRUS_INT8_AVX2, "model of avx2"),
    ROW(4, GRUS_INT8_DOTPROD, "model of dotprod"), ROW(5, GRUS_INT8_NEON, "model of neon"),
};

const grus_kernel *int8_model(size_t i)
{
    return i < sizeof kernels / sizeof *kernels ? kernels + i : NULL;
}
