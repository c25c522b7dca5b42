// int8.c: the layout of weights and rows of 8 bits, and how they are rounded to them; int8.h.
#include "config.h"

#include "engine/kernel/int8.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/tensor.h"
#include "engine/kernel/product.h"

// A sum of so many products of 8 bits fits 32, that of 8 bits without a sign by 8 with one too.
#define PIECE ((size_t)1 << 16)

#define LARGEST 127.0f

static const grus_int8_type *type_of(const grus_kernel *kernel)
{
    return (const grus_int8_type *)(const void *)kernel->type;
}

// ---- columns: each part filled up to the quantum, and cut into pieces, of which each is a pass ----

// To a power of 2.
static size_t round_up(size_t n, size_t to)
{
    size_t up = grus_add_sat(n, to - 1);
    return up == SIZE_MAX ? up : up & ~(to - 1);
}

static size_t padded(const grus_int8_type *type, const grus_parts *parts)
{
    size_t columns = 0;
    for (size_t part = 0; part < parts->n; part++)
        columns = grus_add_sat(columns, round_up(parts->columns[part], type->quantum));
    return columns;
}

static size_t count_pieces(const grus_parts *parts)
{
    size_t pieces = 0;
    for (size_t part = 0; part < parts->n; part++)
        pieces = grus_add_sat(pieces, grus_div_up(parts->columns[part], PIECE));
    return pieces;
}

typedef struct piece {
    size_t part, columns;
    size_t before, depth; // columns before it and of it, filled up
} piece;

static void list_pieces(const grus_int8_type *type, const grus_parts *parts, piece *pieces)
{
    size_t before = 0;
    for (size_t part = 0; part < parts->n; part++)
        for (size_t first = 0; first < parts->columns[part]; first += PIECE, pieces++) {
            size_t columns = grus_min(PIECE, parts->columns[part] - first);
            *pieces = (piece){part, columns, before, round_up(columns, type->quantum)};
            before += pieces->depth;
        }
}

// ---- weights: groups of (columns / interleave, units, interleave), their scales (units), the starts (passes, units);
// rows beyond the last zero. Before them lies where everything is ----

typedef struct weights_plan {
    char *groups;
    size_t group_bytes, scales, starts; // of a group: its size, and where they lie in it
    size_t passes;
    piece pass[];
} weights_plan;

static size_t plan_bytes(const grus_parts *parts)
{
    size_t pieces = grus_mul_sat(count_pieces(parts), sizeof(piece));
    return round_up(grus_add_sat(sizeof(weights_plan), pieces), GRUS_ALIGN);
}

static size_t starts_bytes(const grus_kernel *kernel, const grus_parts *parts)
{
    size_t starts = type_of(kernel)->element == GRUS_INT8_OFFSET ? count_pieces(parts) : 0;
    return grus_mul_sat(starts, kernel->units * sizeof(int32_t));
}

size_t grus_int8_group_bytes(const grus_kernel *kernel, const grus_parts *parts)
{
    size_t numbers = grus_mul_sat(padded(type_of(kernel), parts), kernel->units);
    size_t scales = grus_add_sat(kernel->units * sizeof(float), starts_bytes(kernel, parts));
    return round_up(grus_add_sat(numbers, scales), GRUS_ALIGN);
}

size_t grus_int8_weights_bytes(const grus_kernel *kernel, size_t groups, const grus_parts *parts)
{
    return grus_add_sat(plan_bytes(parts), grus_mul_sat(grus_int8_group_bytes(kernel, parts), groups));
}

static weights_plan *plan_weights(const grus_weights *weights)
{
    const grus_kernel *kernel = weights->kernel;
    weights_plan *plan = weights->data;
    plan->groups = (char *)weights->data + plan_bytes(&weights->parts);
    plan->group_bytes = grus_int8_group_bytes(kernel, &weights->parts);
    plan->scales = padded(type_of(kernel), &weights->parts) * kernel->units;
    plan->starts = plan->scales + kernel->units * sizeof(float);
    plan->passes = count_pieces(&weights->parts);
    list_pieces(type_of(kernel), &weights->parts, plan->pass);
    return plan;
}

// Where the numbers of a group lie.
typedef struct group_data {
    int8_t *numbers;
    float *scales;
    int32_t *starts;
} group_data;

static inline group_data find_group(const weights_plan *plan, size_t group)
{
    char *at = plan->groups + group * plan->group_bytes;
    return (group_data){(int8_t *)at, (float *)(void *)(at + plan->scales), (int32_t *)(void *)(at + plan->starts)};
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool is_finite(uint32_t magnitude)
{
    return magnitude < 0x7f800000;
}

static inline void divide_some(const float *w, size_t n, float scale, float least, int8_t *q)
{
    const float magic = 0x1.8p23f; // its last place is 1
    for (size_t i = 0; i < n; i++) {
        float x = w[i] / scale;
        x = x < LARGEST ? x : LARGEST;
        x = x > least ? x : least;
        q[i] = (int8_t)(x + magic - magic);
    }
}

// q = w / scale, rounded to the nearest, ties to even, and no less than `least`.
static void divide(const float *w, size_t n, float scale, float least, int8_t *q)
{
    const size_t block = 16; // a loop that the compiler makes vectors of
    for (; n >= block; w += block, q += block, n -= block)
        divide_some(w, block, scale, least, q);
    divide_some(w, n, scale, least, q);
}

static inline void place_by(size_t interleave, const int8_t *q, size_t n, size_t units, int8_t *to)
{
    size_t k = 0;
    for (; k + interleave <= n; k += interleave)
        memcpy(to + k * units, q + k, interleave);
    memcpy(to + k * units, q + k, n - k);
}

// One part of a row: the numbers of a unit lie `interleave` together, those of the other units between them.
static void place_weights(const grus_int8_type *type, const int8_t *q, size_t n, size_t units, int8_t *to)
{
    GRUS_ASSERT(type->interleave == 1 || type->interleave == 2 || type->interleave == 4);
    if (type->interleave == 4)
        place_by(4, q, n, units, to);
    else if (type->interleave == 2)
        place_by(2, q, n, units, to);
    else
        place_by(1, q, n, units, to);
}

typedef struct packing {
    const grus_weights *weights;
    const grus_matrix *matrix;
    size_t row;
    float scale;
} packing;

// The columns [first, first + n) of a piece, in blocks that are rounded and then placed; gives their sum.
static int32_t pack_columns(const packing *p, size_t first, size_t n, int8_t *to)
{
    const grus_int8_type *type = type_of(p->weights->kernel);
    size_t units = p->weights->kernel->units;
    const float *w = p->matrix->data + p->row * p->matrix->ld + first;
    int8_t q[512];
    int32_t sum = 0;
    for (size_t k = 0; k < n; k += sizeof q) {
        size_t count = grus_min(sizeof q, n - k);
        divide(w + k, count, p->scale, p->matrix->scales ? -LARGEST - 1 : -LARGEST, q);
        place_weights(type, q, count, units, to + k * units);
        for (size_t i = 0; i < count; i++)
            sum += q[i];
    }
    return sum;
}

static void pack_row(const packing *p, const weights_plan *plan)
{
    const grus_kernel *kernel = p->weights->kernel;
    const grus_int8_type *type = type_of(kernel);
    size_t unit = p->row % kernel->units, first = 0;
    group_data group = find_group(plan, p->row / kernel->units);
    group.scales[unit] = p->scale;
    if (p->scale == 0)
        return;
    for (size_t pass = 0; pass < plan->passes; first += plan->pass[pass++].columns) {
        const piece *at = plan->pass + pass;
        int8_t *to = group.numbers + at->before * kernel->units + unit * type->interleave;
        int32_t sum = pack_columns(p, first, at->columns, to);
        if (type->element == GRUS_INT8_OFFSET)
            group.starts[pass * kernel->units + unit] = -GRUS_INT8_OFFSET_BY * sum;
    }
}

void grus_int8_pack_weights(grus_matrix matrix, const grus_weights *weights)
{
    const grus_kernel *kernel = weights->kernel;
    memset(weights->data, 0, grus_int8_weights_bytes(kernel, weights->groups, &weights->parts));
    const weights_plan *plan = plan_weights(weights);
    for (size_t row = 0; row < matrix.rows; row++) {
        float scale =
            matrix.scales ? matrix.scales[row] : grus_row_scale(matrix.data + row * matrix.ld, matrix.columns);
        pack_row(&(packing){weights, &matrix, row, scale}, plan);
    }
}

// ---- rows: (tiles, passes, lanes, columns of the pass), then their scales (tiles, parts, lanes); lanes beyond the last
// are zeros of scale 0. Before them lies where everything is ----

typedef struct rows_plan {
    char *numbers;
    float *scales;
    bool even;                      // all of them are the same
    size_t tile_bytes, tile_scales; // of the numbers and of the scales of a tile
} rows_plan;

static size_t element_bytes(const grus_int8_type *type)
{
    return type->element == GRUS_INT8_WIDE ? sizeof(int16_t) : 1;
}

size_t grus_int8_panels_bytes(const grus_kernel *kernel, size_t n, size_t columns)
{
    const grus_int8_type *type = type_of(kernel);
    size_t lanes = grus_whole_tiles(kernel, n);
    size_t row = grus_mul_sat(grus_add_sat(columns, GRUS_MAX_PARTS * type->quantum), element_bytes(type));
    size_t plan = round_up(sizeof(rows_plan), GRUS_ALIGN);
    return grus_add_sat(grus_mul_sat(lanes, grus_add_sat(row, GRUS_MAX_PARTS * sizeof(float))), plan + GRUS_ALIGN);
}

static rows_plan *plan_rows(const grus_panels *panels, const grus_parts *parts, bool even)
{
    const grus_kernel *kernel = panels->kernel;
    rows_plan *plan = panels->data;
    plan->even = even;
    plan->numbers = (char *)panels->data + round_up(sizeof *plan, GRUS_ALIGN);
    plan->tile_bytes = kernel->tile * padded(type_of(kernel), parts) * element_bytes(type_of(kernel));
    plan->tile_scales = parts->n * kernel->tile;
    size_t tiles = grus_div_up(panels->n, kernel->tile);
    plan->scales = (float *)(void *)(plan->numbers + round_up(tiles * plan->tile_bytes, GRUS_ALIGN));
    return plan;
}

// Where the numbers and the scales of a tile lie.
typedef struct tile_data {
    char *numbers;
    float *scales;
} tile_data;

static inline tile_data find_tile(const rows_plan *plan, size_t tile)
{
    return (tile_data){plan->numbers + tile * plan->tile_bytes, plan->scales + tile * plan->tile_scales};
}

// One part of a row: what its numbers are multiplied with to be rounded, and what they are multiples of.
typedef struct row_scale {
    float inverse, scale;
} row_scale;

static const row_scale bounded_scale = {LARGEST, 1 / LARGEST};

static row_scale scale_row(const grus_vector *vector, const float *row, size_t n, bool bounded)
{
    if (bounded)
        return bounded_scale;
    uint32_t magnitude = vector->magnitude(row, n);
    float largest = from_bits(magnitude);
    if (!is_finite(magnitude))
        return (row_scale){0, from_bits(0x7fc00000)};
    if (largest < 0x1p-120f)
        return (row_scale){0, 0};
    return (row_scale){LARGEST / largest, largest / LARGEST};
}

static void fill_zeros(const grus_int8_type *type, char *to, size_t n)
{
    memset(to, type->element == GRUS_INT8_OFFSET ? GRUS_INT8_OFFSET_BY : 0, n * element_bytes(type));
}

// All pieces of one part of a lane, whose row is of floats, of rounded numbers, or both NULL: zeros.
typedef struct lane_part {
    const grus_kernel *kernel;
    const float *row;
    const char *rounded;
    size_t columns, before; // of the part; filled up columns of the parts before it
    size_t lane;
    char *tile; // the numbers of the tile
} lane_part;

static void pack_lane(const lane_part *p, float inverse)
{
    const grus_int8_type *type = type_of(p->kernel);
    size_t bytes = element_bytes(type), lanes = p->kernel->tile;
    for (size_t first = 0; first < p->columns; first += PIECE) {
        size_t n = grus_min(PIECE, p->columns - first), depth = round_up(n, type->quantum);
        char *to = p->tile + (lanes * (p->before + first) + p->lane * depth) * bytes;
        size_t made = p->rounded || (p->row && inverse != 0) ? n : 0;
        if (p->rounded)
            memcpy(to, p->rounded + first * bytes, n * bytes);
        else if (made)
            p->kernel->vector->quantise(type->element, p->row + first, n, inverse, to);
        if (made < depth)
            fill_zeros(type, to + made * bytes, depth - made);
    }
}

static void pack_tile(const grus_part_rows *part, lane_part p, size_t first, size_t n, float *scales)
{
    size_t tile = p.kernel->tile, lanes = grus_min(tile, n - first);
    for (size_t row = first + tile; row < grus_min(n, first + 2 * tile); row++)
        grus_fetch_near(part->rows[row], part->columns);
    for (p.lane = 0; p.lane < tile; p.lane++) {
        row_scale s = {0, 0};
        p.row = p.lane < lanes ? part->rows[first + p.lane] : NULL;
        if (p.row)
            s = scale_row(p.kernel->vector, p.row, part->columns, part->bounded);
        scales[p.lane] = s.scale;
        pack_lane(&p, s.inverse);
    }
}

void grus_int8_pack_rows(const grus_part_rows *parts, size_t n_parts, const grus_panels *panels)
{
    const grus_kernel *kernel = panels->kernel;
    const grus_int8_type *type = type_of(kernel);
    grus_parts shape = {.n = n_parts};
    for (size_t part = 0; part < n_parts; part++)
        shape.columns[part] = parts[part].columns;
    const rows_plan *plan = plan_rows(panels, &shape, n_parts == 1 && parts[0].bounded);
    for (size_t first = 0; first < panels->n; first += kernel->tile) {
        tile_data tile = find_tile(plan, first / kernel->tile);
        lane_part p = {.kernel = kernel, .tile = tile.numbers};
        for (size_t part = 0; part < n_parts; part++) {
            p.columns = parts[part].columns;
            pack_tile(parts + part, p, first, panels->n, tile.scales + part * kernel->tile);
            p.before += round_up(p.columns, type->quantum);
        }
    }
}

size_t grus_int8_rounded_bytes(const grus_kernel *kernel)
{
    return element_bytes(type_of(kernel));
}

float grus_int8_round_row(const grus_kernel *kernel, const float *row, size_t n, bool bounded, char *to)
{
    const grus_int8_type *type = type_of(kernel);
    row_scale s = scale_row(kernel->vector, row, n, bounded);
    if (s.inverse != 0)
        kernel->vector->quantise(type->element, row, n, s.inverse, to);
    else
        fill_zeros(type, to, n);
    return s.scale;
}

// Those of the next tile are asked for while this one's are packed.
void grus_int8_pack_rounded(const grus_rounded_row *rows, bool bounded, const grus_panels *panels)
{
    const grus_kernel *kernel = panels->kernel;
    size_t tile = kernel->tile, row_bytes = panels->columns * element_bytes(type_of(kernel));
    const rows_plan *plan = plan_rows(panels, &(grus_parts){1, {panels->columns}}, bounded);
    for (size_t first = 0; first < panels->n; first += tile) {
        tile_data to = find_tile(plan, first / tile);
        lane_part p = {.kernel = kernel, .columns = panels->columns, .tile = to.numbers};
        for (p.lane = 0; p.lane < tile; p.lane++) {
            size_t row = first + p.lane;
            grus_rounded_row from = row < panels->n ? rows[row] : (grus_rounded_row){NULL, 0};
            const char *next = row + tile < panels->n ? rows[row + tile].numbers : NULL;
            for (size_t i = 0; i < row_bytes && next; i += GRUS_ALIGN)
                __builtin_prefetch(next + i);
            to.scales[p.lane] = bounded ? bounded_scale.scale : from.scale;
            p.rounded = from.numbers;
            pack_lane(&p, 0);
        }
    }
}

// ---- products ----

size_t grus_int8_passes(const grus_weights *weights)
{
    const weights_plan *plan = weights->data;
    return plan->passes;
}

static void sum_and_scale(const grus_kernel *kernel, const grus_int8_block *block, grus_int8_sums *to)
{
    int32_t sums[GRUS_INT8_MAX_SUMS] __attribute__((aligned(GRUS_ALIGN)));
    GRUS_ASSERT(to->units * to->lanes <= GRUS_INT8_MAX_SUMS);
    to->sums = sums;
    type_of(kernel)->sum(block, to);
    kernel->vector->scale_sums(to);
}

void grus_int8_multiply(const grus_weights *weights, const grus_panels *panels, const grus_block *block, float beta,
                        float *y, size_t ldy)
{
    const grus_kernel *kernel = weights->kernel;
    const grus_int8_type *type = type_of(kernel);
    size_t units = kernel->units, lanes = kernel->tile;
    const weights_plan *plan = weights->data;
    const piece *at = plan->pass + block->pass;
    group_data group = find_group(plan, block->group);
    const rows_plan *rows = panels->data;
    tile_data tile = find_tile(rows, block->tile);
    grus_int8_block of = {.weights = group.numbers + at->before * units,
                          .rows = tile.numbers + at->before * lanes * element_bytes(type),
                          .depth = at->depth,
                          .start = group.starts + block->pass * units};
    grus_int8_sums to = {.lanes = lanes,
                         .units = units,
                         .lane_scales = tile.scales + at->part * lanes,
                         .unit_scales = group.scales,
                         .even = rows->even,
                         .onto = block->pass || beta != 0,
                         .y = y,
                         .ldy = ldy};
    if (type->scaled)
        type->sum(&of, &to);
    else
        sum_and_scale(kernel, &of, &to);
}
