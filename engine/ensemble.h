// ensemble.h: the decodings of one model, or of several over the same sources, taken step by step as one: all have the same
// rows, and what a row says next is the mean of what they say. Of one model it is that model's decoding and nothing more.
//
// The log-probability of a token is the mean over the models of their log_softmax, each term a float, their sum a double;
// it is not normalised again. So is a weight of attention the mean of theirs. The first model leads: it has the rules.
#ifndef GRUS_ENGINE_ENSEMBLE_H
#define GRUS_ENGINE_ENSEMBLE_H

#include "engine/decoding_step.h"
#include "engine/token_rules.h"

#define GRUS_MEMBERS_MOST (1 + GRUS_OTHERS_MOST)

// One of the models, and what its encoder made of the batch; NULL while sizes are all that is asked.
typedef struct grus_member {
    const grus_decoder *decoder;
    const grus_encoded *encoded;
} grus_member;

// They have the same vocabulary, beginnings, end token, kernel and lengths of sources.
typedef struct grus_members {
    size_t n; // at least 1
    grus_member list[GRUS_MEMBERS_MOST];
} grus_members;

typedef struct grus_ensemble {
    size_t n;
    grus_decoding *decodings[GRUS_MEMBERS_MOST];
    grus_scores scores[GRUS_MEMBERS_MOST]; // of the rows that were scored last
    const grus_members *members;
    grus_infer_stats *stats, others; // of the first; of the others, whose flops alone are counted
    float *bounds;                   // (blocks of the vocabulary) of several: scratch of grus_ensemble_likeliest
    // Of several, where attention is asked for: for each row what one of them says, and the sums.
    size_t longest;
    grus_row *rows; // (max_rows)
    float *weights; // (max_rows, longest)
    double *sums;   // (max_rows, longest)
} grus_ensemble;

// Starts decoding a batch that was encoded by all. attends: rows may have weights. GRUS_E_MEMORY.
grus_status grus_ensemble_start(const grus_members *members, grus_decoding_shape shape, bool attends,
                                const grus_work *work, grus_ensemble *ensemble);
// Lists what that takes: grus_ensemble_start, on the arena alone. Of sizes it asks records, positions and longest.
bool grus_ensemble_list(const grus_members *members, grus_decoding_shape shape, bool attends, const grus_sizes *sizes,
                        grus_arena *arena);

// As grus_decoding_step, for all.
void grus_ensemble_step(grus_ensemble *ensemble, const grus_row *rows, size_t n);
// As grus_decoding_score, for all; what they say of a row is to be asked of the following.
void grus_ensemble_score(grus_ensemble *ensemble, const uint32_t *which, size_t n);

// The penalty on what each member says of row i of the scored, which follows the first n of rules->tokens.
void grus_ensemble_penalise(const grus_ensemble *ensemble, const grus_token_rules *rules, size_t n, size_t i);
// The mean of row i, in the first member's place; once for each row. Where a member's numbers are not finite, it is not.
grus_unranked grus_ensemble_mean(const grus_ensemble *ensemble, size_t i);
// The same where it is only asked for the k best of it, of those that may come to floor: no other need have its place.
// scratch has room for k.
grus_unranked grus_ensemble_likeliest(const grus_ensemble *ensemble, size_t i, size_t k, float floor,
                                      grus_candidate *scratch);
// That mean of one token, where no other is asked for.
float grus_ensemble_logprob(const grus_ensemble *ensemble, size_t i, uint32_t token);

#endif
