// sampling.h: one draw from a row of logits: among its topk best, with the probabilities of softmax(logits / temperature).
// What is drawn hangs on the row and the random number alone, and is the same on every kernel. Where that number comes from
// is the search's business (sampled.h).
#ifndef GRUS_ENGINE_SAMPLING_H
#define GRUS_ENGINE_SAMPLING_H

#include "base/arena.h"
#include "engine/nn/logits.h"

typedef struct grus_sampler {
    const grus_vector *vector;
    size_t topk; // 0: all
    float temperature;
    uint32_t *tokens; // (vocabulary) scratch: the candidates, in the order of their tokens
    float *weights;   // (vocabulary) scratch: of each
} grus_sampler;

// Lists the scratch for rows of vocab logits. False when arena has none left.
bool grus_sampler_list(grus_sampler *sampler, size_t vocab, grus_arena *arena);

// Draws by a number in [0, 1): the first candidate, in the order of tokens, up to which the probabilities add up to more
// than it. Of equal logits at the end of the best the lower tokens are among them. False: the row has no candidate.
bool grus_sampler_draw(const grus_sampler *sampler, const grus_logits *row, double number, grus_candidate *drawn);

#endif
