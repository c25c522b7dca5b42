// head.c: the heads of encoder models. Without hidden layers all rows go through at once; else a block of them goes from layer
// to layer.
#include "config.h"

#include "engine/nn/head.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/nn/activation.h"

// ---- reading ----

static grus_head_part part_of(const grus_config *config, grus_head_input input)
{
    size_t layer = input >= GRUS_HEAD_LAYER ? input - GRUS_HEAD_LAYER : config->encoder.num_layers - 1;
    grus_head_part part = {.input = input,
                           .kept = grus_config_keeps_layer(config, layer),
                           .at = grus_config_kept_below(config, layer),
                           .columns = grus_config_layer_size(config, layer),
                           .bounded = grus_config_is_bounded(config)};
    if (input == GRUS_HEAD_POOLED) {
        part.columns = grus_config_pooled_size(config);
        part.bounded = part.bounded && !config->pooling.normalize && !config->pooling.attention.heads;
    }
    if (input == GRUS_HEAD_SOURCE) {
        part.columns = grus_config_input_size(config);
        part.bounded = grus_config_input_is_bounded(config);
    }
    return part;
}

static grus_status read_layer(grus_reading *reading, const char *prefix, const grus_parts *of, grus_head_layer *layer,
                              grus_error *error)
{
    grus_wanted wanted = {prefix, "weight", layer->size, grus_parts_columns(of)};
    grus_status status = grus_read_weights(reading, wanted, of, &layer->weights, error);
    if (!status)
        status = grus_read_optional(reading, (grus_wanted){prefix, "bias", layer->size, 0}, &layer->bias, error);
    return status;
}

static void set_parts(const grus_config *config, const grus_head_config *head_config, grus_head *head, grus_parts *of)
{
    head->n_parts = of->n = head->on_token ? head_config->n_inputs : 1;
    for (size_t i = 0; i < head->n_parts; i++) {
        head->parts[i] = part_of(config, head->on_token ? head_config->inputs[i] : GRUS_HEAD_POOLED);
        of->columns[i] = head->parts[i].columns;
    }
}

grus_status grus_head_read(grus_reading *reading, const grus_config *config, const grus_head_config *head_config,
                           grus_head *head, grus_error *error)
{
    *head = (grus_head){.kernel = reading->kernel,
                        .on_token = head_config->on_token,
                        .activation = head_config->activation,
                        .n_hidden = head_config->n_hidden,
                        .n_labels = head_config->n_labels};
    grus_parts of = {0};
    grus_status status = GRUS_OK;
    char prefix[240];
    set_parts(config, head_config, head, &of);
    for (size_t i = 0; i < head->n_hidden && !status; i++) {
        const grus_hidden_config *hidden = head_config->hidden + i;
        head->layers[i] = (grus_head_layer){.size = hidden->size, .activation = hidden->activation};
        snprintf(prefix, sizeof prefix, "heads.%.200s.hidden.%zu", head_config->name, i);
        status = read_layer(reading, prefix, &of, head->layers + i, error);
        of = (grus_parts){1, {hidden->size}};
    }
    head->layers[head->n_hidden].size = head->n_labels;
    snprintf(prefix, sizeof prefix, "heads.%.200s", head_config->name);
    if (!status)
        status = read_layer(reading, prefix, &of, head->layers + head->n_hidden, error);
    return status ? status : grus_labeller_read(reading, prefix, head_config, &head->labeller, error);
}

// ---- a run over a batch ----

typedef struct running {
    const grus_head *head;
    grus_head_output output;
    const grus_encoded *encoded;
    const float *pooled;
    size_t sequence; // of the row placed last
    size_t first;    // row of the block
    size_t layer;    // that the block has come to
    float *block[2]; // (block rows, the widest hidden layer): what layers write in turn; NULL without
    // (rows), or
    uint32_t *labels;
    float *probs;
    float *numbers; // (rows, C), or
    grus_labelling labelling;
} running;

// Whether labels are asked for that the positions of a record decide together.
static bool decides_together(const running *r)
{
    return r->head->labeller.decode != GRUS_HEAD_ARGMAX && r->output == GRUS_HEAD_LABELS;
}

static void place_pooled(running *r, size_t first, size_t n, size_t columns, const float **rows)
{
    for (size_t i = 0; i < n; i++) {
        while (r->head->on_token && first + i >= r->encoded->offset[r->sequence + 1])
            r->sequence++;
        rows[i] = r->pooled + (r->head->on_token ? r->sequence : first + i) * columns;
    }
}

static void place_rows(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS])
{
    running *r = user;
    const grus_encoded *encoded = r->encoded;
    first += r->first;
    for (size_t part = 0; part < r->head->n_parts; part++) {
        const grus_head_part *p = r->head->parts + part;
        const float *values = p->kept ? encoded->kept + p->at * encoded->positions : encoded->output;
        if (p->input == GRUS_HEAD_SOURCE)
            values = encoded->source;
        if (p->input == GRUS_HEAD_POOLED)
            place_pooled(r, first, n, p->columns, rows[part]);
        else if (values)
            for (size_t i = 0; i < n; i++)
                rows[part][i] = values + (first + i) * p->columns;
        else
            for (size_t i = 0; i < n; i++)
                rows[part][i] = encoded->embedding + encoded->ids[first + i] * p->columns;
    }
}

static size_t width_of(const grus_head *head, size_t layer)
{
    return grus_weights_width(head->layers[layer].weights);
}

static void place_hidden(void *user, size_t first, size_t n, const float **const rows[GRUS_MAP_PARTS])
{
    const running *r = user;
    size_t below = r->layer - 1;
    for (size_t i = 0; i < n; i++)
        rows[0][i] = r->block[below % 2] + (first + i) * width_of(r->head, below);
}

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

static void finish_rows(void *user, size_t first, size_t n, float *products)
{
    running *r = user;
    const grus_head *head = r->head;
    const grus_vector *vector = head->kernel->vector;
    for (size_t i = 0; i < n; i++) {
        float *x = products + i * width_of(head, head->n_hidden);
        size_t row = r->first + first + i;
        vector->add(x, head->layers[head->n_hidden].bias, head->n_labels);
        if (decides_together(r)) {
            grus_labelling_row(&r->labelling, x);
            continue;
        }
        if (head->activation == GRUS_HEAD_SOFTMAX && r->output != GRUS_HEAD_LOGITS)
            vector->softmax(x, head->n_labels);
        if (head->activation == GRUS_HEAD_SIGMOID && r->output != GRUS_HEAD_LOGITS)
            vector->sigmoid(x, head->n_labels);
        if (r->numbers)
            memcpy(r->numbers + row * head->n_labels, x, head->n_labels * sizeof *x);
        else
            classify(r, x, row);
    }
}

// The mapping of a layer, of n rows.
static grus_mapping mapping_of(running *r, size_t layer, size_t n)
{
    const grus_head *head = r->head;
    bool last = layer == head->n_hidden;
    grus_mapping mapping = {.kernel = head->kernel,
                            .n = n,
                            .parts = layer ? 1 : head->n_parts,
                            .place = layer ? place_hidden : place_rows,
                            .user = r,
                            .n_maps = 1,
                            .map = {{.weights = head->layers[layer].weights,
                                     .y = last ? NULL : r->block[layer % 2],
                                     .ldy = width_of(head, layer),
                                     .finish = last ? finish_rows : NULL,
                                     .user = r}}};
    for (size_t i = 0; i < head->n_parts && layer == 0; i++) {
        mapping.columns[i] = head->parts[i].columns;
        mapping.bounded[i] = head->parts[i].bounded;
    }
    if (layer) {
        mapping.columns[0] = head->layers[layer - 1].size;
        mapping.bounded[0] = grus_activation_is_bounded(head->layers[layer - 1].activation);
    }
    return mapping;
}

static bool list_results(running *r, const grus_head_sizes *sizes, grus_arena *arena)
{
    const grus_head *head = r->head;
    size_t rows = head->on_token ? sizes->positions : sizes->records;
    if (decides_together(r)) {
        r->labelling.labeller = &head->labeller;
        return grus_labelling_list(&r->labelling, sizes->positions, sizes->records, arena);
    }
    if (head->activation != GRUS_HEAD_SOFTMAX || r->output != GRUS_HEAD_LABELS) {
        r->numbers = grus_arena_alloc(arena, grus_mul_sat(rows, head->n_labels), sizeof *r->numbers);
        return r->numbers != NULL;
    }
    r->labels = grus_arena_alloc(arena, rows, sizeof *r->labels);
    r->probs = grus_arena_alloc(arena, rows, sizeof *r->probs);
    return r->labels && r->probs;
}

// What is given back, but for that of the mappings.
static bool list_scratch(running *r, const grus_infer_options *options, size_t longest, grus_arena *arena)
{
    const grus_head *head = r->head;
    size_t widest = 0;
    if (decides_together(r) && !grus_labelling_list_scratch(&r->labelling, options->search.beam_size, longest, arena))
        return false;
    for (size_t i = 0; i < head->n_hidden; i++)
        widest = grus_max(widest, width_of(head, i));
    for (size_t i = 0; i < grus_min(head->n_hidden, 2); i++)
        if (!(r->block[i] =
                  grus_arena_alloc(arena, grus_mul_sat(grus_chunk_rows(head->kernel), widest), sizeof *r->block[i])))
            return false;
    return true;
}

bool grus_head_list(const grus_head *head, const grus_infer_options *options, const grus_head_sizes *sizes,
                    grus_arena *arena)
{
    running r = {.head = head, .output = options->head_output};
    bool listed = list_results(&r, sizes, arena);
    grus_arena_mark mark = grus_arena_here(arena);
    listed = listed && list_scratch(&r, options, sizes->longest, arena);
    for (size_t layer = 0; layer <= head->n_hidden && listed; layer++) {
        grus_mapping mapping = mapping_of(&r, layer, 0);
        listed = grus_map_rows_list(&mapping, arena);
    }
    grus_arena_release(arena, mark);
    return listed;
}

// The rows of a block through all layers.
static grus_status run_block(running *r, size_t n, const grus_work *work)
{
    const grus_head *head = r->head;
    grus_status status = GRUS_OK;
    for (r->layer = 0; r->layer <= head->n_hidden && !status; r->layer++) {
        const grus_head_layer *layer = head->layers + r->layer;
        grus_mapping mapping = mapping_of(r, r->layer, n);
        status = grus_map_rows(&mapping, work);
        if (!status && r->layer < head->n_hidden)
            grus_activate(&(grus_activating){head->kernel->vector, layer->activation, layer->size, layer->bias},
                          mapping.map[0].y, n, mapping.map[0].ldy);
    }
    return status;
}

static grus_head_result result_of(const running *r, size_t rows)
{
    grus_prediction all = {.n = rows, .label = r->labels, .prob = r->probs, .numbers = r->numbers};
    if (decides_together(r))
        all.label = r->labelling.labels;
    return (grus_head_result){all, r->labelling.records};
}

grus_status grus_head_run(const grus_head *head, const grus_infer_options *options, const grus_encoded *encoded,
                          const float *pooled, const grus_work *work, grus_head_result *result)
{
    running r = {.head = head, .output = options->head_output, .encoded = encoded, .pooled = pooled};
    grus_head_sizes sizes = {.records = encoded->n, .positions = encoded->positions};
    size_t rows = head->on_token ? encoded->positions : encoded->n;
    size_t block = head->n_hidden ? grus_chunk_rows(head->kernel) : rows;
    for (size_t i = 0; i < encoded->n; i++)
        sizes.longest = grus_max(sizes.longest, encoded->length[i]);
    if (!list_results(&r, &sizes, work->arena))
        return grus_fail_memory(work->error, 0);
    grus_arena_mark mark = grus_arena_here(work->arena);
    grus_status status = GRUS_OK;
    if (!list_scratch(&r, options, sizes.longest, work->arena))
        status = grus_fail_memory(work->error, 0);
    else if (decides_together(&r))
        grus_labelling_begin(&r.labelling, encoded);
    for (; r.first < rows && !status; r.first += block)
        status = run_block(&r, grus_min(block, rows - r.first), work);
    grus_arena_release(work->arena, mark);
    *result = result_of(&r, rows);
    return status;
}
