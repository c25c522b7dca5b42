// search.h: greedy and beam search, and forced decoding, over the rows of a decoding. What the step computes is
// decoder.h's business; rules of the search are those of the model contract's "generation".
#ifndef GRUS_ENGINE_SEARCH_H
#define GRUS_ENGINE_SEARCH_H

#include "engine/decoder.h"

// Rows that a search with this beam keeps in flight at most.
size_t grus_search_rows(const grus_kernel *kernel, size_t beam_size);

// Searches all sequences of the batch; results[i].hypotheses (best first) and .finite are filled in, in the arena.
grus_status grus_search_run(const grus_decoder *decoder, grus_arena *arena, const grus_encoded *encoded,
                            const grus_search *search, const atomic_bool *stop, grus_result *results,
                            grus_infer_stats *stats, grus_error *error);

// A target to follow: length tokens, the end token included where it is to be scored.
typedef struct grus_forced {
    const uint32_t *tokens;
    size_t length;
    float *logprobs;  // (length) written, or NULL
    float *attention; // (length, source length) written, or NULL
    double logprob;   // written: the sum
} grus_forced;

// Follows forced[i] on sequence i of the batch, with the keys as a search of this beam has them.
grus_status grus_force(const grus_decoder *decoder, grus_arena *arena, const grus_encoded *encoded, size_t beam_size,
                       grus_forced *forced, const atomic_bool *stop, grus_infer_stats *stats, grus_error *error);

// Whether the keys of a search with this beam are folded.
bool grus_search_folds(size_t beam_size);

// log-probability normalised for a length, as "length_norm" says.
double grus_normalize(const grus_search *search, double logprob, size_t length);

// The most bytes of arena that grus_search_run and grus_force take, without what they hand to the decoding.
size_t grus_search_bytes(const grus_decoder *decoder, const grus_search *search, size_t positions, size_t records);
size_t grus_force_bytes(const grus_decoder *decoder, size_t records);

#endif
