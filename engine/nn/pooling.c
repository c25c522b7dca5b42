// pooling.c: the four poolings of the model contract.
#include "config.h"

#include "engine/nn/pooling.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

#define QUERY_CHUNK 384 // sequences whose queries are projected together

grus_status grus_pooling_read(grus_reading *reading, const grus_config *config, grus_pooling *pooling,
                              grus_error *error)
{
    const grus_pooling_config *from = &config->pooling;
    size_t size = grus_config_output_size(config);
    *pooling = (grus_pooling){.kernel = reading->kernel,
                              .kind = from->kind,
                              .learned_query = from->learned_query,
                              .normalize = from->normalize,
                              .size = size};
    if (from->kind != GRUS_POOL_ATTENTION)
        return GRUS_OK;
    return grus_attention_read(reading, &from->attention, from->learned_query ? 0 : size, size, &pooling->attention,
                               error);
}

// The query of sequence i before projection; the learned additive score has none, and takes zeros.
static const float *query_of(const grus_pooling *pooling, const grus_encoded *encoded, const float *zeros, size_t i)
{
    if (!pooling->learned_query)
        return grus_encoded_final(encoded, encoded->layers - 1, i);
    return pooling->attention.context ? pooling->attention.context : zeros;
}

// Room for the queries of a chunk of sequences.
typedef struct query_chunk {
    size_t n, n_zeros;
    float *zeros;                       // (n_zeros)
    const float **queries, **projected; // (n)
    grus_query_scratch scratch;
} query_chunk;

static bool list_query_chunk(const grus_pooling *pooling, grus_arena *arena, query_chunk *c)
{
    const grus_attention *attention = &pooling->attention;
    c->n = grus_whole_tiles(pooling->kernel, QUERY_CHUNK);
    c->n_zeros = grus_max(attention->size, pooling->size);
    c->zeros = grus_arena_alloc(arena, c->n_zeros, sizeof *c->zeros);
    c->queries = grus_arena_alloc(arena, c->n, sizeof *c->queries);
    c->projected = grus_arena_alloc(arena, c->n, sizeof *c->projected);
    return c->zeros && c->queries && c->projected && grus_query_scratch_list(attention, c->n, arena, &c->scratch);
}

bool grus_pooling_list(const grus_pooling *pooling, size_t positions, grus_arena *arena)
{
    query_chunk c;
    if (pooling->kind != GRUS_POOL_ATTENTION)
        return true;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed =
        grus_attention_keys_list(&pooling->attention, positions, false, arena) && list_query_chunk(pooling, arena, &c);
    grus_arena_release(arena, mark);
    return listed;
}

static void attend_all(const grus_pooling *pooling, const grus_encoded *encoded, const grus_keys *keys,
                       const query_chunk *c, float *pooled, float *weights)
{
    const grus_attention *attention = &pooling->attention;
    memset(c->zeros, 0, c->n_zeros * sizeof *c->zeros);
    for (size_t first = 0; first < encoded->n; first += c->n) {
        size_t n = grus_min(c->n, encoded->n - first);
        for (size_t i = 0; i < n; i++)
            c->queries[i] = query_of(pooling, encoded, c->zeros, first + i);
        grus_attention_project(attention, keys, &(grus_queries){c->queries, n}, &c->scratch, c->projected);
        for (size_t i = 0; i < n; i++) {
            size_t from = encoded->offset[first + i];
            float *own_weights = weights + from, *to = pooled + (first + i) * pooling->size;
            grus_attend(attention, keys, c->projected + i, 1, from, encoded->length[first + i], &own_weights, &to);
        }
    }
}

static grus_status pool_attention(const grus_pooling *pooling, const grus_encoded *encoded, const grus_work *work,
                                  float *pooled, float *weights)
{
    grus_keys keys;
    query_chunk c;
    grus_arena_mark mark = grus_arena_here(work->arena);
    grus_status status =
        grus_attention_keys(&pooling->attention, encoded->output, encoded->positions, false, work, &keys);
    if (!status && !list_query_chunk(pooling, work->arena, &c))
        status = grus_fail_memory(work->error, 0);
    if (!status)
        attend_all(pooling, encoded, &keys, &c, pooled, weights);
    grus_arena_release(work->arena, mark);
    return status;
}

static void pool_max(const grus_vector *vector, const float *rows, size_t length, size_t size, float *pooled)
{
    memcpy(pooled, rows, size * sizeof *pooled);
    for (size_t t = 1; t < length; t++)
        vector->maximum(pooled, rows + t * size, size);
}

static void normalize(const grus_vector *vector, float *pooled, size_t size)
{
    float scale = fmaxf(sqrtf(vector->dot(pooled, pooled, size)), 1e-12f);
    for (size_t i = 0; i < size; i++)
        pooled[i] /= scale;
}

grus_status grus_pooling_run(const grus_pooling *pooling, const grus_encoded *encoded, const grus_work *work,
                             float *pooled, float *weights)
{
    const grus_vector *vector = pooling->kernel->vector;
    size_t size = pooling->size;
    if (pooling->kind == GRUS_POOL_ATTENTION) {
        grus_status status = pool_attention(pooling, encoded, work, pooled, weights);
        if (status)
            return status;
    }
    for (size_t i = 0; i < encoded->n; i++) {
        const float *rows = encoded->output + encoded->offset[i] * size;
        size_t length = encoded->length[i];
        float *to = pooled + i * size;
        if (length == 0 || pooling->kind == GRUS_POOL_LAST)
            memcpy(to, grus_encoded_final(encoded, encoded->layers - 1, i), size * sizeof *to);
        else if (pooling->kind == GRUS_POOL_MEAN)
            grus_encoded_mean(encoded, i, to);
        else if (pooling->kind == GRUS_POOL_MAX)
            pool_max(vector, rows, length, size, to);
        if (pooling->normalize)
            normalize(vector, to, size);
    }
    return GRUS_OK;
}
