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

static bool is_wanted(uint32_t heads, size_t i)
{
    return heads >> i & 1;
}

// What stays of a batch.
typedef struct kept {
    float *pooled;                // (records, P), where the model pools
    float *weights;               // (positions), or with attention_heads (heads, positions), likewise
    grus_prediction *predictions; // (records, heads), where they are asked for
} kept;

// Rows of weights that a record is told.
static size_t weight_rows(const grus_classifier *classifier, const grus_infer_options *options)
{
    return options->attention_heads ? grus_attention_heads(&classifier->pooling.attention) : 1;
}

static bool list_kept(const grus_classifier *classifier, const grus_infer_options *options, const grus_sizes *sizes,
                      grus_arena *arena, kept *k)
{
    size_t cells = grus_mul_sat(sizes->positions, weight_rows(classifier, options));
    bool pools = classifier->pooling.kind != GRUS_POOL_NONE;
    *k = (struct kept){NULL, NULL, NULL};
    if (pools && (!(k->pooled = grus_arena_alloc(arena, grus_mul_sat(sizes->records, classifier->pooling.pooled),
                                                 sizeof *k->pooled)) ||
                  !(k->weights = grus_arena_alloc(arena, cells, sizeof *k->weights))))
        return false;
    return !options->heads ||
           (k->predictions = grus_arena_alloc(arena, grus_mul_sat(sizes->records, classifier->n_heads),
                                              sizeof *k->predictions)) != NULL;
}

bool grus_classifier_list(const grus_classifier *classifier, const grus_infer_options *options, const grus_sizes *sizes,
                          grus_arena *arena)
{
    kept k;
    const grus_head_sizes of_heads = {sizes->records, sizes->positions, sizes->longest};
    const grus_pooling_sizes of_pooling = {sizes->records, sizes->positions, sizes->longest};
    bool listed =
        list_kept(classifier, options, sizes, arena, &k) && grus_pooling_list(&classifier->pooling, &of_pooling, arena);
    for (size_t i = 0; i < classifier->n_heads && listed; i++)
        if (is_wanted(options->heads, i))
            listed = grus_head_list(classifier->heads + i, options, &of_heads, arena);
    return listed;
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

// A run over a batch.
typedef struct running {
    const grus_classifier *classifier;
    const grus_infer_options *options;
    const grus_encoded *encoded;
    kept kept;
    grus_result *results;
} running;

// The part of a prediction on all rows that is on n rows from first on, each of so many numbers.
static grus_prediction slice(const grus_prediction *all, size_t numbers, size_t first, size_t n)
{
    return (grus_prediction){.n = n,
                             .label = all->label ? all->label + first : NULL,
                             .prob = all->prob ? all->prob + first : NULL,
                             .numbers = all->numbers ? all->numbers + first * numbers : NULL};
}

// Of a record; false where a number of it is not finite.
static bool take_prediction(const grus_head *head, const grus_head_result *result, const grus_encoded *encoded,
                            size_t record, grus_prediction *own)
{
    size_t first = head->on_token ? encoded->offset[record] : record;
    size_t n = head->on_token ? encoded->length[record] : 1;
    *own = slice(&result->all, head->n_labels, first, n);
    if (result->records) {
        own->n = result->records[record].n;
        own->score = result->records[record].score;
        return result->records[record].finite;
    }
    return own->numbers ? all_finite(own->numbers, n * head->n_labels) : all_finite(own->prob, n);
}

static grus_status run_head(const running *r, size_t i, const grus_work *work)
{
    const grus_head *head = r->classifier->heads + i;
    grus_head_result result;
    grus_status status = grus_head_run(head, r->options, r->encoded, r->kept.pooled, work, &result);
    for (size_t record = 0; record < r->encoded->n && !status; record++) {
        grus_prediction *own = r->kept.predictions + record * r->classifier->n_heads + i;
        bool finite = take_prediction(head, &result, r->encoded, record, own);
        r->results[record].finite = r->results[record].finite && finite;
    }
    return status;
}

static grus_status run_heads(const running *r, const grus_work *work)
{
    size_t n_heads = r->classifier->n_heads;
    grus_prediction *predictions = r->kept.predictions;
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < r->encoded->n * n_heads; i++)
        predictions[i] = (grus_prediction){0};
    for (size_t i = 0; i < n_heads && !status; i++)
        if (is_wanted(r->options->heads, i))
            status = run_head(r, i, work);
    for (size_t record = 0; record < r->encoded->n; record++)
        r->results[record].predictions = predictions + record * n_heads;
    return status;
}

grus_status grus_classifier_run(const grus_classifier *classifier, const grus_encoded *encoded,
                                const grus_infer_options *options, const grus_work *work, grus_result *results)
{
    const grus_pooling *pooling = &classifier->pooling;
    const grus_sizes sizes = {.records = encoded->n, .positions = encoded->positions};
    running r = {.classifier = classifier, .options = options, .encoded = encoded, .results = results};
    const kept *k = &r.kept;
    if (!list_kept(classifier, options, &sizes, work->arena, &r.kept))
        return grus_fail_memory(work->error, 0);
    if (k->pooled) {
        grus_status status =
            grus_pooling_run(pooling, encoded, work, (grus_pooled){k->pooled, k->weights, options->attention_heads});
        if (status)
            return status;
    }
    bool weighted = options->attention && pooling->kind == GRUS_POOL_ATTENTION;
    for (size_t i = 0; i < encoded->n; i++) {
        float *pooled = k->pooled ? k->pooled + i * pooling->pooled : NULL;
        results[i].finite = !pooled || all_finite(pooled, pooling->pooled);
        results[i].embedding = pooled;
        results[i].attention = weighted ? k->weights + encoded->offset[i] * weight_rows(classifier, options) : NULL;
    }
    return options->heads ? run_heads(&r, work) : GRUS_OK;
}
