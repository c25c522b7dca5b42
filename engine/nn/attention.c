// attention.c: the table of scores, projections of queries and keys, masked softmax and weighted sum.
#include "config.h"

#include "engine/nn/attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"

// out[t] = score(query, keys[t]) for n keys that lie `columns` floats apart; what a score needs beside these it finds in
// the attention.
typedef void score_fn(const grus_attention *attention, const float *query, const float *keys, size_t n, size_t columns,
                      float *out);

struct grus_score {
    const char *name;
    bool equal_sizes;   // Dq must be Dk
    bool project_query; // by the general weight, before scoring
    bool additive;      // queries and keys are projected to size A
    score_fn *score;
};

static void score_dot(const grus_attention *attention, const float *query, const float *keys, size_t n, size_t columns,
                      float *out)
{
    attention->kernel->vector->dots(query, keys, n, columns, out);
}

static void score_scaled_dot(const grus_attention *attention, const float *query, const float *keys, size_t n,
                             size_t columns, float *out)
{
    attention->kernel->vector->dots(query, keys, n, columns, out);
    for (size_t t = 0; t < n; t++)
        out[t] /= sqrtf((float)columns);
}

static float bounded_norm(const grus_attention *attention, const float *x, size_t columns)
{
    return fmaxf(sqrtf(attention->kernel->vector->dot(x, x, columns)), 1e-8f);
}

// torch.nn.functional.cosine_similarity, each norm bounded from below.
static void score_cosine(const grus_attention *attention, const float *query, const float *keys, size_t n,
                         size_t columns, float *out)
{
    float query_norm = bounded_norm(attention, query, columns);
    attention->kernel->vector->dots(query, keys, n, columns, out);
    for (size_t t = 0; t < n; t++)
        out[t] /= query_norm * bounded_norm(attention, keys + t * columns, columns);
}

static void score_euclidean(const grus_attention *attention, const float *query, const float *keys, size_t n,
                            size_t columns, float *out)
{
    for (size_t t = 0; t < n; t++)
        out[t] = -attention->kernel->vector->distance(query, keys + t * columns, columns);
}

// Bahdanau et al. 2015; the biases b_q + b_k are in the projected key.
static void score_additive(const grus_attention *attention, const float *query, const float *keys, size_t n,
                           size_t columns, float *out)
{
    for (size_t t = 0; t < n; t++)
        out[t] = attention->kernel->vector->energy(attention->energy, query, keys + t * columns, columns) +
                 attention->energy_bias;
}

static const struct grus_score scores[] = {
    [GRUS_SCORE_DOT] = {"dot", true, false, false, score_dot},
    [GRUS_SCORE_SCALED_DOT] = {"scaled_dot", true, false, false, score_scaled_dot},
    [GRUS_SCORE_COSINE] = {"cosine", true, false, false, score_cosine},
    [GRUS_SCORE_EUCLIDEAN] = {"euclidean", true, false, false, score_euclidean},
    [GRUS_SCORE_GENERAL] = {"general", false, true, false, score_dot},
    [GRUS_SCORE_ADDITIVE] = {"additive", false, false, true, score_additive},
};

// The weight for queries, and transposed for keys.
static grus_status read_general(grus_attention *attention, grus_reading *reading, size_t query, grus_error *error)
{
    size_t key = attention->key;
    grus_matrix matrix;
    grus_status status =
        grus_read_matrix(reading, (grus_wanted){"attention", "general.weight", key, query}, &matrix, error);
    if (status)
        return status;
    float *transposed = grus_alloc(key * query, sizeof *transposed);
    if (!transposed)
        status = grus_fail_memory(error, key * query * sizeof *transposed);
    for (size_t i = 0; i < key && !status; i++)
        for (size_t j = 0; j < query; j++)
            transposed[j * key + i] = matrix.data[i * query + j];
    if (!status)
        status = grus_weights_pack(reading->kernel, reading->arena, matrix, &attention->weight_query, error);
    if (!status)
        status = grus_weights_pack(reading->kernel, reading->arena, grus_dense(transposed, query, key),
                                   &attention->weight_key, error);
    free(transposed);
    grus_matrix_drop(&matrix);
    return status;
}

static grus_status read_additive(grus_attention *attention, grus_reading *reading, grus_error *error)
{
    const char *prefix = "attention";
    size_t size = attention->size, query = attention->query;
    float *bias_query, *bias_value;
    grus_status status = grus_read_weights(reading, (grus_wanted){prefix, "key.weight", size, attention->key}, NULL,
                                           &attention->weight_key, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){prefix, "key.bias", size, 0}, &attention->bias, error);
    if (!status)
        status = grus_read_tensor(reading, (grus_wanted){prefix, "energy.weight", 1, size}, &attention->energy, error);
    if (status || !query)
        return status;
    status = grus_read_weights(reading, (grus_wanted){prefix, "query.weight", size, query}, NULL,
                               &attention->weight_query, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){prefix, "query.bias", size, 0}, &bias_query, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){prefix, "energy.bias", 1, 0}, &bias_value, error);
    if (status)
        return status;
    for (size_t i = 0; i < size; i++)
        attention->bias[i] += bias_query[i];
    attention->energy_bias = bias_value[0];
    return GRUS_OK;
}

grus_status grus_attention_read(grus_reading *reading, const grus_attention_config *config, size_t query, size_t key,
                                grus_attention *attention, grus_error *error)
{
    const struct grus_score *score = &scores[config->score];
    *attention = (grus_attention){.kernel = reading->kernel,
                                  .score = score,
                                  .query = query,
                                  .key = key,
                                  .size = config->size,
                                  .context_size = config->heads ? config->context_dim : key,
                                  .temperature = (float)config->temperature};
    if (query && score->equal_sizes && query != key && !config->heads)
        return grus_fail(error, GRUS_E_MODEL, reading->tensors->file, "attention.score",
                         "'%s' needs a query as long as the encoder outputs, found %zu and %zu", score->name, query,
                         key);
    if (score->additive)
        return read_additive(attention, reading, error);
    grus_status status = GRUS_OK;
    if (config->heads)
        status = grus_multihead_read(reading, config, query ? query : key, key, &attention->multihead, error);
    else if (score->project_query)
        status = read_general(attention, reading, query ? query : key, error);
    if (!status && query == 0)
        status = grus_read_tensor(reading, (grus_wanted){"attention", "context", key, 0}, &attention->context, error);
    return status;
}

static bool projects_keys(const grus_attention *attention, bool fold)
{
    return attention->score->additive || (fold && attention->score->project_query);
}

bool grus_attention_keys_list(const grus_attention *attention, size_t positions, bool fold, grus_arena *arena,
                              grus_keys *keys)
{
    *keys = (grus_keys){.attention = attention, .value_columns = attention->key, .columns = attention->key};
    if (attention->multihead.heads) {
        keys->value_columns = keys->columns = attention->size;
        return grus_multihead_keys_list(&attention->multihead, positions, arena, &keys->multihead);
    }
    if (!projects_keys(attention, fold))
        return true;
    keys->columns = grus_weights_out(attention->weight_key);
    keys->folded = attention->score->project_query;
    keys->projected = grus_arena_alloc(arena, grus_mul_sat(positions, keys->columns), sizeof *keys->projected);
    return keys->projected != NULL;
}

static void finish_keys(void *user, size_t first, size_t n, float *products)
{
    const grus_keys *keys = user;
    const grus_attention *attention = keys->attention;
    size_t columns = keys->columns, width = grus_weights_width(attention->weight_key);
    for (size_t i = 0; i < n; i++) {
        float *row = keys->projected + (first + i) * columns;
        memcpy(row, products + i * width, columns * sizeof *row);
        if (attention->score->additive)
            attention->kernel->vector->add(row, attention->bias, columns);
    }
}

void grus_attention_keys_map(grus_keys *keys, grus_mapping *mapping)
{
    if (keys->attention->multihead.heads)
        grus_multihead_keys_map(&keys->multihead, mapping);
    else if (keys->projected)
        mapping->map[mapping->n_maps++] = (grus_map){
            .weights = keys->attention->weight_key, .finish = finish_keys, .user = keys, .wanted = keys->columns};
}

void grus_attention_keys_begin(grus_keys *keys, const float *values)
{
    keys->values = values;
    keys->rows = keys->projected ? keys->projected : values;
}

bool grus_query_scratch_list(const grus_attention *attention, size_t n, grus_arena *arena, grus_query_scratch *scratch)
{
    const grus_weights *weights = grus_attention_query_weights(attention);
    *scratch = (grus_query_scratch){NULL, NULL};
    if (!weights)
        return true;
    scratch->panels = grus_panels_new(attention->kernel, arena, n, grus_weights_in(weights));
    scratch->product = grus_arena_alloc(arena, grus_whole_tiles(attention->kernel, n) * grus_weights_width(weights),
                                        sizeof *scratch->product);
    return scratch->panels && scratch->product;
}

const grus_weights *grus_attention_query_weights(const grus_attention *attention)
{
    return attention->multihead.heads ? attention->multihead.query : attention->weight_query;
}

// On their way to these keys.
static const grus_weights *query_weights(const grus_keys *keys)
{
    return keys->folded ? NULL : grus_attention_query_weights(keys->attention);
}

uint64_t grus_attention_query_flops(const grus_keys *keys)
{
    const grus_weights *weights = query_weights(keys);
    return grus_product_flops(1, weights, grus_weights_out(weights));
}

void grus_attention_project(const grus_keys *keys, const float *const *queries, size_t n,
                            const grus_query_scratch *scratch, const float **projected)
{
    const grus_multihead *multihead = &keys->attention->multihead;
    const grus_weights *weights = query_weights(keys);
    size_t width = grus_weights_width(weights);
    if (weights) {
        grus_panels_pack(scratch->panels,
                         &(grus_part_rows){queries, grus_weights_in(weights), keys->attention->query_bounded}, 1, n);
        grus_product(weights, scratch->panels, 0, scratch->product, width);
    }
    for (size_t i = 0; i < n && multihead->heads; i++)
        multihead->kernel->vector->add(scratch->product + i * width, multihead->query_bias, multihead->size);
    for (size_t i = 0; i < n; i++)
        projected[i] = weights ? scratch->product + i * width : queries[i];
}

void grus_attend(const grus_keys *keys, const grus_attending *of)
{
    const grus_attention *attention = keys->attention;
    const grus_vector *vector = attention->kernel->vector;
    size_t first = of->first, length = of->length;
    GRUS_ASSERT(of->n <= GRUS_MAX_SUMS);
    if (attention->multihead.heads) {
        grus_multihead_attend(&keys->multihead, &(grus_multihead_attending){first, length, of->n, of->queries,
                                                                            of->weights, of->contexts});
        return;
    }
    for (size_t i = 0; i < of->n && length > 0; i++) {
        float *weights = of->weights[i];
        attention->score->score(attention, of->queries[i], keys->rows + first * keys->columns, length, keys->columns,
                                weights);
        for (size_t t = 0; t < length; t++)
            weights[t] /= attention->temperature;
        vector->softmax(weights, length);
    }
    vector->weighted_sums(of->n, (const float *const *)of->weights, keys->values + first * keys->value_columns, length,
                          keys->value_columns, of->contexts);
}
