// encode.c: runs the layers one above the other, each direction a pass over one lane plan of the batch.
#include "config.h"

#include "engine/encode.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "engine/encoder_pass.h"
#include "engine/lanes.h"

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

// Layers whose outputs are not kept write two buffers in turn: the values of a position in this one's, which those below
// write too.
static size_t shared_size(const grus_encoder *encoder, size_t layer)
{
    size_t widest = 0;
    for (size_t down = 0; down <= layer; down += 2)
        if (!encoder->layer[layer - down].kept)
            widest = grus_max(widest, encoder->layer[layer - down].output);
    return widest;
}

static float *output_alloc(grus_arena *arena, size_t positions, size_t size)
{
    return grus_arena_alloc(arena, grus_mul_sat(positions, size), sizeof(float));
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
    encoded->output = output_alloc(arena, sizes->positions, shared_size(encoder, encoder->layers - 1));
    if (encoder->cells->type->has_c && !(encoded->final_cell = grus_arena_alloc(arena, finals, sizeof(float))))
        return false;
    if (encoder->kept && !(encoded->kept = output_alloc(arena, sizes->positions, encoder->kept)))
        return false;
    return encoded->offset && encoded->final && encoded->output;
}

// Lists what is given back once the batch is encoded, but for the lanes and what is for each of them.
static bool list_other(const grus_encoder *encoder, const grus_sizes *sizes, grus_arena *arena, float **other)
{
    size_t size = encoder->layers > 1 ? shared_size(encoder, encoder->layers - 2) : 0;
    *other = NULL;
    return size == 0 || (*other = output_alloc(arena, sizes->positions, size)) != NULL;
}

bool grus_encode_list(const grus_encoder *encoder, size_t first_final, const grus_sizes *sizes, grus_arena *arena)
{
    grus_encoded encoded;
    size_t *offset, lanes = grus_encoder_lanes(encoder->kernel);
    float *other;
    grus_encoder_scratch s;
    if (!list_encoded(encoder, first_final, sizes, arena, &encoded, &offset))
        return false;
    grus_arena_mark mark = grus_arena_here(arena);
    bool listed = list_other(encoder, sizes, arena, &other) &&
                  grus_lanes_list(arena, sizes->records, sizes->positions, lanes) &&
                  grus_encoder_pass_list(encoder, sizes->positions, lanes, arena, &s);
    grus_arena_release(arena, mark);
    return listed;
}

// The row of the pass's cell, or zeros where there are none.
static const float *first_of(const grus_encoder *encoder, const float *initial, const grus_encoder_pass *p)
{
    return initial ? initial + (size_t)(p->cell - encoder->cells) * encoder->hidden : p->scratch->zeros;
}

static grus_status run_layer(const grus_encoder_pass *first, float *output, float *final_cell, const grus_work *work)
{
    const grus_encoder *encoder = first->encoder;
    const grus_encoder_layer *layer = first->layer;
    for (size_t direction = 0; direction < layer->directions; direction++) {
        grus_encoder_pass p = *first;
        p.cell = layer->cells + direction;
        p.backward = layer->backward || direction == 1;
        p.first_h = first_of(encoder, encoder->initial_state, &p);
        p.first_c = first_of(encoder, encoder->initial_cell, &p);
        p.output = output + direction * encoder->hidden;
        p.final_cell = final_cell ? final_cell + direction * encoder->hidden : NULL;
        grus_status status = grus_encoder_pass_run(&p, work);
        if (status)
            return status;
    }
    return GRUS_OK;
}

// Layers write one buffer and read the other, but for those whose outputs stay, as the last one's do.
static grus_status run_layers(const grus_encoder *encoder, grus_encoder_pass *p, const grus_encoded *encoded,
                              float *other, const grus_work *work)
{
    for (size_t layer = 0; layer < encoder->layers; layer++) {
        const grus_encoder_layer *of = encoder->layer + layer;
        float *output = of->kept                        ? encoded->kept + of->kept_at * encoded->positions
                        : (encoder->layers - layer) % 2 ? encoded->output
                                                        : other;
        bool kept = layer >= encoded->first_final && encoded->n > 0;
        float *final_cell = kept && encoded->final_cell ? grus_encoded_final_cell(encoded, layer, 0) : NULL;
        if (final_cell) // those of length 0 stay so
            memset(final_cell, 0, encoded->n * encoded->size * sizeof *final_cell);
        p->layer = of;
        grus_encoder_pass_round(p);
        grus_status status = run_layer(p, output, final_cell, work);
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
    grus_encoder_scratch s;
    if (!list_encoded(encoder, first_final, &sizes, arena, encoded, &offset))
        return grus_fail_memory(work->error, 0);
    set_offsets(batch->length, batch->n, offset);
    encoded->length = batch->length;
    encoded->source = batch->features;
    encoded->embedding = encoder->embedding;
    encoded->ids = batch->ids;
    grus_arena_mark mark = grus_arena_here(arena);
    if (!list_other(encoder, &sizes, arena, &other) ||
        !grus_lanes_plan(arena, batch->length, batch->n, kernel->tile, grus_encoder_lanes(kernel), &plan) ||
        !grus_encoder_pass_list(encoder, sizes.positions, grus_max(plan.lanes, kernel->tile), arena, &s))
        return grus_fail_memory(work->error, 0);
    grus_encoder_pass_begin(encoder, grus_max(plan.lanes, kernel->tile), &s);
    grus_encoder_pass p = {.encoder = encoder,
                           .plan = &plan,
                           .offset = offset,
                           .input = batch->features,
                           .input_bounded = encoder->input_bounded,
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
