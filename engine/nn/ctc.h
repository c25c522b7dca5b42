// ctc.h: the labels that a head trained by connectionist temporal classification (Graves et al. 2006) gives a record: paths
// of one label a position, in which repeats are merged and then blanks are dropped. Greedy: the best label of each position;
// or the best labelling that a search over prefixes finds (prefix_beam.h). Positions come one after the other.
#ifndef GRUS_ENGINE_NN_CTC_H
#define GRUS_ENGINE_NN_CTC_H

#include "engine/nn/prefix_beam.h"

typedef struct grus_ctc {
    const grus_vector *vector;
    size_t labels, blank, beam_size; // 1: greedy
} grus_ctc;

// What one record after the other is decoded in.
typedef struct grus_ctc_path {
    grus_prefix_beam beam; // of a beam_size above 1
    size_t n;              // greedy: labels written
    uint32_t last;         // and the best label of the position before
    grus_scaled path;      // and the path's probability
    bool finite;
} grus_ctc_path;

// Lists the memory for records of so many positions; false when the arena has none left.
bool grus_ctc_list(const grus_ctc *ctc, size_t longest, grus_arena *arena, grus_ctc_path *path);

// Begins a record; takes the probabilities (labels) of its next position, to write what a greedy path has come to, at most
// a label a position, into labels; ends it: the labels (*n) that it is given, and the natural logarithm of the probability of
// the path, or of what a search gathered for them. False, with nothing written, where a probability is not finite.
void grus_ctc_begin(const grus_ctc *ctc, grus_ctc_path *path);
void grus_ctc_step(const grus_ctc *ctc, grus_ctc_path *path, const float *probs, uint32_t *labels);
bool grus_ctc_end(const grus_ctc *ctc, grus_ctc_path *path, uint32_t *labels, size_t *n, double *score);

#endif
