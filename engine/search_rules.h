// search_rules.h: the arithmetic of the model contract's "generation" that needs no search to be under way: how many
// steps one may take, how many rows it keeps, whether its keys are folded, what a log-probability is worth.
#ifndef GRUS_ENGINE_SEARCH_RULES_H
#define GRUS_ENGINE_SEARCH_RULES_H

#include "engine/kernel/kernel.h"
#include "grus.h"

#define GRUS_SEARCH_MORE_STEPS 10 // that a search may take beyond max_length_factor times the source's length

// Steps that the search on a source of this length takes at most, the end token's included; at least one.
size_t grus_search_limit(const grus_search *search, size_t source_length);

// Rows that a search with this beam keeps in flight at most; of a beam of one, those of forced decoding too.
size_t grus_search_rows(const grus_kernel *kernel, size_t beam_size);

// Whether hypotheses are drawn, not searched for.
bool grus_search_samples(const grus_search *search);

// Whether the keys of a search with this beam are folded.
bool grus_search_folds(size_t beam_size);

// log-probability normalised for a length, as "length_norm" says.
double grus_normalize(const grus_search *search, double logprob, size_t length);

#endif
