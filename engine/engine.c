// engine.c: an engine built from a configuration and its tensors, and a batch taken through it.
#include "config.h"

#include "engine/engine.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/positions.h"
#include "engine/classifier.h"
#include "engine/decoding.h"
#include "engine/encode.h"
#include "engine/generator.h"
#include "engine/kernel/choose.h"
#include "engine/kernel/product.h"
#include "engine/nn/front.h"

struct grus_engine {
    const grus_config *config;
    const grus_kernel *kernel;
    grus_front front;
    grus_encoder encoder;
    grus_classifier classifier; // of an encoder model
    grus_decoder decoder;       // of one with a decoder
    grus_arena *weights;        // all that was read
    size_t parameters;
};

#define WEIGHT_BLOCK_BYTES ((size_t)8 << 20)

static grus_status read_parts(grus_engine *engine, grus_reading *reading, grus_error *error)
{
    const grus_config *config = engine->config;
    grus_status status = grus_front_read(reading, config, &engine->front, error);
    if (!status)
        status = grus_encoder_read(reading, config, &engine->encoder, error);
    if (status)
        return status;
    engine->front.embedding = engine->encoder.embedding;
    return config->seq2seq ? grus_decoder_read(reading, config, &engine->decoder, error)
                           : grus_classifier_read(reading, config, &engine->classifier, error);
}

grus_status grus_engine_build(const grus_config *config, const grus_tensors *tensors, grus_compute_type compute,
                              grus_engine **engine, grus_error *error)
{
    const grus_kernel *kernel;
    grus_status status = grus_kernel_get(compute, &kernel, error);
    if (status)
        return status;
    grus_engine *built = calloc(1, sizeof *built);
    if (!built)
        return grus_fail_memory(error, sizeof *built);
    built->config = config;
    built->kernel = kernel;
    built->weights = grus_arena_new(WEIGHT_BLOCK_BYTES);
    grus_reading reading = {kernel, tensors, built->weights, 0, compute == GRUS_COMPUTE_INT8};
    status = built->weights ? read_parts(built, &reading, error) : grus_fail_memory(error, sizeof *built);
    if (status) {
        grus_engine_free(built);
        return status;
    }
    built->parameters = reading.parameters;
    *engine = built;
    return GRUS_OK;
}

void grus_engine_free(grus_engine *engine)
{
    if (!engine)
        return;
    grus_arena_free(engine->weights);
    free(engine);
}

static double row_flops(const grus_decoder *decoder)
{
    const grus_weights *readout = decoder->readout.rest, *output = decoder->output;
    uint64_t flops = grus_product_flops(1, readout, grus_weights_out(readout)) +
                     grus_product_flops(1, output, grus_weights_out(output));
    for (size_t i = 0; i < decoder->layers; i++)
        flops += grus_cell_flops(decoder->cells + i, 1);
    if (decoder->second)
        flops += grus_cell_flops(decoder->second, 1);
    return (double)flops;
}

static size_t first_final(const grus_engine *engine)
{
    return engine->config->seq2seq ? engine->decoder.bridge.first_final : engine->encoder.layers - 1;
}

// What a position more takes in the encoder, and a row more in the decoder: a difference of lists.
typedef struct sample {
    const grus_engine *engine;
    grus_sizes sizes; // of the encoder before the front
    size_t rows;
} sample;

static bool list_encoder(void *object, grus_arena *arena)
{
    const sample *s = object;
    grus_sizes behind = s->sizes;
    behind.positions = grus_positions_most(s->engine->config, behind.positions, behind.records);
    return grus_front_list(&s->engine->front, s->sizes.records, s->sizes.positions, arena) &&
           grus_encode_list(&s->engine->encoder, first_final(s->engine), &behind, arena);
}

static bool list_decoding(void *object, grus_arena *arena)
{
    const sample *s = object;
    return grus_decoding_list(&s->engine->decoder, (grus_decoding_shape){s->rows, false}, &s->sizes, arena);
}

static size_t position_bytes(const grus_engine *engine)
{
    size_t many = 1 << 16;
    sample one = {engine, {.records = 1, .positions = many}, 0},
           two = {engine, {.records = 1, .positions = 2 * many}, 0};
    return (grus_arena_count(list_encoder, &two) - grus_arena_count(list_encoder, &one)) / many;
}

static size_t lane_bytes(const grus_engine *engine)
{
    if (!engine->config->seq2seq)
        return engine->encoder.hidden * sizeof(float);
    size_t rows = 256 * engine->kernel->tile; // many, so that the rows are the most of what is in use at the peak
    sample one = {engine, {.records = 1, .positions = 1, .longest = 1}, rows};
    sample two = {engine, {.records = 1, .positions = 1, .longest = 1}, 2 * rows};
    return (grus_arena_count(list_decoding, &two) - grus_arena_count(list_decoding, &one)) / rows;
}

static double position_flops(const grus_engine *engine)
{
    double behind, flops = grus_front_flops(&engine->front, &behind);
    return flops + behind * (double)grus_encoder_flops(&engine->encoder, 1);
}

grus_engine_facts grus_engine_describe(const grus_engine *engine)
{
    bool seq2seq = engine->config->seq2seq;
    return (grus_engine_facts){.kernel = engine->kernel->name,
                               .source_vocab = engine->encoder.vocab,
                               .target_vocab = seq2seq ? engine->decoder.vocab : 0,
                               .parameters = engine->parameters,
                               .weight_bytes = grus_arena_peak(engine->weights),
                               .weight_memory = grus_arena_bytes(engine->weights),
                               .encoder_flops = position_flops(engine),
                               .decoder_flops = seq2seq ? row_flops(&engine->decoder) : 0,
                               .lanes = grus_encoder_lanes(engine->kernel),
                               .tile = engine->kernel->tile,
                               .position_bytes = position_bytes(engine),
                               .lane_bytes = lane_bytes(engine)};
}

typedef struct inferring {
    const grus_engine *engine;
    const grus_infer_options *options;
    size_t records, positions; // before the front
    grus_sizes sizes;          // behind it
} inferring;

static size_t n_engines(const inferring *i)
{
    return 1 + i->options->n_others;
}

static const grus_engine *engine_of(const inferring *i, size_t member)
{
    return member ? i->options->others[member - 1] : i->engine;
}

static grus_members members_of(const inferring *i, const grus_encoded *encoded)
{
    grus_members members = {.n = n_engines(i)};
    for (size_t member = 0; member < members.n; member++)
        members.list[member] = (grus_member){&engine_of(i, member)->decoder, encoded ? encoded + member : NULL};
    return members;
}

// What a batch takes, in the order in which grus_infer takes it.
static bool list(void *object, grus_arena *arena)
{
    const inferring *i = object;
    for (size_t member = 0; member < n_engines(i); member++) {
        const grus_engine *engine = engine_of(i, member);
        if (!grus_front_list(&engine->front, i->records, i->positions, arena) ||
            !grus_encode_list(&engine->encoder, first_final(engine), &i->sizes, arena))
            return false;
    }
    if (i->options->states)
        return true;
    if (!i->engine->config->seq2seq)
        return grus_classifier_list(&i->engine->classifier, i->options, &i->sizes, arena);
    const grus_members members = members_of(i, NULL);
    const grus_generator generator = {&members, i->options, i->sizes};
    return grus_generator_list(&generator, arena);
}

size_t grus_workspace_bound(const grus_engine *engine, const grus_infer_options *options, size_t positions,
                            size_t records, size_t cells)
{
    inferring i = {engine, options, records, positions,
                   grus_sizes_within(options, engine->config, positions, records, cells)};
    return grus_arena_reserved(grus_arena_count(list, &i));
}

// The outputs stay where they are.
static void give_states(const grus_encoded *encoded, grus_result *results)
{
    for (size_t i = 0; i < encoded->n; i++) {
        results[i].finite = grus_encoded_is_finite(encoded, i);
        results[i].n_states = encoded->length[i];
        results[i].states = encoded->output + encoded->offset[i] * encoded->size;
    }
}

// encoded: by each engine.
static grus_status decode(const inferring *i, const grus_batch *batch, const grus_encoded *encoded,
                          const grus_work *work, grus_result *results)
{
    if (!i->engine->config->seq2seq)
        return grus_classifier_run(&i->engine->classifier, encoded, i->options, work, results);
    const grus_members members = members_of(i, encoded);
    const grus_generator generator = {&members, i->options, i->sizes};
    return grus_generator_run(&generator, batch, work, results);
}

static grus_status encode(const grus_engine *engine, const grus_batch *batch, const grus_work *work, grus_batch *behind,
                          grus_encoded *encoded)
{
    grus_status status = grus_front_run(&engine->front, batch, work, behind);
    return status ? status : grus_encode(&engine->encoder, behind, first_final(engine), work, encoded);
}

// Of the stats of the engines but the first, what is computed counts alone: they are about the same positions.
static grus_status encode_others(const inferring *i, const grus_batch *batch, const grus_work *work,
                                 grus_encoded *encoded)
{
    grus_infer_stats stats = {0};
    grus_work others = *work;
    grus_status status = GRUS_OK;
    others.stats = &stats;
    for (size_t member = 1; member < n_engines(i) && !status; member++) {
        grus_batch behind;
        status = encode(engine_of(i, member), batch, &others, &behind, encoded + member);
    }
    work->stats->flops += stats.flops;
    return status;
}

grus_status grus_infer(const grus_engine *engine, const grus_batch *batch, const grus_infer_options *options,
                       const grus_work *work, grus_result *results)
{
    inferring i = {engine, options, batch->n, 0, grus_sizes_of(batch, options, engine->config)};
    for (size_t record = 0; record < batch->n; record++)
        i.positions = grus_add_sat(i.positions, batch->length[record]);
    size_t bytes = grus_arena_count(list, &i);
    if (!grus_arena_reserve(work->arena, bytes))
        return grus_fail_memory(work->error, bytes);
    size_t held = grus_arena_bytes(work->arena);
    grus_batch behind;
    grus_encoded encoded[GRUS_MEMBERS_MOST];
    grus_status status = encode(engine, batch, work, &behind, encoded);
    for (size_t record = 0; record < batch->n && !status; record++)
        results[record] = (grus_result){.finite = true, .length = behind.length[record]};
    if (!status)
        status = encode_others(&i, batch, work, encoded);
    if (!status && options->states)
        give_states(encoded, results);
    else if (!status)
        status = decode(&i, &behind, encoded, work, results);
    grus_kernel_leave(engine->kernel);
    GRUS_ASSERT(status || grus_arena_bytes(work->arena) == held); // the list told all
    return status;
}
