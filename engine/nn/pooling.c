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

static grus_status pool_attention(const grus_pooling *pooling, const grus_encoded *encoded, const grus_work *work,
                                  float *pooled, float *weights)
{
    grus_arena *arena = work->arena;
    grus_error *error = work->error;
    const grus_attention *attention = &pooling->attention;
    grus_keys keys;
    grus_status status = grus_attention_keys(attention, encoded->output, encoded->positions, false, work, &keys);
    if (status)
        return status;
    size_t chunk = grus_whole_tiles(attention->kernel, QUERY_CHUNK), n_zeros = grus_max(attention->size, pooling->size);
    float *zeros = grus_arena_alloc(arena, n_zeros, sizeof *zeros);
    grus_query_scratch scratch;
    const float **queries = grus_arena_alloc(arena, 2 * chunk, sizeof *queries);
    if (!zeros || !queries || !grus_query_scratch_alloc(attention, arena, chunk, &scratch))
        return grus_fail_memory(error, n_zeros * sizeof *zeros);
    memset(zeros, 0, n_zeros * sizeof *zeros);
    const float **projected = queries + chunk;
    for (size_t first = 0; first < encoded->n; first += chunk) {
        size_t n = grus_min(chunk, encoded->n - first);
        for (size_t i = 0; i < n; i++)
            queries[i] = query_of(pooling, encoded, zeros, first + i);
        grus_attention_project(attention, &keys, &(grus_queries){queries, n}, &scratch, projected);
        for (size_t i = 0; i < n; i++) {
            size_t from = encoded->offset[first + i];
            float *own_weights = weights + from, *to = pooled + (first + i) * pooling->size;
            grus_attend(attention, &keys, projected + i, 1, from, encoded->length[first + i], &own_weights, &to);
        }
    }
    return GRUS_OK;
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
        grus_arena_mark mark = grus_arena_here(work->arena);
        grus_status status = pool_attention(pooling, encoded, work, pooled, weights);
        grus_arena_release(work->arena, mark);
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

static size_t pool_bytes(const grus_pooling *pooling, size_t positions)
{
    if (pooling->kind != GRUS_POOL_ATTENTION)
        return 0;
    const grus_attention *attention = &pooling->attention;
    size_t chunk = grus_whole_tiles(attention->kernel, QUERY_CHUNK);
    return grus_attention_keys_bytes(attention, positions, false) +
           grus_max(attention->size, pooling->size) * sizeof(float) + grus_query_scratch_bytes(attention, chunk) +
           2 * chunk * sizeof(void *) + 3 * GRUS_ALIGN;
}

bool grus_pooling_list(const grus_pooling *pooling, size_t positions, grus_arena *arena)
{
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = grus_arena_alloc(arena, pool_bytes(pooling, positions), 1);
    grus_arena_release(arena, mark);
    return listed;
}
