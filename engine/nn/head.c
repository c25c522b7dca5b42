// head.c: classification heads.
#include "config.h"

#include "engine/nn/head.h"

#include "base/error.h"

grus_status grus_head_read(grus_reading *reading, const grus_config *config, const grus_head_config *head_config,
                           grus_head *head, grus_error *error)
{
    size_t size = grus_config_output_size(config), parts = head_config->on_token ? head_config->n_inputs : 1;
    size_t labels = head_config->n_labels, columns = parts * size;
    *head = (grus_head){.kernel = reading->kernel,
                        .on_token = head_config->on_token,
                        .n_inputs = parts,
                        .size = size,
                        .n_labels = labels};
    grus_parts of = {.n = parts};
    for (size_t i = 0; i < parts; i++) {
        head->inputs[i] = head_config->on_token ? head_config->inputs[i] : GRUS_HEAD_POOLED;
        head->bounded[i] =
            grus_config_is_bounded(config) && (head->inputs[i] == GRUS_HEAD_STATE || !config->pooling.normalize);
        of.columns[i] = size;
    }
    char prefix[200];
    snprintf(prefix, sizeof prefix, "heads.%s", head_config->name);
    grus_status status =
        grus_read_weights(reading, (grus_wanted){prefix, "weight", labels, columns}, &of, &head->weights, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){prefix, "bias", labels, 0}, &head->bias, error);
    return status;
}

// A lower index wins among equals; NaN anywhere gives a NaN probability.
static void classify(const grus_head *head, float *logits, uint32_t *label, float *prob)
{
    const grus_vector *vector = head->kernel->vector;
    vector->add(logits, head->bias, head->n_labels);
    vector->softmax(logits, head->n_labels);
    size_t best = 0;
    for (size_t i = 1; i < head->n_labels; i++)
        if (logits[i] > logits[best])
            best = i;
    *label = (uint32_t)best;
    *prob = logits[best];
}

// A run over a batch.
typedef struct running {
    const grus_head *head;
    const grus_encoded *encoded;
    const float *pooled;
    size_t sequence;  // of the row placed last
    uint32_t *labels; // (rows)
    float *probs;     // (rows)
} running;

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

static void classify_rows(void *user, size_t first, size_t n, float *logits)
{
    const running *r = user;
    for (size_t i = 0; i < n; i++)
        classify(r->head, logits + i * grus_weights_width(r->head->weights), r->labels + first + i,
                 r->probs + first + i);
}

// What is to be mapped; lists the results of so many rows in arena.
static bool list_run(running *r, size_t rows, grus_arena *arena, grus_mapping *mapping)
{
    const grus_head *head = r->head;
    r->labels = grus_arena_alloc(arena, rows, sizeof *r->labels);
    r->probs = grus_arena_alloc(arena, rows, sizeof *r->probs);
    *mapping = (grus_mapping){.kernel = head->kernel,
                              .n = rows,
                              .parts = head->n_inputs,
                              .columns = head->size,
                              .bounded = {head->bounded[0], head->bounded[1]},
                              .place = place_rows,
                              .user = r,
                              .n_maps = 1,
                              .map = {{.weights = head->weights, .finish = classify_rows, .user = r}}};
    return r->labels && r->probs;
}

bool grus_head_list(const grus_head *head, size_t positions, size_t records, grus_arena *arena)
{
    running r = {.head = head};
    grus_mapping mapping;
    return list_run(&r, head->on_token ? positions : records, arena, &mapping) && grus_map_rows_list(&mapping, arena);
}

grus_status grus_head_run(const grus_head *head, const grus_encoded *encoded, const float *pooled,
                          const grus_work *work, uint32_t **labels, float **probs)
{
    running r = {.head = head, .encoded = encoded, .pooled = pooled};
    grus_mapping mapping;
    if (!list_run(&r, head->on_token ? encoded->positions : encoded->n, work->arena, &mapping))
        return grus_fail_memory(work->error, 0);
    *labels = r.labels;
    *probs = r.probs;
    return grus_map_rows(&mapping, work);
}
