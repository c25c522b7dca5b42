// crf.h: the labels of the best path of a linear-chain CRF: the sequence y of greatest
//   start[y_0] + logits_0[y_0] + sum over t > 0 of (transitions[y_{t-1}][y_t] + logits_t[y_t]) + end[y_last]
// by Viterbi (1967), in doubles. Positions come one after the other; where their logits come from is the caller's.
#ifndef GRUS_ENGINE_NN_CRF_H
#define GRUS_ENGINE_NN_CRF_H

#include "engine/nn/reading.h"

typedef struct grus_crf {
    const grus_vector *vector;
    size_t labels, width;     // C; and a row of transitions, whole vectors
    const float *transitions; // (C, width) from, to
    const float *start, *end; // (C)
    bool has_nan;             // one of them is none
} grus_crf;

// What a path is found in: one record after the other, in the memory of the longest.
typedef struct grus_crf_path {
    size_t n;       // positions so far
    bool finite;    // so were their logits
    double *scores; // (longest, width): of the best path that ends in each label
} grus_crf_path;

// Reads prefix.transitions [C, C] and, where they are there, prefix.start and prefix.end [C]. They are numbers of float32
// under every compute type. GRUS_E_MODEL or GRUS_E_MEMORY.
grus_status grus_crf_read(grus_reading *reading, const char *prefix, size_t labels, grus_crf *crf, grus_error *error);

// Lists the memory for records of so many positions; false when the arena has none left.
bool grus_crf_list(const grus_crf *crf, size_t longest, grus_arena *arena, grus_crf_path *path);

// Begins a record; takes the logits (C) of its next position; writes the labels (n) of its best path. Among equal ones the
// lower label wins, decided from the last position back. False, and no labels, where a logit or the path's score is not
// finite, or a number of the CRF is NaN, which a maximum would pass over.
void grus_crf_begin(grus_crf_path *path);
void grus_crf_step(const grus_crf *crf, grus_crf_path *path, const float *logits);
bool grus_crf_end(const grus_crf *crf, const grus_crf_path *path, uint32_t *labels);

#endif
