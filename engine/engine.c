// engine.c: an engine built from a configuration and its tensors, and a batch taken through it.
#include "config.h"

#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "engine/decoding.h"
#include "engine/encoder.h"
#include "engine/forced.h"
#include "engine/nn/classifier.h"
#include "engine/nn/pooling.h"
#include "engine/search.h"
#include "engine/search_rules.h"

struct grus_engine {
    const grus_config *config;
    const grus_kernel *kernel;
    grus_encoder encoder;
    grus_pooling pooling;
    grus_head heads[GRUS_MAX_HEADS];
    grus_decoder decoder;
    grus_arena *weights; // all that was read
    size_t parameters;
};

#define WEIGHT_BLOCK_BYTES ((size_t)8 << 20)

struct grus_workspace {
    grus_arena *arena;
};

static grus_status read_parts(grus_engine *engine, grus_reading *reading, grus_error *error)
{
    const grus_config *config = engine->config;
    grus_status status = grus_encoder_read(reading, config, &engine->encoder, error);
    if (status)
        return status;
    if (config->seq2seq)
        return grus_decoder_read(reading, config, &engine->decoder, error);
    status = grus_pooling_read(reading, config, &engine->pooling, error);
    for (size_t i = 0; i < config->n_heads && !status; i++)
        status = grus_head_read(reading, config, config->heads + i, engine->heads + i, error);
    return status;
}

grus_status grus_engine_build(const grus_config *config, const grus_tensor_source *tensors, grus_engine **engine,
                              grus_error *error)
{
    const grus_kernel *kernel;
    grus_status status = grus_kernel_get(&kernel, error);
    if (status)
        return status;
    grus_engine *built = calloc(1, sizeof *built);
    if (!built)
        return grus_fail_memory(error, sizeof *built);
    built->config = config;
    built->kernel = kernel;
    built->weights = grus_arena_new(WEIGHT_BLOCK_BYTES);
    grus_reading reading = {kernel, tensors, built->weights, 0};
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
        flops += grus_gru_flops(decoder->gru + i, 1);
    return (double)flops;
}

grus_engine_facts grus_engine_describe(const grus_engine *engine)
{
    const grus_encoder *encoder = &engine->encoder;
    const grus_decoder *decoder = &engine->decoder;
    grus_engine_facts facts = {.source_vocab = encoder->vocab,
                               .parameters = engine->parameters,
                               .weight_bytes = grus_encoder_bytes(encoder),
                               .encoder_flops = (double)grus_encoder_flops(encoder, 1),
                               .lanes = grus_encoder_lanes(engine->kernel),
                               .tile = engine->kernel->tile};
    size_t many = 1 << 16;
    facts.position_bytes = (grus_encode_bytes(encoder, 2 * many, 1) - grus_encode_bytes(encoder, many, 1)) / many;
    facts.lane_bytes = encoder->hidden * sizeof(float);
    if (!engine->config->seq2seq) {
        if (engine->pooling.kind == GRUS_POOL_ATTENTION)
            facts.weight_bytes += grus_attention_bytes(&engine->pooling.attention);
        for (size_t i = 0; i < engine->config->n_heads; i++)
            facts.weight_bytes += grus_weights_bytes(engine->heads[i].weights);
        return facts;
    }
    facts.target_vocab = decoder->vocab;
    facts.weight_bytes += grus_decoder_bytes(decoder);
    facts.decoder_flops = row_flops(decoder);
    size_t rows = engine->kernel->tile;
    facts.lane_bytes =
        (grus_decoding_bytes(decoder, 1, 1, 2 * rows, false) - grus_decoding_bytes(decoder, 1, 1, rows, false)) / rows;
    return facts;
}

grus_workspace *grus_workspace_new(const grus_engine *engine)
{
    (void)engine;
    grus_workspace *workspace = calloc(1, sizeof *workspace);
    if (!workspace)
        return NULL;
    workspace->arena = grus_arena_new((size_t)64 << 10);
    if (!workspace->arena) {
        free(workspace);
        return NULL;
    }
    return workspace;
}

void grus_workspace_free(grus_workspace *workspace)
{
    if (!workspace)
        return;
    grus_arena_free(workspace->arena);
    free(workspace);
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static grus_status run_heads(const grus_engine *engine, grus_arena *arena, const grus_encoded *encoded,
                             const float *pooled, grus_result *results, grus_error *error)
{
    size_t n_heads = engine->config->n_heads;
    grus_prediction *predictions = grus_arena_alloc(arena, encoded->n * n_heads, sizeof *predictions);
    if (!predictions)
        return grus_fail_memory(error, encoded->n * n_heads * sizeof *predictions);
    for (size_t head = 0; head < n_heads; head++) {
        uint32_t *labels;
        float *probs;
        grus_status status = grus_head_run(engine->heads + head, arena, encoded, pooled, &labels, &probs, error);
        if (status)
            return status;
        bool on_token = engine->heads[head].on_token;
        for (size_t i = 0; i < encoded->n; i++) {
            size_t first = on_token ? encoded->offset[i] : i, n = on_token ? encoded->length[i] : 1;
            predictions[i * n_heads + head] = (grus_prediction){n, labels + first, probs + first};
            results[i].finite = results[i].finite && all_finite(probs + first, n);
        }
    }
    for (size_t i = 0; i < encoded->n; i++)
        results[i].predictions = predictions + i * n_heads;
    return GRUS_OK;
}

static grus_status infer_encoder(const grus_engine *engine, grus_arena *arena, const grus_encoded *encoded,
                                 const grus_infer_options *options, grus_result *results, grus_error *error)
{
    const grus_pooling *pooling = &engine->pooling;
    size_t size = engine->encoder.output;
    float *pooled = NULL, *weights = NULL;
    if (pooling->kind != GRUS_POOL_NONE) {
        pooled = grus_arena_alloc(arena, encoded->n * size, sizeof *pooled);
        weights = grus_arena_alloc(arena, encoded->positions, sizeof *weights);
        if (!pooled || !weights)
            return grus_fail_memory(error, encoded->n * size * sizeof *pooled);
        grus_status status = grus_pool(pooling, engine->kernel, arena, encoded,
                                       encoded->final[engine->encoder.layers - 1], pooled, weights, error);
        if (status)
            return status;
    }
    bool weighted = options->attention && pooling->kind == GRUS_POOL_ATTENTION;
    for (size_t i = 0; i < encoded->n; i++) {
        results[i].finite = !pooled || all_finite(pooled + i * size, size);
        results[i].embedding = pooled ? pooled + i * size : NULL;
        results[i].attention = weighted ? weights + encoded->offset[i] : NULL;
    }
    return options->heads ? run_heads(engine, arena, encoded, pooled, results, error) : GRUS_OK;
}

static bool alloc_forced(const grus_infer_options *options, grus_arena *arena, const grus_encoded *encoded,
                         grus_forced *forced)
{
    for (size_t i = 0; i < encoded->n; i++) {
        if (options->token_scores && !(forced[i].logprobs = grus_arena_alloc(arena, forced[i].length, sizeof(float))))
            return false;
        if (options->attention &&
            !(forced[i].attention = grus_arena_alloc(arena, forced[i].length * encoded->length[i], sizeof(float))))
            return false;
    }
    return true;
}

// The targets of the batch with the end token behind each.
static bool set_targets(const grus_engine *engine, grus_arena *arena, const grus_batch *batch, grus_forced *forced)
{
    const uint32_t *target = batch->targets;
    for (size_t i = 0; i < batch->n; i++) {
        size_t n = batch->target_length[i];
        uint32_t *tokens = grus_arena_alloc(arena, n + 1, sizeof *tokens);
        if (!tokens)
            return false;
        for (size_t j = 0; j < n; j++)
            tokens[j] = target[j];
        tokens[n] = (uint32_t)engine->config->decoder.eos;
        target += n;
        forced[i] = (grus_forced){.tokens = tokens, .length = n + 1};
    }
    return true;
}

static grus_status infer_forced(const grus_engine *engine, grus_arena *arena, const grus_batch *batch,
                                const grus_encoded *encoded, const grus_infer_options *options, const atomic_bool *stop,
                                grus_result *results, grus_infer_stats *stats, grus_error *error)
{
    grus_forced *forced = grus_arena_alloc(arena, batch->n, sizeof *forced);
    grus_hypothesis *hypotheses = grus_arena_alloc(arena, batch->n, sizeof *hypotheses);
    if (!forced || !hypotheses || !set_targets(engine, arena, batch, forced) ||
        !alloc_forced(options, arena, encoded, forced))
        return grus_fail_memory(error, batch->n * sizeof *forced);
    // The arithmetic is that of a search with this beam, so a translation's score is the search's to the last bit.
    grus_status status =
        grus_force(&engine->decoder, arena, encoded, options->search.beam_size, forced, stop, stats, error);
    for (size_t i = 0; i < batch->n && !status; i++) {
        const grus_forced *f = forced + i;
        hypotheses[i] = (grus_hypothesis){.length = f->length,
                                          .ended = true,
                                          .tokens = f->tokens,
                                          .logprob = f->logprob,
                                          .score = grus_normalize(&options->search, f->logprob, f->length),
                                          .token_logprobs = f->logprobs,
                                          .attention = f->attention};
        results[i].finite = isfinite(f->logprob);
        results[i].hypotheses = hypotheses + i;
        results[i].n_hypotheses = 1;
        stats->tokens_out += f->length;
    }
    return status;
}

// The attention of each best hypothesis: it is followed once more. A step of a row is the same to the last bit in any
// company, so these are the very weights that the search used, and the search need not keep those of all its rows.
static grus_status retrace(const grus_engine *engine, grus_arena *arena, const grus_encoded *encoded, size_t beam_size,
                           const atomic_bool *stop, grus_result *results, grus_error *error)
{
    grus_infer_stats not_counted = {0};
    grus_infer_options options = {.attention = true};
    grus_forced *forced = grus_arena_alloc(arena, encoded->n, sizeof *forced);
    if (!forced)
        return grus_fail_memory(error, encoded->n * sizeof *forced);
    for (size_t i = 0; i < encoded->n; i++) {
        bool any = results[i].finite && results[i].n_hypotheses;
        forced[i] = (grus_forced){.tokens = any ? results[i].hypotheses[0].tokens : NULL,
                                  .length = any ? results[i].hypotheses[0].length : 0};
    }
    if (!alloc_forced(&options, arena, encoded, forced))
        return grus_fail_memory(error, 0);
    grus_status status = grus_force(&engine->decoder, arena, encoded, beam_size, forced, stop, &not_counted, error);
    for (size_t i = 0; i < encoded->n && !status; i++)
        if (forced[i].length)
            results[i].hypotheses->attention = forced[i].attention;
    return status;
}

static size_t total_of(const size_t *lengths, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += lengths[i];
    return total;
}

// Attention weights that a batch may give: steps times source positions of each sequence.
static size_t count_cells(const grus_batch *batch, const grus_infer_options *options)
{
    size_t cells = 0;
    for (size_t i = 0; i < batch->n && options->attention; i++) {
        size_t steps =
            options->force ? batch->target_length[i] + 1 : grus_search_limit(&options->search, batch->length[i]);
        size_t more;
        if (!grus_mul(steps, batch->length[i], &more) || !grus_add(cells, more, &cells))
            return SIZE_MAX / sizeof(float) / 4;
    }
    return cells;
}

// Bytes that a batch takes once it is encoded.
static size_t use_bytes(const grus_engine *engine, const grus_infer_options *options, size_t positions, size_t records,
                        size_t target_positions, size_t cells)
{
    const grus_decoder *decoder = &engine->decoder;
    if (!engine->config->seq2seq) {
        size_t bytes = (records * engine->encoder.output + positions) * sizeof(float) + 2 * GRUS_ALIGN +
                       grus_pool_bytes(&engine->pooling, positions) +
                       records * engine->config->n_heads * sizeof(grus_prediction);
        for (size_t i = 0; i < engine->config->n_heads; i++)
            bytes += grus_head_bytes(engine->heads + i, positions, records);
        return bytes;
    }
    size_t beam_rows = grus_search_rows(engine->kernel, options->search.beam_size);
    bool fold = grus_search_folds(options->search.beam_size);
    size_t attention_bytes = options->attention ? cells * sizeof(float) + records * GRUS_ALIGN : 0;
    size_t force_bytes = grus_decoding_bytes(decoder, positions, records, grus_search_rows(engine->kernel, 1), fold) +
                         grus_force_bytes(decoder, records) + attention_bytes;
    if (options->force)
        return force_bytes + 2 * (target_positions + records) * sizeof(float) +
               records * (sizeof(grus_hypothesis) + 2 * GRUS_ALIGN);
    return grus_decoding_bytes(decoder, positions, records, beam_rows, fold) +
           grus_search_bytes(decoder, &options->search, positions, records) + (options->attention ? force_bytes : 0);
}

// What encodes the batch is given back before what follows is taken.
static size_t bound(const grus_engine *engine, const grus_infer_options *options, size_t positions, size_t records,
                    size_t target_positions, size_t cells)
{
    const grus_encoder *encoder = &engine->encoder;
    return grus_max(grus_encode_bytes(encoder, positions, records),
                    grus_encoded_bytes(encoder, positions, records) +
                        use_bytes(engine, options, positions, records, target_positions, cells)) +
           ((size_t)64 << 10);
}

size_t grus_workspace_bound(const grus_engine *engine, const grus_infer_options *options, size_t positions,
                            size_t records, size_t cells)
{
    return bound(engine, options, positions, records, positions, cells);
}

grus_status grus_infer(const grus_engine *engine, grus_workspace *workspace, const grus_batch *batch,
                       const grus_infer_options *options, const atomic_bool *stop, grus_result *results,
                       grus_infer_stats *stats, grus_error *error)
{
    grus_arena *arena = workspace->arena;
    size_t target_positions = options->force ? total_of(batch->target_length, batch->n) : 0;
    size_t bytes = bound(engine, options, total_of(batch->length, batch->n), batch->n, target_positions,
                         count_cells(batch, options));
    if (!grus_arena_reserve(arena, bytes))
        return grus_fail_memory(error, bytes);
    bool seq2seq = engine->config->seq2seq;
    size_t first_final = seq2seq ? engine->decoder.bridge.first_final : engine->encoder.layers - 1;
    for (size_t i = 0; i < batch->n; i++)
        results[i] = (grus_result){.finite = true};
    grus_encoded encoded;
    grus_status status = grus_encode(&engine->encoder, arena, batch, first_final, stop, &encoded, stats, error);
    if (status)
        return status;
    if (!seq2seq)
        return infer_encoder(engine, arena, &encoded, options, results, error);
    if (options->force)
        return infer_forced(engine, arena, batch, &encoded, options, stop, results, stats, error);
    status = grus_search_run(&engine->decoder, arena, &encoded, &options->search, stop, results, stats, error);
    return status || !options->attention
               ? status
               : retrace(engine, arena, &encoded, options->search.beam_size, stop, results, error);
}
