// decoding_step.h: one step of a decoding's rows, and their scores.
#ifndef GRUS_ENGINE_DECODING_STEP_H
#define GRUS_ENGINE_DECODING_STEP_H

#include "engine/decoding.h"

// One step of n <= max_rows rows, up to their readouts. Their states become the parents of the next step's.
void grus_decoding_step(grus_decoding *decoding, const grus_row *rows, size_t n);

// Scores n rows of the last step, row i of the scores being the step's row which[i] (NULL: i).
grus_scores grus_decoding_score(grus_decoding *decoding, const uint32_t *which, size_t n);

#endif
