// search.h: greedy and beam search over the rows of a decoding. What the step computes is decoding.h's business; rules of
// the search are those of the model contract's "generation" (search_rules.h).
#ifndef GRUS_ENGINE_SEARCH_H
#define GRUS_ENGINE_SEARCH_H

#include "engine/batch.h"
#include "engine/decoder.h"
#include "engine/nn/encoded.h"

// Searches all sequences of the batch; results[i].hypotheses (best first) and .finite are filled in, in the arena.
grus_status grus_search_run(const grus_decoder *decoder, grus_arena *arena, const grus_encoded *encoded,
                            const grus_search *search, const atomic_bool *stop, grus_result *results,
                            grus_infer_stats *stats, grus_error *error);

// The most bytes of arena that grus_search_run takes, without what it hands to the decoding.
size_t grus_search_bytes(const grus_decoder *decoder, const grus_search *search, size_t positions, size_t records);

#endif
