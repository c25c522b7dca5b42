// map_rows.c: the loop over chunks.
#include "config.h"

#include "engine/nn/map_rows.h"

#include "base/assert.h"
#include "base/error.h"

// Room for a chunk.
typedef struct chunk {
    size_t n;
    const float **rows[GRUS_MAP_PARTS]; // (n) each
    grus_panels *panels;                // (n, the parts' columns)
    float *products;                    // (n, the widest of the weights whose products are finished); NULL without
} chunk;

size_t grus_chunk_rows(const grus_kernel *kernel)
{
    return grus_whole_tiles(kernel, GRUS_CHUNK_ROWS);
}

static bool list_chunk(const grus_mapping *mapping, grus_arena *arena, chunk *c)
{
    size_t widest = 0, columns = 0;
    *c = (chunk){.n = grus_chunk_rows(mapping->kernel)};
    for (size_t part = 0; part < mapping->parts; part++) {
        columns = grus_add_sat(columns, mapping->columns[part]);
        if (!(c->rows[part] = grus_arena_alloc(arena, c->n, sizeof *c->rows[part])))
            return false;
    }
    c->panels = grus_panels_new(mapping->kernel, arena, c->n, columns);
    for (size_t i = 0; i < mapping->n_maps; i++)
        if (mapping->map[i].finish)
            widest = grus_max(widest, grus_weights_width(mapping->map[i].weights));
    return c->panels && (widest == 0 || (c->products = grus_arena_alloc(arena, grus_mul_sat(c->n, widest),
                                                                        sizeof *c->products)) != NULL);
}

bool grus_map_rows_list(const grus_mapping *mapping, grus_arena *arena)
{
    chunk c;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = mapping->n_maps == 0 || list_chunk(mapping, arena, &c);
    grus_arena_release(arena, mark);
    return listed;
}

static void pack_chunk(const grus_mapping *mapping, size_t first, size_t n, const chunk *c)
{
    grus_part_rows parts[GRUS_MAP_PARTS];
    if (mapping->place)
        mapping->place(mapping->user, first, n, c->rows);
    for (size_t i = 0; i < n && !mapping->place; i++)
        c->rows[0][i] = mapping->dense + (first + i) * mapping->columns[0];
    for (size_t part = 0; part < mapping->parts; part++)
        parts[part] = (grus_part_rows){c->rows[part], mapping->columns[part], mapping->bounded[part]};
    grus_panels_pack(c->panels, parts, mapping->parts, n);
}

static void map_chunk(const grus_map *map, size_t first, size_t n, const chunk *c)
{
    if (map->finish) {
        grus_product(map->weights, c->panels, 0, c->products, grus_weights_width(map->weights));
        map->finish(map->user, first, n, c->products);
    } else {
        grus_product(map->weights, c->panels, 0, map->y + first * map->ldy, map->ldy);
    }
}

grus_status grus_map_rows(const grus_mapping *mapping, const grus_work *work)
{
    GRUS_ASSERT(mapping->parts <= GRUS_MAP_PARTS && mapping->n_maps <= GRUS_MAPS_MAX);
    GRUS_ASSERT(mapping->place || mapping->parts == 1);
    chunk c;
    if (mapping->n_maps == 0)
        return GRUS_OK;
    grus_arena_mark mark = grus_arena_here(work->arena);
    if (!list_chunk(mapping, work->arena, &c))
        return grus_fail_memory(work->error, 0);
    for (size_t first = 0; first < mapping->n; first += c.n) {
        size_t n = grus_min(c.n, mapping->n - first);
        pack_chunk(mapping, first, n, &c);
        for (size_t i = 0; i < mapping->n_maps; i++)
            map_chunk(mapping->map + i, first, n, &c);
    }
    grus_arena_release(work->arena, mark);
    for (size_t i = 0; i < mapping->n_maps && mapping->counts; i++)
        work->stats->flops += grus_product_flops(mapping->n, mapping->map[i].weights, mapping->map[i].wanted);
    return GRUS_OK;
}
