// batch.h: what goes into the engine and what comes out: a batch of sequences, the options of a run over it, its results
// and what was counted on the way; and grus_work, what every part of the engine works with while it runs a batch.
#ifndef GRUS_ENGINE_BATCH_H
#define GRUS_ENGINE_BATCH_H

#include <stdatomic.h>

#include "base/arena.h"
#include "grus.h"

// Sequences laid end to end: sequence i has length[i] positions, behind those of the sequences before it.
typedef struct grus_batch {
    size_t n;
    const size_t *length;  // (n)
    const uint32_t *ids;   // (positions), each below source_vocab; NULL for feature models
    const float *features; // (positions, feature_dim); NULL for token models
    // Seq2seq models: the forced targets, without the end token; of a search the prefixes of its hypotheses. NULL: none.
    const size_t *target_length; // (n)
    const uint32_t *targets;     // laid end to end, each below target_vocab
    const uint64_t *keys;        // (n) of random numbers, where hypotheses are drawn
} grus_batch;

struct grus_engine;
#define GRUS_OTHERS_MOST 15

typedef struct grus_infer_options {
    uint32_t heads; // encoder models: bit i for the prediction of head i
    grus_head_output head_output;
    bool force;        // seq2seq models: score batch->targets instead of searching
    bool states;       // fill in states and nothing else
    bool attention;    // fill in attention
    bool token_scores; // with force: fill in token_logprobs
    grus_search search;
    bool attention_heads;              // with attention: that of each head of its own, if it has several
    size_t marks_before, marks_behind; // with search.replace_unk: positions around each source's own
    // Seq2seq models: engines that decode together with the one that is run (ensemble.h says what they have in common).
    size_t n_others;
    const struct grus_engine *others[GRUS_OTHERS_MOST];
} grus_infer_options;

#define GRUS_ALL_HEADS UINT32_MAX
#define GRUS_NO_SOURCE UINT32_MAX

// What a head says of a sequence. Labels where they are asked for and the head has softmax, else numbers, each NULL without.
typedef struct grus_prediction {
    size_t n;              // 1 on a sequence head, the length on a token head, of ctc the labels that are left
    const uint32_t *label; // (n)
    const float *prob;     // (n) of the labels; NULL where positions decide together
    const float *numbers;  // (n, C): probabilities or linear outputs
    double score;          // of ctc
} grus_prediction;

typedef struct grus_hypothesis {
    size_t length; // generated tokens, the end token included where it ended
    bool ended;
    const uint32_t *tokens; // (length)
    double logprob, score;
    const float *token_logprobs; // (length), or NULL
    const float *attention;      // (length, the result's length) row-major, or NULL; only of the best hypothesis; with
                                 // attention_heads (length, heads, the result's length)
    // With search.replace_unk, and where it has one: of each <unk> the source's own position of the greatest weight, the
    // lowest of equal ones, or GRUS_NO_SOURCE where it has no own; else NULL.
    const uint32_t *sources; // (length)
} grus_hypothesis;

typedef struct grus_result {
    bool finite;            // false: some number of this result is not; nothing else is to be used then
    size_t length;          // positions behind the front: of token heads, and columns of attention
    const float *embedding; // the pooled vector; NULL without pooling
    size_t n_states;        // positions of the encoder
    const float *states;    // (n_states, D) its outputs, where they were asked for; else NULL
    const float
        *attention; // (length) pooling weights, where asked for and the pooling is by attention; else NULL; with
                    // attention_heads (heads, length)
    const grus_prediction
        *predictions; // one for each head of the config, all 0 where it was not asked for; NULL: none was
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

// What travels together through the engine while a batch is run; all of it belongs to one worker but *stop.
typedef struct grus_work {
    grus_arena *arena;       // results and scratch, until the workspace's next use
    const atomic_bool *stop; // the caller's wish to stop, set from another thread; may be NULL
    grus_infer_stats *stats; // added to
    grus_error *error;       // filled by what fails
} grus_work;

static inline bool grus_stop_asked(const atomic_bool *stop)
{
    return stop && atomic_load_explicit(stop, memory_order_relaxed);
}

#endif
