// decoding.h: one step of any number of live hypotheses (rows) of an attention decoder, from the first states that the
// bridge makes on. What a row's next token is, and which rows live on, is the search's business (search.h, forced.h).
#ifndef GRUS_ENGINE_DECODING_H
#define GRUS_ENGINE_DECODING_H

#include "engine/decoder.h"
#include "engine/nn/encoded.h"
#include "engine/parents.h"
#include "engine/sizes.h"
#include "engine/states.h"

// The state of all rows between steps, and scratch; lives in an arena.
typedef struct grus_decoding grus_decoding;

typedef struct grus_decoding_shape {
    size_t max_rows; // of a step
    bool fold; // keys as in grus_attention_keys, and the context's products with the weights that read it are made once
               // for each source position
} grus_decoding_shape;

// Starts decoding a batch that was encoded with its final states from the bridge's first_final on: bridge, keys. work's
// stats are added to at every step. GRUS_E_MEMORY when its arena has none left.
grus_status grus_decoding_start(const grus_decoder *decoder, const grus_encoded *encoded, grus_decoding_shape shape,
                                const grus_work *work, grus_decoding **decoding);

// Lists what a decoding takes: grus_decoding_start, on the arena alone. Of sizes it asks records, positions and longest.
bool grus_decoding_list(const grus_decoder *decoder, grus_decoding_shape shape, const grus_sizes *sizes,
                        grus_arena *arena);

// One step of n <= max_rows rows, up to their readouts. Their states become the parents of the next step's.
void grus_decoding_step(grus_decoding *decoding, const grus_row *rows, size_t n);

// Scores n rows of the last step, row i of the scores being the step's row which[i] (NULL: i).
grus_scores grus_decoding_score(grus_decoding *decoding, const uint32_t *which, size_t n);

#endif
