// multihead.c: the four projections, and what a head does between them.
#include "config.h"

#include "engine/nn/multihead.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"

grus_status grus_multihead_read(grus_reading *reading, const grus_attention_config *config, size_t query, size_t values,
                                grus_multihead *multihead, grus_error *error)
{
    static const char prefix[] = "attention";
    size_t size = config->size;
    *multihead = (grus_multihead){.kernel = reading->kernel,
                                  .heads = config->heads,
                                  .size = size,
                                  .context = config->context_dim,
                                  .temperature = (float)config->temperature};
    const struct {
        grus_wanted weight;
        grus_weights **weights;
        const char *bias_suffix;
        float **bias;
    } parts[] = {
        {{prefix, "query.weight", size, query}, &multihead->query, "query.bias", &multihead->query_bias},
        {{prefix, "key.weight", size, values}, &multihead->key, "key.bias", &multihead->key_bias},
        {{prefix, "value.weight", size, values}, &multihead->value, "value.bias", &multihead->value_bias},
        {{prefix, "output.weight", config->context_dim, size},
         &multihead->output,
         "output.bias",
         &multihead->output_bias},
    };
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++) {
        grus_wanted bias = {prefix, parts[i].bias_suffix, parts[i].weight.rows, 0};
        status = grus_read_weights(reading, parts[i].weight, NULL, parts[i].weights, error);
        if (!status)
            status = grus_read_optional(reading, bias, parts[i].bias, error);
    }
    return status;
}

bool grus_multihead_keys_list(const grus_multihead *multihead, size_t positions, grus_arena *arena,
                              grus_multihead_keys *keys)
{
    size_t floats = grus_mul_sat(positions, multihead->size);
    *keys = (grus_multihead_keys){multihead, positions, grus_arena_alloc(arena, floats, sizeof *keys->keys), NULL};
    keys->values = grus_arena_alloc(arena, floats, sizeof *keys->values);
    return keys->keys && keys->values;
}

// Gives each head its part of rows.
static void deal(const grus_multihead_keys *keys, size_t first, size_t n, const float *bias, float *products,
                 size_t width, float *to)
{
    const grus_multihead *multihead = keys->multihead;
    size_t own = multihead->size / multihead->heads;
    for (size_t i = 0; i < n; i++) {
        float *row = products + i * width;
        multihead->kernel->vector->add(row, bias, multihead->size);
        for (size_t head = 0; head < multihead->heads; head++)
            memcpy(to + (head * keys->positions + first + i) * own, row + head * own, own * sizeof *row);
    }
}

static void finish_keys(void *user, size_t first, size_t n, float *products)
{
    const grus_multihead_keys *keys = user;
    const grus_multihead *multihead = keys->multihead;
    deal(keys, first, n, multihead->key_bias, products, grus_weights_width(multihead->key), keys->keys);
}

static void finish_values(void *user, size_t first, size_t n, float *products)
{
    const grus_multihead_keys *keys = user;
    const grus_multihead *multihead = keys->multihead;
    deal(keys, first, n, multihead->value_bias, products, grus_weights_width(multihead->value), keys->values);
}

void grus_multihead_keys_map(grus_multihead_keys *keys, grus_mapping *mapping)
{
    const grus_multihead *multihead = keys->multihead;
    mapping->map[mapping->n_maps++] =
        (grus_map){.weights = multihead->key, .finish = finish_keys, .user = keys, .wanted = multihead->size};
    mapping->map[mapping->n_maps++] =
        (grus_map){.weights = multihead->value, .finish = finish_values, .user = keys, .wanted = multihead->size};
}

void grus_multihead_attend(const grus_multihead_keys *keys, const grus_multihead_attending *of)
{
    const grus_multihead *multihead = keys->multihead;
    const grus_vector *vector = multihead->kernel->vector;
    size_t own = multihead->size / multihead->heads, length = of->length;
    float scale = sqrtf((float)own);
    GRUS_ASSERT(of->n <= GRUS_MAX_SUMS);
    for (size_t head = 0; head < multihead->heads; head++) {
        size_t at = (head * keys->positions + of->first) * own;
        const float *rows[GRUS_MAX_SUMS];
        float *sums[GRUS_MAX_SUMS];
        for (size_t i = 0; i < of->n; i++) {
            float *weights = of->weights[i] + head * length;
            rows[i] = weights;
            sums[i] = of->sums[i] + head * own;
            if (length == 0)
                continue;
            vector->dots(of->queries[i] + head * own, keys->keys + at, length, own, weights);
            for (size_t t = 0; t < length; t++)
                weights[t] = weights[t] / scale / multihead->temperature;
            vector->softmax(weights, length);
        }
        vector->weighted_sums(of->n, rows, keys->values + at, length, own, sums);
    }
}

void grus_multihead_finish(const grus_multihead *multihead, size_t length, float *context)
{
    if (length)
        multihead->kernel->vector->add(context, multihead->output_bias, multihead->context);
    else
        memset(context, 0, multihead->context * sizeof *context);
}

void grus_multihead_mean(const grus_multihead *multihead, size_t length, const float *weights, float *row)
{
    size_t heads = multihead->heads;
    for (size_t t = 0; t < length; t++) {
        float sum = 0;
        for (size_t head = 0; head < heads; head++)
            sum += weights[head * length + t];
        row[t] = sum / (float)heads;
    }
}
