// decoding.c: what decoding a batch takes, listed once, and its start: bridge, keys, folded values.
#include "config.h"

#include "engine/decoding.h"

#include <string.h>

#include "base/error.h"

// The maps that may read the context: into a cell, and into the readout.
static void context_readers(const grus_decoder *decoder, const grus_linear *readers[2])
{
    readers[0] = &grus_decoder_context_cell(decoder)->ih;
    readers[1] = &decoder->readout;
}

// Contexts can be folded where maps alone read them, not an output without a readout's weights.
static bool can_fold(const grus_decoder *decoder)
{
    const grus_linear *readers[2];
    context_readers(decoder, readers);
    for (size_t i = 0; i < decoder->config->n_readout && !decoder->config->readout_size; i++)
        if (decoder->config->readout[i] == GRUS_PART_CONTEXT)
            return false;
    return grus_linear_folded_width(readers) > 0;
}

static size_t context_ld(const grus_decoder *decoder, bool folded)
{
    const grus_linear *readers[2];
    context_readers(decoder, readers);
    if (folded)
        return grus_linear_folded_width(readers);
    if (decoder->heads) // a product is written there
        return grus_weights_width(decoder->attention.multihead.output);
    return decoder->attends ? decoder->values : 0;
}

static size_t widest_product_input(const grus_decoder *decoder)
{
    size_t widest = grus_max(decoder->hidden, grus_weights_in(decoder->readout.rest));
    for (size_t layer = 0; layer < decoder->layers; layer++)
        widest = grus_max(widest, decoder->cells[layer].input);
    return grus_max(widest, grus_max(decoder->context, decoder->attention.size));
}

static size_t readout_ld(const grus_decoder *decoder)
{
    return decoder->config->readout_size ? decoder->readout.width : decoder->readout_size;
}

static size_t longest_row(const grus_decoder *decoder, bool folded)
{
    return grus_max(grus_max(decoder->cells->width, context_ld(decoder, folded)), readout_ld(decoder));
}

static bool list_floats(grus_arena *arena, float **to, size_t rows, size_t columns)
{
    return (*to = grus_arena_alloc(arena, grus_mul_sat(rows, columns), sizeof **to)) != NULL;
}

static bool list_pointers(grus_decoding *d, grus_arena *arena)
{
    const float ***lists[] = {&d->embedding,    &d->h_read,  &d->context_prev, &d->context,   &d->readout,
                              &d->readout_prev, &d->gi_rows, &d->more_rows,    &d->more_lane, &d->queries,
                              &d->h_lane,       &d->gi_lane, &d->h_prev,       &d->chosen};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!(*lists[i] = grus_arena_alloc(arena, d->max_rows, sizeof **lists[i])))
            return false;
    return (d->h_new = grus_arena_alloc(arena, d->max_rows, sizeof *d->h_new)) != NULL;
}

static grus_output_layer output_layer(const grus_decoder *decoder)
{
    const grus_decoder_config *config = decoder->config;
    grus_output_layer layer = {.kernel = decoder->kernel,
                               .weights = decoder->output,
                               .bias = decoder->output_bias,
                               .parts = grus_decoder_readout_parts(decoder)};
    for (size_t i = 0; i < layer.parts.n; i++)
        layer.bounded[i] = decoder->bounded[config->readout_size ? GRUS_PART_READOUT : config->readout[i]];
    return layer;
}

static bool list_attending(grus_decoding *d, grus_arena *arena)
{
    const grus_decoder *decoder = d->decoder;
    d->scratch_ld = grus_mul_sat(d->longest, grus_attention_heads(&decoder->attention));
    return !decoder->attends ||
           (grus_query_scratch_list(&decoder->attention, d->max_rows, arena, &d->query_scratch) &&
            list_floats(arena, &d->weights, GRUS_MAX_SUMS, d->scratch_ld) &&
            (!decoder->heads || list_floats(arena, &d->sums, d->max_rows, decoder->attention.size)));
}

// Lists what rows take in a step.
static bool list_rows(grus_decoding *d, grus_arena *arena)
{
    const grus_decoder *decoder = d->decoder;
    const grus_kernel *kernel = decoder->kernel;
    size_t rows = d->max_rows;
    if (!grus_states_list_rows(&d->states, arena))
        return false;
    for (size_t side = 0; side < 2; side++)
        if (!list_floats(arena, &d->sides[side].context, rows, d->context_ld) ||
            !list_floats(arena, &d->sides[side].readout, rows, d->readout_ld))
            return false;
    d->output = output_layer(decoder);
    d->panels = grus_panels_new(kernel, arena, rows, widest_product_input(decoder));
    d->token = grus_arena_alloc(arena, rows, sizeof *d->token);
    d->every = grus_arena_alloc(arena, rows, sizeof *d->every);
    return d->panels && d->token && d->every && list_floats(arena, &d->zeros, 1, longest_row(decoder, d->folded)) &&
           list_floats(arena, &d->gi, rows, decoder->cells->width) &&
           grus_cell_scratch_list(decoder->cells, rows, arena, &d->cell_scratch) &&
           grus_output_layer_list(&d->output, rows, arena) && list_attending(d, arena) && list_pointers(d, arena) &&
           grus_parents_list(&d->parents, rows, arena);
}

static void begin_rows(grus_decoding *d)
{
    for (size_t i = 0; i < d->max_rows; i++)
        d->every[i] = (uint32_t)i;
    memset(d->zeros, 0, longest_row(d->decoder, d->folded) * sizeof *d->zeros);
    grus_parents_begin(&d->parents, d->decoder->kernel->tile);
}

// What encoder outputs are read as: keys, and, folded, their products with the maps that read the context.
static bool list_values(grus_decoding *d, size_t positions, bool fold, grus_arena *arena, grus_mapping *mapping)
{
    const grus_decoder *decoder = d->decoder;
    const grus_linear *readers[2];
    *mapping = (grus_mapping){.kernel = decoder->kernel,
                              .n = positions,
                              .parts = 1,
                              .columns = {decoder->values},
                              .bounded = {decoder->values_bounded},
                              .counts = true};
    if (!decoder->attends)
        return true;
    if (!grus_attention_keys_list(&decoder->attention, positions, fold, arena, &d->keys))
        return false;
    grus_attention_keys_map(&d->keys, mapping);
    if (!d->folded)
        return true;
    context_readers(decoder, readers);
    size_t wanted[2] = {grus_cell_wanted(decoder->cells), decoder->readout_size};
    d->context_columns = (readers[0]->context ? wanted[0] : 0) + (readers[1]->context ? wanted[1] : 0);
    d->folded_values = grus_linear_folded_list(readers, positions, arena);
    if (!d->folded_values)
        return false;
    grus_linear_folded_map(readers, wanted, d->folded_values, mapping);
    return true;
}

// All of it in one pass over the outputs, whose place the folded take in sums.
static grus_status make_values(grus_decoding *d, bool fold, const grus_work *work)
{
    grus_mapping mapping;
    if (!list_values(d, d->encoded->positions, fold, work->arena, &mapping))
        return grus_fail_memory(work->error, 0);
    if (!d->decoder->attends)
        return GRUS_OK;
    mapping.dense = d->encoded->output;
    grus_attention_keys_begin(&d->keys, d->encoded->output);
    if (d->folded) {
        d->keys.values = d->folded_values;
        d->keys.value_columns = d->context_ld;
    }
    return grus_map_rows(&mapping, work);
}

static grus_decoding shaped(const grus_decoder *decoder, grus_decoding_shape shape)
{
    bool folded = shape.fold && can_fold(decoder);
    size_t max_rows = grus_whole_tiles(decoder->kernel, shape.max_rows);
    return (grus_decoding){.decoder = decoder,
                           .states = {.layers = decoder->layers,
                                      .hidden = decoder->hidden,
                                      .max_rows = max_rows,
                                      .has_c = decoder->cells->type->has_c},
                           .folded = folded,
                           .context_ld = context_ld(decoder, folded),
                           .context_columns = decoder->heads ? decoder->attention.size : decoder->values,
                           .max_rows = max_rows,
                           .readout_ld = readout_ld(decoder)};
}

bool grus_decoding_list(const grus_decoder *decoder, grus_decoding_shape shape, const grus_sizes *sizes,
                        grus_arena *arena)
{
    grus_decoding d = shaped(decoder, shape);
    grus_mapping mapping;
    d.longest = sizes->longest;
    return grus_arena_alloc(arena, 1, sizeof d) && grus_states_list_first(&d.states, sizes->records, arena) &&
           grus_bridge_list(&decoder->bridge, arena) &&
           list_values(&d, sizes->positions, shape.fold, arena, &mapping) &&
           (!decoder->attends || grus_map_rows_list(&mapping, arena)) && list_rows(&d, arena);
}

grus_status grus_decoding_start(const grus_decoder *decoder, const grus_encoded *encoded, grus_decoding_shape shape,
                                const grus_work *work, grus_decoding **decoding)
{
    grus_decoding *d = grus_arena_alloc(work->arena, 1, sizeof *d);
    if (!d)
        return grus_fail_memory(work->error, sizeof *d);
    *d = shaped(decoder, shape);
    d->encoded = encoded;
    d->stats = work->stats;
    for (size_t i = 0; i < encoded->n; i++)
        d->longest = grus_max(d->longest, encoded->length[i]);
    if (!grus_states_list_first(&d->states, encoded->n, work->arena))
        return grus_fail_memory(work->error, 0);
    grus_status status = grus_bridge_run(&decoder->bridge, encoded, work, d->states.first.h, d->states.first.c);
    if (!status)
        status = make_values(d, shape.fold, work);
    if (!status && !list_rows(d, work->arena))
        status = grus_fail_memory(work->error, 0);
    if (status)
        return status;
    begin_rows(d);
    *decoding = d;
    return GRUS_OK;
}
