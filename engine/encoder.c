// encoder.c: runs the layers of the encoder over a lane plan.
//
// Legend: B lanes, S steps of the plan, H hidden units, L = H * the layer's directions, P positions of the batch. A direction of a
// layer is one pass over the plan: the backward one reads each sequence from its end, in the same slots. The input
// products of a chunk of steps are one tall product (or a look-up in the table); only the recurrent one is stepwise.
#include "config.h"

#include "engine/encoder.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/lanes.h"

#define LANES_WANTED 96 // enough columns to amortise the streaming of weights; more only cost cache

size_t grus_encoder_lanes(const grus_kernel *kernel)
{
    return grus_whole_tiles(kernel, LANES_WANTED);
}

static grus_status read_embedding(const grus_config *config, grus_reading *reading, grus_encoder *encoder,
                                  grus_error *error)
{
    const grus_tensors *tensors = reading->tensors;
    encoder->vocab = config->source_vocab_size;
    grus_tensor tensor;
    const char *name = "encoder.embedding.weight";
    if (encoder->vocab == 0 && tensors->find(tensors->user, name, &tensor) && tensor.rank == 2)
        encoder->vocab = tensor.shape[0];
    return grus_read_tensor(reading, (grus_wanted){name, "", encoder->vocab, encoder->input}, &encoder->embedding,
                            error);
}

// Sets what the configuration says of the layers, and where their cells lie.
static grus_status set_layers(const grus_config *config, grus_reading *reading, grus_encoder *encoder,
                              grus_error *error)
{
    encoder->layer = grus_arena_alloc(reading->arena, encoder->layers, sizeof *encoder->layer);
    encoder->cells = grus_arena_alloc(reading->arena, 2 * encoder->layers, sizeof *encoder->cells);
    if (!encoder->layer || !encoder->cells)
        return grus_fail_memory(error, 2 * encoder->layers * sizeof *encoder->cells);
    for (size_t i = 0; i < encoder->layers; i++) {
        grus_direction direction = grus_config_direction(config, i);
        encoder->layer[i] = (grus_encoder_layer){.cells = encoder->cells + encoder->n_cells,
                                                 .directions = direction == GRUS_BOTH ? 2 : 1,
                                                 .output = grus_config_layer_size(config, i),
                                                 .backward = direction == GRUS_BACKWARD};
        encoder->n_cells += encoder->layer[i].directions;
    }
    return GRUS_OK;
}

// As PyTorch has it: a layer of one direction has no suffix, whichever it is.
static void cell_suffix(size_t layer, size_t direction, char suffix[32])
{
    snprintf(suffix, 32, "l%zu%s", layer, direction ? "_reverse" : "");
}

static bool is_biased(const grus_encoder *encoder, const grus_tensors *tensors)
{
    bool biased = false;
    char suffix[32];
    for (size_t i = 0; i < encoder->layers; i++)
        for (size_t direction = 0; direction < encoder->layer[i].directions && !biased; direction++) {
            cell_suffix(i, direction, suffix);
            biased = grus_cell_has_bias(tensors, "encoder.rnn", suffix);
        }
    return biased;
}

static grus_status read_layer(grus_encoder *encoder, grus_reading *reading, size_t i, const grus_cell *like,
                              grus_error *error)
{
    const grus_encoder_layer *layer = encoder->layer + i;
    grus_embedding embedding = {encoder->embedding, encoder->vocab, encoder->input, 0};
    bool tokens = i == 0 && encoder->embedding;
    grus_status status = GRUS_OK;
    for (size_t direction = 0; direction < layer->directions && !status; direction++) {
        char suffix[32];
        cell_suffix(i, direction, suffix);
        layer->cells[direction] = *like;
        layer->cells[direction].input = i ? layer[-1].output : encoder->input;
        status = grus_cell_read(layer->cells + direction, reading, "encoder.rnn", suffix,
                                &(grus_linear_parts){.embedding = tokens ? &embedding : NULL}, error);
    }
    return status;
}

// Both, where the cells have a c. They are states and no weights: not rounded to scales.
static grus_status read_initial(grus_encoder *encoder, grus_reading *reading, grus_error *error)
{
    grus_wanted wanted = {"encoder", "initial_state", encoder->n_cells, encoder->hidden};
    grus_reading exact = *reading;
    exact.scaled = false;
    grus_status status = grus_read_tensor(&exact, wanted, &encoder->initial_state, error);
    wanted.suffix = "initial_cell";
    if (!status && encoder->cells->type->has_c)
        status = grus_read_tensor(&exact, wanted, &encoder->initial_cell, error);
    reading->parameters = exact.parameters;
    return status;
}

grus_status grus_encoder_read(grus_reading *reading, const grus_config *config, grus_encoder *encoder,
                              grus_error *error)
{
    *encoder = (grus_encoder){.kernel = reading->kernel,
                              .input = config->features ? config->feature_dim : config->embedding_dim,
                              .hidden = config->encoder.hidden_size,
                              .layers = config->encoder.num_layers,
                              .output = grus_config_output_size(config),
                              .bounded = grus_config_is_bounded(config)};
    grus_status status = set_layers(config, reading, encoder, error);
    if (!status && !config->features)
        status = read_embedding(config, reading, encoder, error);
    if (status)
        return status;
    grus_cell like = {.config = config->encoder.cell,
                      .hidden = encoder->hidden,
                      .biased = is_biased(encoder, reading->tensors),
                      .bounded = encoder->bounded};
    for (size_t i = 0; i < encoder->layers && !status; i++)
        status = read_layer(encoder, reading, i, &like, error);
    if (!status && config->encoder.learned_state)
        status = read_initial(encoder, reading, error);
    return status;
}

// Scratch of one pass, shared by all passes of a batch.
typedef struct scratch {
    grus_panels *panels;       // (B, H)
    grus_panels *input_panels; // (chunk rows, layer input)
    float *gi;                 // (chunk rows, width)
    float *zeros;              // a row of zeros as long as any that is read
    const float **rows;        // (chunk rows): input rows, then gi rows
    const float **h_prev;      // (B): where each lane's state lies: in the output, or zeros
    float **h_new;             // (B): where it goes: into the output, or the dump
    size_t *first_row;         // (tiles + 1), and
    uint32_t *lane;            // (B): each lane has one row
    float *dump;
    grus_cell_scratch cell;
    // Of cells that have a c, else NULL: (B, H) that of each lane, and (B): where it lies, and where it goes.
    float *c;
    const float **c_prev;
    float **c_new;
} scratch;

typedef struct pass {
    const grus_encoder *encoder;
    const grus_encoder_layer *layer;
    const grus_cell *cell;
    const grus_lane_plan *plan;
    const size_t *offset;
    bool backward;
    const float *first_h, *first_c; // (H) before a sequence
    const float *input;             // (P, cell->input), or NULL in favour of ids
    bool input_bounded;             // it lies in [-1, 1]
    const uint32_t *ids;            // (P)
    float *output;                  // (P, L), this direction's columns
    float *final_cell;              // (sequences, D), this direction's columns: where c is kept; NULL: it is not
    scratch *scratch;
} pass;

static size_t chunk_rows(size_t lanes)
{
    return grus_max(GRUS_CHUNK_ROWS, lanes);
}

static size_t widest_input(const grus_encoder *encoder)
{
    size_t widest = encoder->input;
    for (size_t i = 0; i + 1 < encoder->layers; i++)
        widest = grus_max(widest, encoder->layer[i].output);
    return widest;
}

static size_t n_zeros(const grus_encoder *encoder)
{
    return grus_max(encoder->cells->width, widest_input(encoder));
}

static bool list_c(const grus_encoder *encoder, size_t lanes, grus_arena *arena, scratch *s)
{
    s->c = NULL;
    if (!encoder->cells->type->has_c)
        return true;
    s->c = grus_arena_alloc(arena, lanes * encoder->hidden, sizeof *s->c);
    s->c_prev = grus_arena_alloc(arena, lanes, sizeof *s->c_prev);
    s->c_new = grus_arena_alloc(arena, lanes, sizeof *s->c_new);
    return s->c && s->c_prev && s->c_new;
}

static bool list_scratch(const grus_encoder *encoder, size_t lanes, grus_arena *arena, scratch *s)
{
    const grus_kernel *kernel = encoder->kernel;
    size_t rows = chunk_rows(lanes), width = encoder->cells->width;
    s->panels = grus_panels_new(kernel, arena, lanes, encoder->hidden);
    s->input_panels = grus_panels_new(kernel, arena, rows, widest_input(encoder));
    s->gi = grus_arena_alloc(arena, rows * width, sizeof(float));
    s->zeros = grus_arena_alloc(arena, n_zeros(encoder), sizeof(float));
    s->rows = grus_arena_alloc(arena, rows, sizeof *s->rows);
    s->h_prev = grus_arena_alloc(arena, lanes, sizeof *s->h_prev);
    s->h_new = grus_arena_alloc(arena, lanes, sizeof *s->h_new);
    s->first_row = grus_arena_alloc(arena, lanes / kernel->tile + 1, sizeof *s->first_row);
    s->lane = grus_arena_alloc(arena, lanes, sizeof *s->lane);
    s->dump = grus_arena_alloc(arena, encoder->hidden, sizeof(float));
    return s->panels && s->input_panels && s->gi && s->zeros && s->rows && s->h_prev && s->h_new && s->first_row &&
           s->lane && s->dump && grus_cell_scratch_list(encoder->cells, lanes, arena, &s->cell) &&
           list_c(encoder, lanes, arena, s);
}

static void begin_scratch(const grus_encoder *encoder, size_t lanes, scratch *s)
{
    const grus_kernel *kernel = encoder->kernel;
    for (size_t tile = 0; tile <= lanes / kernel->tile; tile++)
        s->first_row[tile] = tile * kernel->tile;
    for (size_t lane = 0; lane < lanes; lane++)
        s->lane[lane] = (uint32_t)(lane % kernel->tile);
    memset(s->zeros, 0, n_zeros(encoder) * sizeof *s->zeros);
}

// The position that a slot computes in this direction.
static size_t slot_position(const pass *p, const grus_lane_slot *slot)
{
    return p->backward ? p->offset[slot->sequence + 1] - 1 - slot->step : p->offset[slot->sequence] + slot->step;
}

static size_t step_rows(const pass *p, size_t step)
{
    return grus_whole_tiles(p->encoder->kernel, grus_lanes_active(p->plan, step));
}

// Steps from `first` on whose rows fit a chunk; at least one.
static size_t chunk_end(const pass *p, size_t first)
{
    size_t rows = step_rows(p, first), step = first + 1;
    while (step < p->plan->steps && rows + step_rows(p, step) <= chunk_rows(p->plan->lanes))
        rows += step_rows(p, step++);
    return step;
}

static bool is_tabled(const pass *p)
{
    return p->cell->ih.table && !p->input;
}

// Fills scratch->rows with the input product of every slot of the steps [first, last); returns how many.
static size_t input_products(const pass *p, size_t first, size_t last)
{
    const grus_cell *cell = p->cell;
    scratch *s = p->scratch;
    bool tabled = is_tabled(p);
    size_t n = 0;
    for (size_t step = first; step < last; step++) {
        const grus_lane_slot *slot = p->plan->slot + p->plan->first[step],
                             *end = p->plan->slot + p->plan->first[step + 1];
        for (size_t lane = 0; lane < step_rows(p, step); lane++, slot++) {
            const float *row = s->zeros;
            if (slot < end) {
                size_t position = slot_position(p, slot);
                row = tabled     ? cell->ih.table + p->ids[position] * cell->width
                      : p->input ? p->input + position * cell->input
                                 : p->encoder->embedding + p->ids[position] * cell->input;
            }
            s->rows[n++] = row;
        }
    }
    if (tabled)
        return n;
    grus_panels_pack(s->input_panels, &(grus_part_rows){s->rows, cell->input, p->input_bounded}, 1, n);
    grus_product(cell->ih.rest, s->input_panels, 0, s->gi, cell->width);
    for (size_t i = 0; i < n; i++)
        s->rows[i] = s->gi + i * cell->width;
    return n;
}

// c stays in its lane's row, but for that of a sequence's last step where it is kept.
static void place_c(const pass *p, const grus_lane_slot *slot, size_t n, size_t active)
{
    const scratch *s = p->scratch;
    size_t hidden = p->encoder->hidden;
    for (size_t lane = 0; lane < n; lane++) {
        float *own = s->c + lane * hidden;
        bool ended = lane >= active;
        size_t sequence = ended ? 0 : slot[lane].sequence;
        bool last = !ended && p->offset[sequence] + slot[lane].step + 1 == p->offset[sequence + 1];
        s->c_prev[lane] = ended || slot[lane].step == 0 ? p->first_c : own;
        s->c_new[lane] = last && p->final_cell ? p->final_cell + sequence * p->encoder->output : own;
    }
}

// States are written where they belong in the output and read from there in the next step. What a lane beyond its end
// computes goes to the dump.
static void run_step(const pass *p, size_t step, const float *const *gi, size_t tabled)
{
    const grus_lane_plan *plan = p->plan;
    scratch *s = p->scratch;
    size_t n = step_rows(p, step), active = grus_lanes_active(plan, step);
    const grus_lane_slot *slot = plan->slot + plan->first[step];
    for (size_t lane = 0; lane < n; lane++) {
        bool ended = lane >= active;
        if (ended || slot[lane].step == 0)
            s->h_prev[lane] = p->first_h;
        s->h_new[lane] = ended ? s->dump : p->output + slot_position(p, slot + lane) * p->layer->output;
    }
    grus_panels_pack(s->panels, &(grus_part_rows){s->h_prev, p->cell->hidden, p->cell->bounded}, 1, n);
    if (s->c)
        place_c(p, slot, n, active);
    grus_cell_run(p->cell, &(grus_cell_step){n, s->panels, s->first_row, s->lane, gi, NULL, tabled, s->h_prev, s->h_new,
                                             &s->cell, s->c ? s->c_prev : NULL, s->c ? s->c_new : NULL});
    for (size_t lane = 0; lane < n; lane++)
        s->h_prev[lane] = s->h_new[lane];
}

static grus_status run_pass(const pass *p, const grus_work *work)
{
    for (size_t first = 0, last; first < p->plan->steps; first = last) {
        if (grus_stop_asked(work->stop))
            return grus_fail(work->error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        last = chunk_end(p, first);
        const float *const *gi = p->scratch->rows, *const *end = gi + input_products(p, first, last);
        for (size_t step = first; step < last; gi += step_rows(p, step), step++)
            run_step(p, step, gi, is_tabled(p) ? (size_t)(end - gi) : 0);
    }
    return GRUS_OK;
}

// final[i] = [output forward at the last position of i; backward at its first]; zeros for length 0.
static void gather_final(const grus_encoder *encoder, const grus_encoded *encoded, size_t number, const float *output)
{
    const grus_encoder_layer *layer = encoder->layer + number;
    size_t hidden = encoder->hidden, width = layer->output;
    GRUS_ASSERT(width == encoded->size);
    for (size_t i = 0; i < encoded->n; i++) {
        float *final = grus_encoded_final(encoded, number, i);
        memset(final, 0, width * sizeof *final);
        for (size_t direction = 0; direction < layer->directions && encoded->length[i] > 0; direction++) {
            bool backward = layer->backward || direction == 1;
            size_t position = backward ? encoded->offset[i] : encoded->offset[i + 1] - 1, at = direction * hidden;
            memcpy(final + at, output + position * width + at, hidden * sizeof *final);
        }
    }
}

// Layers write two buffers in turn; room for the outputs of this one and of those below it that write the same.
static float *output_alloc(const grus_encoder *encoder, grus_arena *arena, size_t positions, size_t layer)
{
    size_t widest = encoder->layer[layer].output;
    for (; layer >= 2; layer -= 2)
        widest = grus_max(widest, encoder->layer[layer - 2].output);
    return grus_arena_alloc(arena, grus_mul_sat(positions, widest), sizeof(float));
}

// What stays of a batch when it is encoded; *offset is encoded->offset.
static bool list_encoded(const grus_encoder *encoder, size_t first_final, const grus_sizes *sizes, grus_arena *arena,
                         grus_encoded *encoded, size_t **offset)
{
    *encoded = (grus_encoded){.n = sizes->records,
                              .positions = sizes->positions,
                              .size = encoder->output,
                              .first_final = first_final,
                              .layers = encoder->layers};
    size_t finals = grus_mul_sat(sizes->records, (encoder->layers - first_final) * encoder->output);
    *offset = grus_arena_alloc(arena, grus_add_sat(sizes->records, 1), sizeof **offset);
    encoded->offset = *offset;
    encoded->final = grus_arena_alloc(arena, finals, sizeof *encoded->final);
    encoded->output = output_alloc(encoder, arena, sizes->positions, encoder->layers - 1);
    if (encoder->cells->type->has_c && !(encoded->final_cell = grus_arena_alloc(arena, finals, sizeof(float))))
        return false;
    return encoded->offset && encoded->final && encoded->output;
}

uint64_t grus_encoder_flops(const grus_encoder *encoder, size_t positions)
{
    uint64_t flops = 0;
    for (size_t i = 0; i < encoder->n_cells; i++)
        flops += grus_cell_flops(encoder->cells + i, positions);
    return flops;
}

// Lists what is given back once the batch is encoded, but for the lanes and what is for each of them.
static bool list_other(const grus_encoder *encoder, const grus_sizes *sizes, grus_arena *arena, float **other)
{
    *other = NULL;
    return encoder->layers == 1 ||
           (*other = output_alloc(encoder, arena, sizes->positions, encoder->layers - 2)) != NULL;
}

bool grus_encode_list(const grus_encoder *encoder, size_t first_final, const grus_sizes *sizes, grus_arena *arena)
{
    grus_encoded encoded;
    size_t *offset, lanes = grus_encoder_lanes(encoder->kernel);
    float *other;
    scratch s;
    if (!list_encoded(encoder, first_final, sizes, arena, &encoded, &offset))
        return false;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = list_other(encoder, sizes, arena, &other) &&
                  grus_lanes_list(arena, sizes->records, sizes->positions, lanes) &&
                  list_scratch(encoder, lanes, arena, &s);
    grus_arena_release(arena, mark);
    return listed;
}

// The row of the pass's cell, or zeros where there are none.
static const float *first_of(const grus_encoder *encoder, const float *initial, const pass *p)
{
    return initial ? initial + (size_t)(p->cell - encoder->cells) * encoder->hidden : p->scratch->zeros;
}

static grus_status run_layer(const pass *first, const grus_encoder_layer *layer, float *output, float *final_cell,
                             const grus_work *work)
{
    const grus_encoder *encoder = first->encoder;
    for (size_t direction = 0; direction < layer->directions; direction++) {
        pass p = *first;
        p.layer = layer;
        p.cell = layer->cells + direction;
        p.backward = layer->backward || direction == 1;
        p.first_h = first_of(encoder, encoder->initial_state, &p);
        p.first_c = first_of(encoder, encoder->initial_cell, &p);
        p.output = output + direction * encoder->hidden;
        p.final_cell = final_cell ? final_cell + direction * encoder->hidden : NULL;
        grus_status status = run_pass(&p, work);
        if (status)
            return status;
    }
    return GRUS_OK;
}

// Layers write one buffer and read the other; the last one writes what is kept.
static grus_status run_layers(const grus_encoder *encoder, pass *p, const grus_encoded *encoded, float *other,
                              const grus_work *work)
{
    for (size_t layer = 0; layer < encoder->layers; layer++) {
        float *output = (encoder->layers - layer) % 2 ? encoded->output : other;
        bool kept = layer >= encoded->first_final && encoded->n > 0;
        float *final_cell = kept && encoded->final_cell ? grus_encoded_final_cell(encoded, layer, 0) : NULL;
        if (final_cell) // those of length 0 stay so
            memset(final_cell, 0, encoded->n * encoded->size * sizeof *final_cell);
        grus_status status = run_layer(p, encoder->layer + layer, output, final_cell, work);
        if (status)
            return status;
        if (kept)
            gather_final(encoder, encoded, layer, output);
        p->input = output;
        p->input_bounded = encoder->bounded;
    }
    return GRUS_OK;
}

static void set_offsets(const size_t *length, size_t n, size_t *offset)
{
    offset[0] = 0;
    for (size_t i = 0; i < n; i++)
        offset[i + 1] = offset[i] + length[i];
}

grus_status grus_encode(const grus_encoder *encoder, const grus_batch *batch, size_t first_final, const grus_work *work,
                        grus_encoded *encoded)
{
    const grus_kernel *kernel = encoder->kernel;
    grus_arena *arena = work->arena;
    grus_sizes sizes = {.records = batch->n};
    for (size_t i = 0; i < batch->n; i++)
        sizes.positions += batch->length[i];
    size_t *offset;
    float *other;
    grus_lane_plan plan;
    scratch s;
    if (!list_encoded(encoder, first_final, &sizes, arena, encoded, &offset))
        return grus_fail_memory(work->error, 0);
    set_offsets(batch->length, batch->n, offset);
    encoded->length = batch->length;
    grus_arena_mark mark = grus_arena_here(arena);
    if (!list_other(encoder, &sizes, arena, &other) ||
        !grus_lanes_plan(arena, batch->length, batch->n, kernel->tile, grus_encoder_lanes(kernel), &plan) ||
        !list_scratch(encoder, grus_max(plan.lanes, kernel->tile), arena, &s))
        return grus_fail_memory(work->error, 0);
    begin_scratch(encoder, grus_max(plan.lanes, kernel->tile), &s);
    pass p = {.encoder = encoder,
              .plan = &plan,
              .offset = offset,
              .input = batch->features,
              .ids = batch->ids,
              .scratch = &s};
    grus_status status = run_layers(encoder, &p, encoded, other, work);
    grus_arena_release(arena, mark);
    if (status)
        return status;
    work->stats->positions += encoded->positions;
    work->stats->positions_computed += plan.computed;
    work->stats->flops += grus_encoder_flops(encoder, encoded->positions);
    return GRUS_OK;
}
