// search.h: greedy and beam search over the rows of a decoding. What the step computes is decoding.h's business; rules of
// the search are those of the model contract's "generation" (search_rules.h).
#ifndef GRUS_ENGINE_SEARCH_H
#define GRUS_ENGINE_SEARCH_H

#include "engine/ensemble.h"
#include "engine/sizes.h"

// What is searched, and how.
typedef struct grus_search_task {
    const grus_members *members;
    const grus_search *search;
    const grus_batch *batch; // whose targets, where it has any, are prefixes of the hypotheses
} grus_search_task;

// Searches all sequences of the batch; results[i].hypotheses (best first) and .finite are filled in, in the arena; the
// rest of what it took there is given back. GRUS_E_MEMORY or GRUS_E_INTERRUPTED.
grus_status grus_search_run(const grus_search_task *task, const grus_sizes *sizes, const grus_work *work,
                            grus_result *results);

// Lists what a search takes: grus_search_run, on the arena alone.
bool grus_search_list(const grus_members *members, const grus_search *search, const grus_sizes *sizes,
                      grus_arena *arena);

#endif
