// decoding_step.c: one step of the attention decoder for all live rows: attention, cells, readout, logits.
#include "config.h"

#include "engine/decoding_step.h"

#include <string.h>

#include "base/assert.h"

// Where each row reads and writes in this step; d->side is already the one to write. With query previous_state there is
// one context a lane.
static void set_rows(grus_decoding *d, const grus_row *rows, size_t n)
{
    const grus_decoder *decoder = d->decoder;
    const struct grus_decoding_side *old = &d->sides[1 - d->side], *new = &d->sides[d->side];
    for (size_t i = 0; i < n; i++) {
        GRUS_ASSERT(rows[i].token < decoder->entries && rows[i].sequence < d->encoded->n);
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

// Where a row's weights go, n-th of those that are taken together.
static float *weights_of(const grus_decoding *d, const grus_row *row, size_t n)
{
    bool own = row->weights && (row->by_head || !d->decoder->heads);
    return own ? row->weights : d->weights + n * d->scratch_ld;
}

// The contexts of n sums of heads, likewise.
static void join_heads(grus_decoding *d, const grus_row *rows, const uint32_t *which, size_t n)
{
    const grus_multihead *multihead = &d->decoder->attention.multihead;
    float *context = d->sides[d->side].context;
    for (size_t i = 0; i < n; i++)
        d->chosen[i] = d->sums + i * multihead->size;
    grus_panels_pack(d->panels, &(grus_part_rows){d->chosen, multihead->size, false}, 1, n);
    grus_product(multihead->output, d->panels, 0, context, d->context_ld);
    for (size_t i = 0; i < n; i++)
        grus_multihead_finish(multihead, d->encoded->length[rows[which[i]].sequence], context + i * d->context_ld);
    d->stats->flops += grus_product_flops(n, multihead->output, multihead->context);
}

// Contexts of n queries (rows of Dq), query i being that of row which[i]; those of a sequence that lie side by side are
// taken together.
static void attend(grus_decoding *d, const grus_row *rows, const uint32_t *which, size_t n, const float *const *queries)
{
    const grus_multihead *multihead = &d->decoder->attention.multihead;
    float *sums = multihead->heads ? d->sums : d->sides[d->side].context;
    size_t ld = multihead->heads ? multihead->size : d->context_ld;
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
            weights[count] = weights_of(d, row, count);
            contexts[count] = sums + (i + count) * ld;
        }
        d->stats->flops += (uint64_t)2 * count * length * (d->keys.columns + d->context_columns);
        grus_attend(&d->keys,
                    &(grus_attending){d->encoded->offset[sequence], length, count, d->queries + i, weights, contexts});
        for (size_t k = 0; k < count; k++) {
            const grus_row *row = rows + which[i + k];
            if (row->weights && row->weights != weights[k])
                grus_multihead_mean(multihead, length, weights[k], row->weights);
        }
    }
    if (multihead->heads)
        join_heads(d, rows, which, n);
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
        return (grus_part_rows){contexts(d, into_cell), decoder->context, decoder->bounded[part]};
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
        grus_cell_run(cell, &(grus_cell_step){.n = grus_whole_tiles(cell->kernel, d->parents.n_lanes),
                                              .panels = d->panels,
                                              .first_row = d->parents.first_row,
                                              .lane = d->parents.lane,
                                              .gi = d->gi_lane,
                                              .more = d->two_inputs ? d->more_lane : NULL,
                                              .tabled = d->tabled_input ? n : 0,
                                              .h_prev = d->h_prev,
                                              .h_new = d->h_new,
                                              .scratch = &d->cell_scratch,
                                              .c_prev = d->states.c_prev,
                                              .c_new = d->states.c_new});
        d->stats->flops += grus_cell_step_flops(cell, d->parents.n_lanes, n);
    }
}

// The second cell of a conditional decoder, in place: it goes on from the new states, each row's its own, and reads the
// context that they asked for.
static void run_second(grus_decoding *d, size_t n)
{
    const grus_cell *cell = d->decoder->second;
    bool folded = is_folded(d, &cell->ih);
    input from = {cell->ih.rest, grus_cell_wanted(cell), !folded, {part_rows(d, GRUS_PART_CONTEXT, false)}};
    multiply(d, &from, n, 0, d->gi, cell->width);
    for (size_t i = 0; i < n; i++) {
        d->gi_rows[i] = folded ? d->context[i] : d->gi + i * cell->width;
        d->h_new[i] = grus_states_new(&d->states, d->side, i, 0);
    }
    grus_parents_part(&d->parents, n);
    grus_panels_pack(d->panels, &(grus_part_rows){d->h_read, cell->hidden, cell->bounded}, 1, n);
    grus_cell_run(cell, &(grus_cell_step){.n = grus_whole_tiles(cell->kernel, n),
                                          .panels = d->panels,
                                          .first_row = d->parents.first_row,
                                          .lane = d->parents.lane,
                                          .gi = d->gi_rows,
                                          .h_prev = d->h_read,
                                          .h_new = d->h_new,
                                          .scratch = &d->cell_scratch});
    d->stats->flops += grus_cell_step_flops(cell, n, n);
}

// The readout's map of each row: what is known of it, and the product of the parts left on top.
static void map_readout(grus_decoding *d, size_t n, float *readout)
{
    const grus_linear *map = &d->decoder->readout;
    input left = input_left(d, false);
    bool folded = is_folded(d, map), known = map->table || folded;
    for (size_t i = 0; i < n && folded; i++)
        d->chosen[i] = d->context[i] + grus_weights_width(grus_decoder_context_cell(d->decoder)->ih.context);
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
    if (decoder->second)
        run_second(d, n);
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
