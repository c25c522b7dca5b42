// classifier.c: pooling first, then every head.
#include "config.h"

#include "engine/classifier.h"

#include <math.h>

#include "base/error.h"

grus_status grus_classifier_read(grus_reading *reading, const grus_config *config, grus_classifier *classifier,
                                 grus_error *error)
{
    *classifier = (grus_classifier){.kernel = reading->kernel, .n_heads = config->n_heads};
    grus_status status = grus_pooling_read(reading, config, &classifier->pooling, error);
    for (size_t i = 0; i < config->n_heads && !status; i++)
        status = grus_head_read(reading, config, config->heads + i, classifier->heads + i, error);
    return status;
}

// What stays of a batch.
typedef struct kept {
    float *pooled;                // (records, D), where the model pools
    float *weights;               // (positions) likewise
    grus_prediction *predictions; // (records, heads), where they are asked for
} kept;

static bool list_kept(const grus_classifier *classifier, bool heads, const grus_sizes *sizes, grus_arena *arena,
                      kept *k)
{
    bool pools = classifier->pooling.kind != GRUS_POOL_NONE;
    *k = (struct kept){NULL, NULL, NULL};
    if (pools && (!(k->pooled = grus_arena_alloc(arena, grus_mul_sat(sizes->records, classifier->pooling.size),
                                                 sizeof *k->pooled)) ||
                  !(k->weights = grus_arena_alloc(arena, sizes->positions, sizeof *k->weights))))
        return false;
    return !heads || (k->predictions = grus_arena_alloc(arena, grus_mul_sat(sizes->records, classifier->n_heads),
                                                        sizeof *k->predictions)) != NULL;
}

bool grus_classifier_list(const grus_classifier *classifier, const grus_infer_options *options, const grus_sizes *sizes,
                          grus_arena *arena)
{
    kept k;
    bool listed = list_kept(classifier, options->heads, sizes, arena, &k) &&
                  grus_pooling_list(&classifier->pooling, sizes->positions, arena);
    for (size_t i = 0; i < classifier->n_heads && listed && options->heads; i++)
        listed = grus_head_list(classifier->heads + i, sizes->positions, sizes->records, arena);
    return listed;
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static grus_status run_heads(const grus_classifier *classifier, const grus_encoded *encoded, const kept *k,
                             const grus_work *work, grus_result *results)
{
    size_t n_heads = classifier->n_heads;
    for (size_t i = 0; i < n_heads; i++) {
        const grus_head *head = classifier->heads + i;
        uint32_t *labels;
        float *probs;
        grus_status status = grus_head_run(head, encoded, k->pooled, work, &labels, &probs);
        if (status)
            return status;
        for (size_t record = 0; record < encoded->n; record++) {
            size_t first = head->on_token ? encoded->offset[record] : record;
            size_t n = head->on_token ? encoded->length[record] : 1;
            k->predictions[record * n_heads + i] = (grus_prediction){n, labels + first, probs + first};
            results[record].finite = results[record].finite && all_finite(probs + first, n);
        }
    }
    for (size_t record = 0; record < encoded->n; record++)
        results[record].predictions = k->predictions + record * n_heads;
    return GRUS_OK;
}

grus_status grus_classifier_run(const grus_classifier *classifier, const grus_encoded *encoded,
                                const grus_infer_options *options, const grus_work *work, grus_result *results)
{
    const grus_pooling *pooling = &classifier->pooling;
    const grus_sizes sizes = {.records = encoded->n, .positions = encoded->positions};
    kept k;
    if (!list_kept(classifier, options->heads, &sizes, work->arena, &k))
        return grus_fail_memory(work->error, 0);
    if (k.pooled) {
        grus_status status = grus_pooling_run(pooling, encoded, work, k.pooled, k.weights);
        if (status)
            return status;
    }
    bool weighted = options->attention && pooling->kind == GRUS_POOL_ATTENTION;
    for (size_t i = 0; i < encoded->n; i++) {
        float *pooled = k.pooled ? k.pooled + i * pooling->size : NULL;
        results[i].finite = !pooled || all_finite(pooled, pooling->size);
        results[i].embedding = pooled;
        results[i].attention = weighted ? k.weights + encoded->offset[i] : NULL;
    }
    return options->heads ? run_heads(classifier, encoded, &k, work, results) : GRUS_OK;
}
