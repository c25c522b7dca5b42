// pooling.c: the four poolings of the model contract.
#include "config.h"

#include "engine/nn/pooling.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

grus_status grus_pooling_read(grus_reading *reading, const grus_config *config, grus_pooling *pooling,
                              grus_error *error)
{
    const grus_pooling_config *from = &config->pooling;
    size_t size = grus_config_output_size(config);
    *pooling = (grus_pooling){.kernel = reading->kernel,
                              .kind = from->kind,
                              .learned_query = from->learned_query,
                              .normalize = from->normalize,
                              .size = size,
                              .pooled = grus_config_pooled_size(config),
                              .bounded = grus_config_is_bounded(config)};
    if (from->kind != GRUS_POOL_ATTENTION)
        return GRUS_OK;
    return grus_attention_read(reading, &from->attention, from->learned_query ? 0 : size, size, &pooling->attention,
                               error);
}

// A run by attention over a batch.
typedef struct attending {
    const grus_pooling *pooling;
    const grus_encoded *encoded;
    grus_keys keys;
    size_t n_zeros;
    float *zeros; // (n_zeros)
    grus_pooled to;
    float *sums;          // with heads: (n, A) what they have summed
    float *of_heads;      // with heads: (heads, longest) the weights of a sequence
    grus_mapping values;  // what makes keys of the outputs
    grus_mapping queries; // what projects queries, and attends then
    grus_mapping outputs; // with heads: what makes pooled vectors of the sums
} attending;

// The query of sequence i before projection; the learned additive score has none, and takes zeros.
static const float *query_of(const attending *a, size_t i)
{
    if (!a->pooling->learned_query)
        return grus_encoded_final(a->encoded, a->encoded->layers - 1, i);
    return a->pooling->attention.context ? a->pooling->attention.context : a->zeros;
}

static void place_queries(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS])
{
    const attending *a = user;
    for (size_t i = 0; i < n; i++)
        rows[0][i] = query_of(a, first + i);
}

static void attend(const attending *a, size_t sequence, const float *query)
{
    const grus_multihead *multihead = &a->pooling->attention.multihead;
    size_t first = a->encoded->offset[sequence], length = a->encoded->length[sequence];
    float *row = a->to.weights + first * (a->to.by_head ? grus_attention_heads(&a->pooling->attention) : 1);
    float *weights = multihead->heads && !a->to.by_head ? a->of_heads : row;
    float *sums = multihead->heads ? a->sums + sequence * multihead->size : a->to.vectors + sequence * a->pooling->size;
    grus_attend(&a->keys, &(grus_attending){first, length, 1, &query, &weights, &sums});
    if (weights != row)
        grus_multihead_mean(multihead, length, weights, row);
}

static void finish_queries(void *user, size_t first, size_t n, float *projected)
{
    const attending *a = user;
    const grus_multihead *multihead = &a->pooling->attention.multihead;
    size_t width = grus_weights_width(grus_attention_query_weights(&a->pooling->attention));
    for (size_t i = 0; i < n; i++) {
        if (multihead->heads)
            multihead->kernel->vector->add(projected + i * width, multihead->query_bias, multihead->size);
        attend(a, first + i, projected + i * width);
    }
}

static void finish_outputs(void *user, size_t first, size_t n, float *products)
{
    const attending *a = user;
    const grus_multihead *multihead = &a->pooling->attention.multihead;
    size_t width = grus_weights_width(multihead->output), size = multihead->context;
    for (size_t i = 0; i < n; i++) {
        float *product = products + i * width;
        grus_multihead_finish(multihead, a->encoded->length[first + i], product);
        memcpy(a->to.vectors + (first + i) * size, product, size * sizeof *product);
    }
}

// What comes behind the heads; nothing where there are none.
static bool list_outputs(attending *a, const grus_pooling_sizes *sizes, grus_arena *arena)
{
    const grus_multihead *multihead = &a->pooling->attention.multihead;
    if (!multihead->heads)
        return true;
    a->outputs = (grus_mapping){.kernel = multihead->kernel,
                                .parts = 1,
                                .columns = {multihead->size},
                                .n_maps = 1,
                                .map = {{.weights = multihead->output, .finish = finish_outputs, .user = a}}};
    a->sums = grus_arena_alloc(arena, grus_mul_sat(sizes->records, multihead->size), sizeof *a->sums);
    a->of_heads = grus_arena_alloc(arena, grus_mul_sat(sizes->longest, multihead->heads), sizeof *a->of_heads);
    return a->sums && a->of_heads;
}

static bool list_attending(attending *a, const grus_pooling_sizes *sizes, grus_arena *arena)
{
    const grus_pooling *pooling = a->pooling;
    const grus_attention *attention = &pooling->attention;
    const grus_weights *query = grus_attention_query_weights(attention);
    a->n_zeros = grus_max(attention->size, pooling->size);
    a->zeros = grus_arena_alloc(arena, a->n_zeros, sizeof *a->zeros);
    a->values = (grus_mapping){.kernel = pooling->kernel,
                               .n = sizes->positions,
                               .parts = 1,
                               .columns = {pooling->size},
                               .bounded = {pooling->bounded}};
    a->queries = (grus_mapping){.kernel = pooling->kernel,
                                .parts = 1,
                                .columns = {grus_weights_in(query)},
                                .bounded = {pooling->bounded && !pooling->learned_query},
                                .place = place_queries,
                                .user = a,
                                .n_maps = query ? 1 : 0,
                                .map = {{.weights = query, .finish = finish_queries, .user = a}}};
    if (!a->zeros || !grus_attention_keys_list(attention, sizes->positions, false, arena, &a->keys) ||
        !list_outputs(a, sizes, arena))
        return false;
    grus_attention_keys_map(&a->keys, &a->values);
    return true;
}

bool grus_pooling_list(const grus_pooling *pooling, const grus_pooling_sizes *sizes, grus_arena *arena)
{
    attending a = {.pooling = pooling};
    if (pooling->kind != GRUS_POOL_ATTENTION)
        return true;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = list_attending(&a, sizes, arena) && grus_map_rows_list(&a.values, arena) &&
                  grus_map_rows_list(&a.queries, arena) && grus_map_rows_list(&a.outputs, arena);
    grus_arena_release(arena, mark);
    return listed;
}

static grus_status pool_attention(const grus_pooling *pooling, const grus_encoded *encoded, const grus_work *work,
                                  grus_pooled to)
{
    attending a = {.pooling = pooling, .encoded = encoded, .to = to};
    grus_pooling_sizes sizes = {encoded->n, encoded->positions, 0};
    for (size_t i = 0; i < encoded->n; i++)
        sizes.longest = grus_max(sizes.longest, encoded->length[i]);
    grus_arena_mark mark = grus_arena_here(work->arena);
    if (!list_attending(&a, &sizes, work->arena))
        return grus_fail_memory(work->error, 0);
    memset(a.zeros, 0, a.n_zeros * sizeof *a.zeros);
    a.values.dense = encoded->output;
    a.queries.n = encoded->n;
    grus_status status = grus_map_rows(&a.values, work);
    grus_attention_keys_begin(&a.keys, encoded->output);
    if (!status)
        status = grus_map_rows(&a.queries, work);
    for (size_t i = 0; i < encoded->n && !status && a.queries.n_maps == 0; i++)
        attend(&a, i, query_of(&a, i));
    a.outputs.dense = a.sums;
    a.outputs.n = encoded->n;
    if (!status && a.outputs.n_maps)
        status = grus_map_rows(&a.outputs, work);
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
                             grus_pooled pooled)
{
    const grus_vector *vector = pooling->kernel->vector;
    size_t size = pooling->size;
    if (pooling->kind == GRUS_POOL_ATTENTION) {
        grus_status status = pool_attention(pooling, encoded, work, pooled);
        if (status)
            return status;
    }
    for (size_t i = 0; i < encoded->n; i++) {
        const float *rows = encoded->output + encoded->offset[i] * size;
        size_t length = encoded->length[i];
        float *to = pooled.vectors + i * pooling->pooled;
        if (length == 0 && pooling->kind == GRUS_POOL_ATTENTION)
            memset(to, 0, pooling->pooled * sizeof *to);
        else if (length == 0 || pooling->kind == GRUS_POOL_LAST)
            memcpy(to, grus_encoded_final(encoded, encoded->layers - 1, i), size * sizeof *to);
        else if (pooling->kind == GRUS_POOL_MEAN)
            grus_encoded_mean(encoded, i, to);
        else if (pooling->kind == GRUS_POOL_MAX)
            pool_max(vector, rows, length, size, to);
        if (pooling->normalize)
            normalize(vector, to, pooling->pooled);
    }
    return GRUS_OK;
}
