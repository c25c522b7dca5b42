// head.c: classification heads, a chunk of rows at a time.
#include "config.h"

#include "engine/nn/head.h"

#include "base/error.h"

#define CHUNK 384 // rows a product

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
    for (size_t i = 0; i < parts; i++)
        head->inputs[i] = head_config->on_token ? head_config->inputs[i] : GRUS_HEAD_POOLED;
    char prefix[200];
    snprintf(prefix, sizeof prefix, "heads.%s", head_config->name);
    grus_status status =
        grus_read_weights(reading, (grus_wanted){prefix, "weight", labels, columns}, &head->weights, error);
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

typedef struct chunk {
    const float **rows[2];
    grus_panels *panels;
    float *logits;
} chunk;

static bool list_chunk(const grus_head *head, size_t n, grus_arena *arena, chunk *c)
{
    for (size_t i = 0; i < head->n_inputs; i++)
        if (!(c->rows[i] = grus_arena_alloc(arena, n, sizeof *c->rows[i])))
            return false;
    c->panels = grus_panels_new(head->kernel, arena, n, grus_weights_in(head->weights));
    c->logits = grus_arena_alloc(arena, n * grus_weights_width(head->weights), sizeof *c->logits);
    return c->panels && c->logits;
}

static bool list_results(const grus_head *head, size_t positions, size_t records, grus_arena *arena, uint32_t **labels,
                         float **probs)
{
    size_t total = head->on_token ? positions : records;
    *labels = grus_arena_alloc(arena, total, sizeof **labels);
    *probs = grus_arena_alloc(arena, total, sizeof **probs);
    return *labels && *probs;
}

bool grus_head_list(const grus_head *head, size_t positions, size_t records, grus_arena *arena)
{
    uint32_t *labels;
    float *probs;
    chunk c;
    if (!list_results(head, positions, records, arena, &labels, &probs))
        return false;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = list_chunk(head, grus_whole_tiles(head->kernel, CHUNK), arena, &c);
    grus_arena_release(arena, mark);
    return listed;
}

// Row `row` of all rows is sequence's; *sequence only grows.
static void set_rows(const grus_head *head, const grus_encoded *encoded, const float *pooled, size_t row, size_t i,
                     size_t *sequence, chunk *c)
{
    while (head->on_token && row >= encoded->offset[*sequence + 1])
        ++*sequence;
    size_t of = head->on_token ? *sequence : row;
    for (size_t part = 0; part < head->n_inputs; part++)
        c->rows[part][i] =
            head->inputs[part] == GRUS_HEAD_STATE ? encoded->output + row * head->size : pooled + of * head->size;
}

grus_status grus_head_run(const grus_head *head, const grus_encoded *encoded, const float *pooled,
                          const grus_work *work, uint32_t **labels, float **probs)
{
    size_t total = head->on_token ? encoded->positions : encoded->n;
    size_t step = grus_whole_tiles(head->kernel, CHUNK), width = grus_weights_width(head->weights), sequence = 0;
    chunk c;
    if (!list_results(head, encoded->positions, encoded->n, work->arena, labels, probs))
        return grus_fail_memory(work->error, 0);
    grus_arena_mark mark = grus_arena_here(work->arena);
    if (!list_chunk(head, step, work->arena, &c))
        return grus_fail_memory(work->error, 0);
    for (size_t first = 0; first < total; first += step) {
        size_t n = grus_min(step, total - first);
        for (size_t i = 0; i < n; i++)
            set_rows(head, encoded, pooled, first + i, i, &sequence, &c);
        grus_part_rows parts[2] = {{c.rows[0], head->size}, {c.rows[head->n_inputs - 1], head->size}};
        grus_panels_pack(c.panels, parts, head->n_inputs, n);
        grus_product(head->weights, c.panels, 0, c.logits, width);
        for (size_t i = 0; i < n; i++)
            classify(head, c.logits + i * width, *labels + first + i, *probs + first + i);
    }
    grus_arena_release(work->arena, mark);
    return GRUS_OK;
}
