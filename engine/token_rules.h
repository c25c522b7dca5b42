// token_rules.h: what a hypothesis has already decides about its next token: no n-gram twice, and a penalty on tokens that
// it has. The rules are those of CTranslate2 (NoRepeatNgram and RepetitionPenalty of its decoding_utils.cc), but that what
// no n-gram may end in leaves the others their log-probabilities, as a suppressed token does. The search finds the tokens.
#ifndef GRUS_ENGINE_TOKEN_RULES_H
#define GRUS_ENGINE_TOKEN_RULES_H

#include "engine/decoder.h"
#include "engine/nn/logits.h"

typedef struct grus_token_rules {
    const grus_vector *vector;
    const grus_search *search;
    uint32_t *tokens; // (limit) of the hypothesis whose turn it is, first to last; written by the search
    size_t *match;    // (limit) scratch
    float *before;    // (limit) scratch
    float *zeros;     // (vocabulary)
    size_t vocab;
} grus_token_rules;

static inline bool grus_token_rules_any(const grus_search *search)
{
    return search->no_repeat_ngram_size > 0 || search->repetition_penalty != 1;
}

// Lists what the rules of a search take, where it has any: sources are of `longest` positions at most. False when arena has
// none left.
bool grus_token_rules_list(grus_token_rules *rules, const grus_decoder *decoder, const grus_search *search,
                           size_t longest, grus_arena *arena);
// Before the first row.
void grus_token_rules_begin(grus_token_rules *rules);

// The row that follows the first n of rules->tokens: first the penalty, which normalises it anew, then the ban. A step takes time
// that is linear in n and in the vocabulary.
void grus_token_rules_penalise(const grus_token_rules *rules, size_t n, const grus_unranked *row);
void grus_token_rules_ban(const grus_token_rules *rules, size_t n, const grus_unranked *row);

#endif
