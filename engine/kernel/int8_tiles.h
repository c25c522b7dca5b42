// int8_tiles.h: the body of a kernel for numbers of 8 bits on tiles of 16 rows of 64 bytes, included by int8_amx.c and by the
// tests, which model tiles in plain C. They define, of tiles that have constant numbers,
//   TILES_CONFIGURE()                 gives the thread's tiles that shape, unless they have it
//   TILE_ZERO(t)                      TILE_LOAD(t, from, stride), TILE_STORE(t, to, stride): rows, stride bytes apart
//   TILE_DOT(to, a, b)                adds the products of a (16 rows, 16 quads of bytes) and b (16 quads, 16 columns,
//                                     4 bytes) to the int32s of to (16, 16)
#if !defined TILES_CONFIGURE || !defined TILE_ZERO || !defined TILE_LOAD || !defined TILE_DOT || !defined TILE_STORE
#error "int8_tiles.h is instantiated by int8_amx.c, with TILE_... defined"
#endif

// Two tiles of rows (4, 5) by two of weights (6, 7): four of sums (0 to 3).
static void sum(const grus_int8_block *block, const grus_int8_sums *to)
{
    enum { SIDE = 16, DEPTH = 64, UNITS = GRUS_INT8_AMX_UNITS };
    const int8_t *weights = block->weights, *rows = block->rows;
    size_t depth = block->depth, across = UNITS * 4;
    TILES_CONFIGURE();
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (size_t k = 0; k < depth; k += DEPTH, rows += DEPTH, weights += DEPTH * UNITS) {
        TILE_LOAD(4, rows, depth);
        TILE_LOAD(6, weights, across);
        TILE_DOT(0, 4, 6);
        TILE_LOAD(7, weights + SIDE * 4, across);
        TILE_DOT(1, 4, 7);
        TILE_LOAD(5, rows + SIDE * depth, depth);
        TILE_DOT(2, 5, 6);
        TILE_DOT(3, 5, 7);
    }
    TILE_STORE(0, to->sums, across);
    TILE_STORE(1, to->sums + SIDE, across);
    TILE_STORE(2, to->sums + SIDE * UNITS, across);
    TILE_STORE(3, to->sums + SIDE * UNITS + SIDE, across);
}
