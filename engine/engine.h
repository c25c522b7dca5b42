// engine.h: the engine's front door: a batch of sequences in, results out. Everything above calls only this.
//
// Knows tensors, lanes and models; knows no files, threads, JSON or text. A grus_engine is immutable and shared by all
// workers; a grus_workspace belongs to one worker. A result depends on its own sequence alone, to the last bit:
// neither the batch it came in, nor the place in it, nor the number of lanes changes it.
#ifndef GRUS_ENGINE_ENGINE_H
#define GRUS_ENGINE_ENGINE_H

#include "base/model_config.h"
#include "base/tensor.h"

typedef struct grus_engine grus_engine;
typedef struct grus_workspace grus_workspace;

// Reads every tensor that config needs (shapes checked, floats converted, weights packed). config must outlive the
// engine; its vocab sizes, where 0, are taken from the embedding tensors. Fails with GRUS_E_MODEL or GRUS_E_MEMORY.
grus_status grus_engine_build(const grus_config *config, const grus_tensor_source *tensors, grus_engine **engine,
                              grus_error *error);
void grus_engine_free(grus_engine *engine);

typedef struct grus_engine_facts {
    size_t source_vocab, target_vocab; // rows of the embeddings; 0 where there is none
    size_t parameters;                 // floats of the tensors used
    size_t weight_bytes;               // memory held by packed weights and tables
    double encoder_flops;              // a source position
    double decoder_flops;              // a generated token of a hypothesis by itself, attention left out
    size_t lanes;                      // lanes a batch is laid over, and rows a decoder step holds, at most
    size_t tile;                       // lanes that are computed together
    size_t position_bytes;             // workspace a source position of a batch
    size_t lane_bytes;                 // workspace a lane
} grus_engine_facts;
grus_engine_facts grus_engine_describe(const grus_engine *engine);

// Sequences laid end to end: sequence i has length[i] positions, behind those of the sequences before it.
typedef struct grus_batch {
    size_t n;
    const size_t *length;        // (n)
    const uint32_t *ids;         // (positions), each below source_vocab; NULL for feature models
    const float *features;       // (positions, feature_dim); NULL for token models
    const size_t *target_length; // (n) GRUS_TASK_SCORE: the forced targets, without the end token
    const uint32_t *targets;     // laid end to end, each below target_vocab
} grus_batch;

typedef struct grus_infer_options {
    bool heads;        // encoder models: fill in predictions
    bool force;        // seq2seq models: score batch->targets instead of searching
    bool attention;    // fill in attention
    bool token_scores; // with force: fill in token_logprobs
    grus_search search;
} grus_infer_options;

typedef struct grus_prediction {
    size_t n;              // 1 on a sequence head, the length on a token head
    const uint32_t *label; // (n)
    const float *prob;     // (n)
} grus_prediction;

typedef struct grus_hypothesis {
    size_t length; // generated tokens, the end token included where it ended
    bool ended;
    const uint32_t *tokens; // (length)
    double logprob, score;
    const float *token_logprobs; // (length), or NULL
    const float *attention;      // (length, source length) row-major, or NULL; only of the best hypothesis
} grus_hypothesis;

typedef struct grus_result {
    bool finite;            // false: some number of this result is not; nothing else is to be used then
    const float *embedding; // (D) the pooled vector; NULL without pooling
    const float *attention; // (length) pooling weights, where asked for and the pooling is by attention; else NULL
    const grus_prediction *predictions; // one for each head of the config, where heads was asked for
    size_t n_hypotheses;
    grus_hypothesis *hypotheses; // best first
} grus_result;

typedef struct grus_infer_stats {
    uint64_t positions, positions_computed; // encoder positions asked for; computed, padding included
    uint64_t rows, rows_computed;           // decoder rows that carried a live hypothesis; computed
    uint64_t tokens_out;                    // generated tokens of the results' hypotheses, end tokens included
    // Multiplied and added by the encoder, the decoder and its attention, padding left out; what hypotheses share counts
    // once.
    uint64_t flops;
} grus_infer_stats;

static inline void grus_infer_stats_add(grus_infer_stats *to, const grus_infer_stats *from)
{
    to->positions += from->positions;
    to->positions_computed += from->positions_computed;
    to->rows += from->rows;
    to->rows_computed += from->rows_computed;
    to->tokens_out += from->tokens_out;
    to->flops += from->flops;
}

grus_workspace *grus_workspace_new(const grus_engine *engine);
void grus_workspace_free(grus_workspace *workspace);

// The caller's wish to stop: *stop is set from another thread.
static inline bool grus_stop_asked(const volatile bool *stop)
{
    return stop && __atomic_load_n(stop, __ATOMIC_RELAXED);
}

// Runs the batch and fills results (n), which live in the workspace until its next use. stats is added to.
// Fails only with GRUS_E_MEMORY (nothing is then valid) or GRUS_E_INTERRUPTED (*stop became true; may be NULL).
grus_status grus_infer(const grus_engine *engine, grus_workspace *workspace, const grus_batch *batch,
                       const grus_infer_options *options, const volatile bool *stop, grus_result *results,
                       grus_infer_stats *stats, grus_error *error);

// Steps that the search on a source of this length takes at most, the end token's included; at least one.
size_t grus_search_limit(const grus_search *search, size_t source_length);

// The most bytes that a workspace takes from the system for any batch within these bounds; cells are attention weights,
// steps times source positions summed over the records. Forced targets count among the positions.
size_t grus_workspace_bound(const grus_engine *engine, const grus_infer_options *options, size_t positions,
                            size_t records, size_t cells);

#endif
