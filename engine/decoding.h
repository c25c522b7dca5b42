// decoding.h: a batch that is being decoded: any number of live hypotheses (rows), from the first states that the bridge
// makes on. A step of them is decoding_step.h's; what a row's next token is, and which rows live on, the search's (search.h,
// forced.h).
//
// Legend: n rows, E embedding, H hidden units, D encoder outputs, R readout, V vocabulary. Rows are dense: the search
// drops, doubles and admits them at will, since a row finds its past by its parent's number; states (states.h), contexts
// and readouts alternate between two sides, one read and one written. What depends on the state before the step alone (the
// recurrent products, the attention of query previous_state) is computed once for all rows of one parent: a lane.
#ifndef GRUS_ENGINE_DECODING_H
#define GRUS_ENGINE_DECODING_H

#include "engine/decoder.h"
#include "engine/nn/encoded.h"
#include "engine/parents.h"
#include "engine/sizes.h"
#include "engine/states.h"

typedef struct grus_decoding_shape {
    size_t max_rows; // of a step
    bool fold; // keys as in grus_attention_keys, and the context's products with the weights that read it are made once
               // for each source position
} grus_decoding_shape;

// The state of all rows between steps, and scratch; lives in an arena.
typedef struct grus_decoding {
    const grus_decoder *decoder;
    const grus_encoded *encoded;
    grus_infer_stats *stats;
    grus_keys keys;
    grus_states states;
    float *folded_values;   // (positions, context_ld), where
    bool folded;            // a context is the products of the maps that read it, not D outputs
    size_t context_ld;      // floats of a context
    size_t context_columns; // of them that are wanted, without what fills up panels
    size_t side;            // the one written last
    struct grus_decoding_side {
        float *context; // (max_rows, context_ld)
        float *readout; // (max_rows, readout_ld)
    } sides[2];
    size_t max_rows, readout_ld;
    float *zeros;        // a row that is only read
    grus_panels *panels; // scratch of products
    float *gi;           // (max_rows, the first layer's width)
    grus_cell_scratch cell_scratch;
    bool two_inputs, tabled_input; // of the layer: its input is the sum of gi_rows and more_rows; gi_rows are a table's
    grus_query_scratch query_scratch;
    grus_output_layer output;
    size_t longest;    // source
    size_t scratch_ld; // floats of a query's weights: longest for each head
    float *weights;    // (GRUS_MAX_SUMS, scratch_ld)
    float *sums;       // with heads: (max_rows, A) what they have summed, of which contexts are made
    // Row pointers of the step, (max_rows) each; those of lanes and of rows in lane order are marked.
    const float **embedding, **h_read, **context_prev, **context, **readout_prev, **readout, **gi_rows, **more_rows,
        **queries;
    const float **h_lane; // of lanes: their states
    const float **chosen; // what one map takes of the rows' contexts; the readouts that are scored
    const float **gi_lane, **more_lane, **h_prev; // in lane order
    float **h_new;                                // in lane order
    grus_parents parents;
    uint32_t *token; // (max_rows)
    uint32_t *every; // (max_rows) 0, 1, 2, ...
    size_t n_rows;   // of the step last made
} grus_decoding;

// Starts decoding a batch that was encoded with its final states from the bridge's first_final on: bridge, keys. work's
// stats are added to at every step. GRUS_E_MEMORY when its arena has none left.
grus_status grus_decoding_start(const grus_decoder *decoder, const grus_encoded *encoded, grus_decoding_shape shape,
                                const grus_work *work, grus_decoding **decoding);

// Lists what a decoding takes: grus_decoding_start, on the arena alone. Of sizes it asks records, positions and longest.
bool grus_decoding_list(const grus_decoder *decoder, grus_decoding_shape shape, const grus_sizes *sizes,
                        grus_arena *arena);

#endif
