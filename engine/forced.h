// forced.h: forced decoding: targets that are given are followed, and scored token by token.
//
// Any number of targets may go on one source.
#ifndef GRUS_ENGINE_FORCED_H
#define GRUS_ENGINE_FORCED_H

#include "engine/ensemble.h"
#include "engine/sizes.h"

// A target to follow: length tokens, the end token included where it is to be scored.
typedef struct grus_forced {
    uint32_t sequence; // of the batch: the source
    const uint32_t *tokens;
    size_t length;
    float *logprobs;   // (length) written, or NULL
    float *attention;  // (length, source length) written, or NULL
    bool by_head;      // attention is (length, heads, source length); sources is NULL then
    uint32_t *sources; // (length) written at each <unk> as in grus_hypothesis, or NULL
    double logprob;    // written where they are scored: the sum
} grus_forced;

// What is followed, and how.
typedef struct grus_forced_task {
    const grus_members *members;
    const grus_infer_options *options; // the keys are as a search of this beam has them
    bool scored;                       // log-probabilities are wanted
    size_t n;                          // targets, at most
} grus_forced_task;

// Follows n targets. What it takes of the arena is given back. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_forced_run(const grus_forced_task *task, grus_forced *forced, const grus_work *work);

// Lists what it takes: grus_forced_run, on the arena alone.
bool grus_forced_list(const grus_forced_task *task, const grus_sizes *sizes, grus_arena *arena);

#endif
