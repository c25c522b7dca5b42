// sampled.h: hypotheses that are drawn token by token (sampling.h), each for itself, in place of those that are searched
// for. Their random numbers hang on the batch's keys, the number of the draw and the step alone.
#ifndef GRUS_ENGINE_SAMPLED_H
#define GRUS_ENGINE_SAMPLED_H

#include "engine/search.h"

// Draws n_best hypotheses, each with a beam of 1, for all sequences of the batch, by its keys; results[i].hypotheses (by score, the earlier drawn first among equals) and .finite
// are filled in, in the arena; the rest of what it took there is given back. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_sampled_run(const grus_search_task *task, const grus_sizes *sizes, const grus_work *work,
                             grus_result *results);

// Lists what that takes: grus_sampled_run, on the arena alone.
bool grus_sampled_list(const grus_members *members, const grus_search *search, const grus_sizes *sizes,
                       grus_arena *arena);

#endif
