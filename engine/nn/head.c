// head.c: the heads of encoder models.
#include "config.h"

#include "engine/nn/head.h"

#include <string.h>

#include "base/error.h"

// What the engine has no heads for.
static grus_status refuse_unsupported(const grus_reading *reading, const grus_head_config *config, grus_error *error)
{
    const char *what = config->n_hidden ? "hidden" : config->decode != GRUS_HEAD_ARGMAX ? "decode" : NULL;
    for (size_t i = 0; i < config->n_inputs && !what; i++)
        what = config->inputs[i] > GRUS_HEAD_POOLED ? "inputs" : NULL;
    if (!what)
        return GRUS_OK;
    return grus_fail(error, GRUS_E_MODEL, reading->tensors->file, config->name, "this use of \"%s\" is not supported",
                     what);
}

grus_status grus_head_read(grus_reading *reading, const grus_config *config, const grus_head_config *head_config,
                           grus_head *head, grus_error *error)
{
    grus_status unknown = refuse_unsupported(reading, head_config, error);
    if (unknown)
        return unknown;
    size_t size = grus_config_output_size(config), parts = head_config->on_token ? head_config->n_inputs : 1;
    size_t labels = head_config->n_labels, columns = parts * size;
    *head = (grus_head){.kernel = reading->kernel,
                        .on_token = head_config->on_token,
                        .activation = head_config->activation,
                        .n_inputs = parts,
                        .size = size,
                        .n_labels = labels};
    char prefix[200];
    snprintf(prefix, sizeof prefix, "heads.%s", head_config->name);
    grus_parts of = {.n = parts};
    for (size_t i = 0; i < parts; i++) {
        head->inputs[i] = head_config->on_token ? head_config->inputs[i] : GRUS_HEAD_POOLED;
        head->bounded[i] =
            grus_config_is_bounded(config) && (head->inputs[i] == GRUS_HEAD_STATE || !config->pooling.normalize);
        of.columns[i] = size;
    }
    grus_status status =
        grus_read_weights(reading, (grus_wanted){prefix, "weight", labels, columns}, &of, &head->weights, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){prefix, "bias", labels, 0}, &head->bias, error);
    return status;
}

// A run over a batch.
typedef struct running {
    const grus_head *head;
    grus_head_output output;
    const grus_encoded *encoded;
    const float *pooled;
    size_t sequence; // of the row placed last
    // (rows), or
    uint32_t *labels;
    float *probs;
    float *numbers; // (rows, C)
} running;

// A lower index wins among equals; NaN anywhere gives a NaN probability.
static void classify(const running *r, const float *probs, size_t row)
{
    size_t best = 0;
    for (size_t i = 1; i < r->head->n_labels; i++)
        if (probs[i] > probs[best])
            best = i;
    r->labels[row] = (uint32_t)best;
    r->probs[row] = probs[best];
}

static void place_rows(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS])
{
    running *r = user;
    const grus_head *head = r->head;
    for (size_t i = 0; i < n; i++) {
        size_t row = first + i;
        while (head->on_token && row >= r->encoded->offset[r->sequence + 1])
            r->sequence++;
        size_t of = head->on_token ? r->sequence : row;
        for (size_t part = 0; part < head->n_inputs; part++)
            rows[part][i] = head->inputs[part] == GRUS_HEAD_STATE ? r->encoded->output + row * head->size
                                                                  : r->pooled + of * head->size;
    }
}

static void finish_rows(void *user, size_t first, size_t n, float *products)
{
    const running *r = user;
    const grus_head *head = r->head;
    const grus_vector *vector = head->kernel->vector;
    for (size_t i = 0; i < n; i++) {
        float *x = products + i * grus_weights_width(head->weights);
        vector->add(x, head->bias, head->n_labels);
        if (head->activation == GRUS_HEAD_SOFTMAX && r->output != GRUS_HEAD_LOGITS)
            vector->softmax(x, head->n_labels);
        if (head->activation == GRUS_HEAD_SIGMOID && r->output != GRUS_HEAD_LOGITS)
            vector->sigmoid(x, head->n_labels);
        if (r->numbers)
            memcpy(r->numbers + (first + i) * head->n_labels, x, head->n_labels * sizeof *x);
        else
            classify(r, x, first + i);
    }
}

// What is to be mapped; lists the results of so many rows in arena.
static bool list_run(running *r, size_t rows, grus_arena *arena, grus_mapping *mapping)
{
    const grus_head *head = r->head;
    bool decides = head->activation == GRUS_HEAD_SOFTMAX && r->output == GRUS_HEAD_LABELS;
    if (decides) {
        r->labels = grus_arena_alloc(arena, rows, sizeof *r->labels);
        r->probs = grus_arena_alloc(arena, rows, sizeof *r->probs);
    } else {
        r->numbers = grus_arena_alloc(arena, grus_mul_sat(rows, head->n_labels), sizeof *r->numbers);
    }
    *mapping = (grus_mapping){.kernel = head->kernel,
                              .n = rows,
                              .parts = head->n_inputs,
                              .columns = head->size,
                              .bounded = {head->bounded[0], head->bounded[1]},
                              .place = place_rows,
                              .user = r,
                              .n_maps = 1,
                              .map = {{.weights = head->weights, .finish = finish_rows, .user = r}}};
    return decides ? r->labels && r->probs : r->numbers != NULL;
}

bool grus_head_list(const grus_head *head, grus_head_output output, size_t positions, size_t records, grus_arena *arena)
{
    running r = {.head = head, .output = output};
    grus_mapping mapping;
    return list_run(&r, head->on_token ? positions : records, arena, &mapping) && grus_map_rows_list(&mapping, arena);
}

grus_status grus_head_run(const grus_head *head, grus_head_output output, const grus_encoded *encoded,
                          const float *pooled, const grus_work *work, grus_prediction *all)
{
    running r = {.head = head, .output = output, .encoded = encoded, .pooled = pooled};
    grus_mapping mapping;
    if (!list_run(&r, head->on_token ? encoded->positions : encoded->n, work->arena, &mapping))
        return grus_fail_memory(work->error, 0);
    *all = (grus_prediction){mapping.n, r.labels, r.probs, r.numbers};
    return grus_map_rows(&mapping, work);
}
