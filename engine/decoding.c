// decoding.c: one step of the attention decoder for all live rows.
//
// Legend: n rows, E embedding, H hidden units, D encoder outputs, R readout, V vocabulary. Rows are dense: the search
// drops, doubles and admits them at will, since a row finds its past by its parent's number; states (states.h), contexts
// and readouts alternate between two sides, one read and one written. What depends on the state before the step alone (the
// recurrent products, the attention of query previous_state) is computed once for all rows of one parent: a lane.
#include "config.h"

#include "engine/decoding.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"

struct grus_decoding {
    const grus_decoder *decoder;
    const grus_encoded *encoded;
    grus_infer_stats *stats;
    grus_keys keys;
    grus_states states;
    float *folded_values;   // (positions, context_ld), where
    bool folded;            // a context is the products of the maps that read it, not D outputs
    size_t context_ld;      // floats of a context
    size_t context_columns; // of them that are wanted, without what fills up panels
    size_t side;            // the one written last
    struct side {
        float *context; // (max_rows, context_ld)
        float *readout; // (max_rows, readout_ld)
    } sides[2];
    size_t max_rows, readout_ld;
    float *zeros;        // a row that is only read
    grus_panels *panels; // scratch of products
    float *gi;           // (max_rows, the first layer's width)
    grus_cell_scratch cell_scratch;
    bool two_inputs, tabled_input; // of the layer: its input is the sum of gi_rows and more_rows; gi_rows are a table's
    grus_query_scratch query_scratch;
    grus_output_layer output;
    size_t longest; // source
    float *weights; // (GRUS_MAX_SUMS, longest)
    // Row pointers of the step, (max_rows) each; those of lanes and of rows in lane order are marked.
    const float **embedding, **h_read, **context_prev, **context, **readout_prev, **readout, **gi_rows, **more_rows,
        **queries;
    const float **h_lane; // of lanes: their states
    const float **chosen; // what one map takes of the rows' contexts; the readouts that are scored
    const float **gi_lane, **more_lane, **h_prev; // in lane order
    float **h_new;                                // in lane order
    grus_parents parents;
    uint32_t *token; // (max_rows)
    uint32_t *every; // (max_rows) 0, 1, 2, ...
    size_t n_rows;   // of the step last made
};

// The maps that may read the context: into the GRU, and into the readout.
static void context_readers(const grus_decoder *decoder, const grus_linear *readers[2])
{
    readers[0] = &decoder->cells->ih;
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
    return folded ? grus_linear_folded_width(readers) : decoder->values;
}

static size_t widest_product_input(const grus_decoder *decoder)
{
    size_t widest = grus_max(decoder->hidden, grus_weights_in(decoder->readout.rest));
    for (size_t layer = 0; layer < decoder->layers; layer++)
        widest = grus_max(widest, decoder->cells[layer].input);
    return grus_max(widest, decoder->values);
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
           grus_query_scratch_list(&decoder->attention, rows, arena, &d->query_scratch) &&
           grus_output_layer_list(&d->output, rows, arena) &&
           list_floats(arena, &d->weights, GRUS_MAX_SUMS, d->longest) && list_pointers(d, arena) &&
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
                              .bounded = {decoder->bounded[GRUS_PART_CONTEXT]},
                              .counts = true};
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
                           .context_columns = decoder->values,
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
           list_values(&d, sizes->positions, shape.fold, arena, &mapping) && grus_map_rows_list(&mapping, arena) &&
           list_rows(&d, arena);
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

// Where each row reads and writes in this step; d->side is already the one to write. With query previous_state there is
// one context a lane.
static void set_rows(grus_decoding *d, const grus_row *rows, size_t n)
{
    const grus_decoder *decoder = d->decoder;
    const struct side *old = &d->sides[1 - d->side], *new = &d->sides[d->side];
    for (size_t i = 0; i < n; i++) {
        GRUS_ASSERT(rows[i].token < decoder->vocab && rows[i].sequence < d->encoded->n);
        bool first = rows[i].parent == GRUS_NO_ROW;
        d->embedding[i] = decoder->embedding + rows[i].token * decoder->embedding_size;
        d->context_prev[i] = first ? d->zeros : old->context + rows[i].parent * d->context_ld;
        d->readout_prev[i] = first ? d->zeros : old->readout + rows[i].parent * d->readout_ld;
        size_t context = decoder->config->query == GRUS_QUERY_PREVIOUS_STATE ? d->parents.lane_of_row[i] : i;
        d->context[i] = new->context + context * d->context_ld;
        d->token[i] = rows[i].token;
        d->readout[i] = new->readout + i * d->readout_ld;
    }
}

// Contexts of n queries (rows of Dq), query i being that of row which[i]; those of a sequence that lie side by side are
// taken together.
static void attend(grus_decoding *d, const grus_row *rows, const uint32_t *which, size_t n, const float *const *queries)
{
    float *context = d->sides[d->side].context;
    grus_attention_project(&d->keys, queries, n, &d->query_scratch, d->queries);
    d->stats->flops += n * grus_attention_query_flops(&d->keys);
    for (size_t i = 0, count; i < n; i += count) {
        uint32_t sequence = rows[which[i]].sequence;
        size_t length = d->encoded->length[sequence];
        float *weights[GRUS_MAX_SUMS], *contexts[GRUS_MAX_SUMS];
        for (count = 0; count < GRUS_MAX_SUMS && i + count < n; count++) {
            const grus_row *row = rows + which[i + count];
            if (row->sequence != sequence)
                break;
            weights[count] = row->weights ? row->weights : d->weights + count * d->longest;
            contexts[count] = context + (i + count) * d->context_ld;
        }
        d->stats->flops += (uint64_t)2 * count * length * (d->keys.columns + d->context_columns);
        grus_attend(&d->keys,
                    &(grus_attending){d->encoded->offset[sequence], length, count, d->queries + i, weights, contexts});
    }
}

static const float **contexts(const grus_decoding *d, bool into_cell)
{
    return into_cell && d->decoder->config->query == GRUS_QUERY_STATE ? d->context_prev : d->context;
}

static grus_part_rows part_rows(const grus_decoding *d, grus_part part, bool into_cell)
{
    const grus_decoder *decoder = d->decoder;
    switch (part) {
    case GRUS_PART_EMBEDDING:
        return (grus_part_rows){d->embedding, decoder->embedding_size, decoder->bounded[part]};
    case GRUS_PART_CONTEXT:
        return (grus_part_rows){contexts(d, into_cell), decoder->values, decoder->bounded[part]};
    case GRUS_PART_READOUT:
        return (grus_part_rows){d->readout_prev, decoder->readout_size, decoder->bounded[part]};
    case GRUS_PART_STATE:
        break;
    }
    return (grus_part_rows){d->h_read, decoder->hidden, decoder->bounded[part]};
}

static bool is_folded(const grus_decoding *d, const grus_linear *linear)
{
    return d->folded && linear->context;
}

// What of a linear's input goes through a product in a step.
typedef struct input {
    const grus_weights *weights;
    size_t wanted;  // units, without what fills up groups
    size_t n_parts; // 0: nothing does
    grus_part_rows parts[GRUS_MAX_PARTS];
} input;

// Of layer 0 or of the readout: the parts that are neither tabled nor folded.
static input input_left(const grus_decoding *d, bool into_cell)
{
    const grus_decoder *decoder = d->decoder;
    const grus_decoder_config *config = decoder->config;
    const grus_linear *linear = into_cell ? &decoder->cells->ih : &decoder->readout;
    const grus_part *parts = into_cell ? config->inputs : config->readout;
    bool folded = is_folded(d, linear);
    input left = {.weights = folded ? linear->folded : linear->rest,
                  .wanted = into_cell ? grus_cell_wanted(decoder->cells) : decoder->readout_size};
    for (size_t i = 0; i < (into_cell ? config->n_inputs : config->n_readout); i++)
        if (!(linear->table && parts[i] == GRUS_PART_EMBEDDING) && !(folded && parts[i] == GRUS_PART_CONTEXT))
            left.parts[left.n_parts++] = part_rows(d, parts[i], into_cell);
    return left;
}

static void multiply(grus_decoding *d, const input *from, size_t n, float beta, float *y, size_t ldy)
{
    if (from->n_parts == 0)
        return;
    grus_panels_pack(d->panels, from->parts, from->n_parts, n);
    grus_product(from->weights, d->panels, beta, y, ldy);
    d->stats->flops += grus_product_flops(n, from->weights, from->wanted);
}

// gi_rows of layer 0, and more_rows where its input is a sum: the table's row, the product of the parts left and the
// folded context.
static void first_input(grus_decoding *d, size_t n)
{
    const grus_cell *cell = d->decoder->cells;
    const grus_linear *ih = &cell->ih;
    input left = input_left(d, true);
    multiply(d, &left, n, 0, d->gi, cell->width);
    d->tabled_input = ih->table;
    for (size_t i = 0; i < n; i++) {
        float *product = d->gi + i * cell->width;
        const float *terms[3];
        size_t n_terms = 0;
        if (ih->table)
            terms[n_terms++] = ih->table + d->token[i] * cell->width;
        if (left.n_parts)
            terms[n_terms++] = product;
        if (is_folded(d, ih))
            terms[n_terms++] = contexts(d, true)[i];
        if (n_terms == 3)
            cell->kernel->vector->add(product, terms[2], cell->width);
        d->two_inputs = n_terms > 1;
        d->gi_rows[i] = terms[0];
        d->more_rows[i] = d->two_inputs ? terms[1] : NULL;
    }
}

// gi_rows of the layers above, from the new states below.
static void layer_input(grus_decoding *d, const grus_cell *cell, size_t n)
{
    input from = {cell->ih.rest, grus_cell_wanted(cell), 1, {{d->h_read, cell->input, cell->bounded}}};
    multiply(d, &from, n, 0, d->gi, cell->width);
    for (size_t i = 0; i < n; i++)
        d->gi_rows[i] = d->gi + i * cell->width;
    d->two_inputs = d->tabled_input = false;
}

// h_lane: the states that a layer goes on from.
static void set_states(grus_decoding *d, const grus_row *rows, size_t layer)
{
    for (size_t lane = 0; lane < d->parents.n_lanes; lane++)
        d->h_lane[lane] = grus_states_previous(&d->states, d->side, rows + d->parents.row_of_lane[lane], layer);
}

static void run_layers(grus_decoding *d, const grus_row *rows, size_t n)
{
    const grus_decoder *decoder = d->decoder;
    for (size_t layer = 0; layer < decoder->layers; layer++) {
        const grus_cell *cell = decoder->cells + layer;
        if (layer == 0)
            first_input(d, n);
        else
            layer_input(d, cell, n);
        set_states(d, rows, layer);
        for (size_t i = 0; i < n; i++) {
            size_t place = d->parents.place[i];
            d->gi_lane[place] = d->gi_rows[i];
            d->more_lane[place] = d->more_rows[i];
            d->h_prev[place] = d->h_lane[d->parents.lane_of_row[i]];
            d->h_new[place] = grus_states_new(&d->states, d->side, i, layer);
            d->h_read[i] = d->h_new[place];
        }
        grus_states_place_c(&d->states, d->side, layer, rows, n, d->parents.place);
        grus_panels_pack(d->panels, &(grus_part_rows){d->h_lane, cell->hidden, cell->bounded}, 1, d->parents.n_lanes);
        grus_cell_run(cell, &(grus_cell_step){grus_whole_tiles(cell->kernel, d->parents.n_lanes), d->panels,
                                              d->parents.first_row, d->parents.lane, d->gi_lane,
                                              d->two_inputs ? d->more_lane : NULL, d->tabled_input ? n : 0, d->h_prev,
                                              d->h_new, &d->cell_scratch, d->states.c_prev, d->states.c_new});
        d->stats->flops += grus_cell_step_flops(cell, d->parents.n_lanes, n);
    }
}

// The readout's map of each row: what is known of it, and the product of the parts left on top.
static void map_readout(grus_decoding *d, size_t n, float *readout)
{
    const grus_linear *map = &d->decoder->readout;
    input left = input_left(d, false);
    bool folded = is_folded(d, map), known = map->table || folded;
    for (size_t i = 0; i < n && folded; i++)
        d->chosen[i] = d->context[i] + grus_weights_width(d->decoder->cells->ih.context);
    if (known)
        grus_linear_known(map, map->table ? d->token : NULL, folded ? d->chosen : NULL, n, readout, d->readout_ld);
    multiply(d, &left, n, known ? 1 : 0, readout, d->readout_ld);
}

static void make_readout(grus_decoding *d, size_t n)
{
    const grus_decoder *decoder = d->decoder;
    const grus_decoder_config *config = decoder->config;
    float *readout = d->sides[d->side].readout;
    if (config->readout_size)
        map_readout(d, n, readout);
    for (size_t i = 0; i < n; i++) {
        float *row = readout + i * d->readout_ld;
        if (config->readout_size && config->readout_tanh) {
            decoder->kernel->vector->tanh_bias(row, decoder->readout_bias, decoder->readout_size);
        } else if (config->readout_size) {
            decoder->kernel->vector->add(row, decoder->readout_bias, decoder->readout_size);
        } else {
            for (size_t part = 0; part < config->n_readout; part++) {
                grus_part_rows from = part_rows(d, config->readout[part], false);
                memcpy(row, from.rows[i], from.columns * sizeof *row);
                row += from.columns;
            }
        }
    }
}

void grus_decoding_step(grus_decoding *d, const grus_row *rows, size_t n)
{
    const grus_decoder *decoder = d->decoder;
    grus_query_kind query = decoder->config->query;
    GRUS_ASSERT(n <= d->max_rows);
    d->n_rows = n;
    d->side = 1 - d->side;
    grus_parents_find(&d->parents, rows, n);
    set_rows(d, rows, n);
    if (query == GRUS_QUERY_PREVIOUS_STATE) {
        set_states(d, rows, decoder->layers - 1);
        attend(d, rows, d->parents.row_of_lane, d->parents.n_lanes, d->h_lane);
    } else if (query == GRUS_QUERY_EMBEDDING) {
        attend(d, rows, d->every, n, d->embedding);
    }
    run_layers(d, rows, n);
    if (query == GRUS_QUERY_STATE)
        attend(d, rows, d->every, n, d->h_read);
    make_readout(d, n);
    d->stats->rows += n;
    d->stats->rows_computed += grus_whole_tiles(decoder->kernel, n);
}

grus_scores grus_decoding_score(grus_decoding *d, const uint32_t *which, size_t n)
{
    const grus_decoder *decoder = d->decoder;
    GRUS_ASSERT(n <= d->n_rows);
    for (size_t i = 0; i < n; i++) {
        GRUS_ASSERT(!which || which[i] < d->n_rows);
        d->chosen[i] = d->readout[which ? which[i] : i];
    }
    d->stats->flops += grus_product_flops(n, decoder->output, decoder->vocab);
    return grus_output_layer_run(&d->output, d->chosen, n);
}
