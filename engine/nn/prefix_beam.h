// prefix_beam.h: prefix beam search over a record's probabilities of labels, one of which is blank (Graves 2008; Hannun et
// al. 2014, without a language model). At each position every label extends every prefix; those of greatest mass stay, of
// equal ones the lower sequence, a prefix before its extensions; the mass of the others is lost.
//
// Masses are doubles, multiplied and added in one order, and scaled by powers of two: no logarithm is taken before the end.
#ifndef GRUS_ENGINE_NN_PREFIX_BEAM_H
#define GRUS_ENGINE_NN_PREFIX_BEAM_H

#include "base/arena.h"
#include "engine/nn/logits.h"

// The product x * 2^(-100 scalings), x > 0: beyond a double's exponents.
typedef struct grus_scaled {
    double x;
    size_t scalings;
} grus_scaled;

// Scales x up where it has become small: true where it has.
bool grus_scaled_up(grus_scaled *number);
double grus_scaled_log(grus_scaled number); // natural

typedef struct grus_prefix_shape {
    size_t labels, blank, beam_size;
} grus_prefix_shape;

struct grus_prefix;
struct grus_prefix_node;
struct grus_prefix_candidate;

typedef struct grus_prefix_beam {
    const grus_vector *vector;
    grus_prefix_shape shape;
    size_t n_live, n_nodes, n_taken;
    size_t scalings;                     // of all masses
    struct grus_prefix *live;            // (beam_size) best first
    struct grus_prefix_node *nodes;      // (1 + longest * beam_size)
    struct grus_prefix_candidate *taken; // (beam_size) those that come next, best first
    size_t n_best;                       // labels that any prefix may be extended by, of a position
    grus_candidate *best;                // (n_best + 1)
    float *top;                          // (blocks of labels)
} grus_prefix_beam;

// Lists the memory for records of so many positions; false when the arena has none left.
bool grus_prefix_beam_list(grus_prefix_beam *beam, const grus_vector *vector, grus_prefix_shape shape, size_t longest,
                           grus_arena *arena);

// Begins a record with the empty prefix; goes a position on, whose probabilities (labels) are finite and add up to 1; ends
// with the best prefix: its labels, how many there are (no more than positions), and the natural logarithm of its mass.
void grus_prefix_beam_begin(grus_prefix_beam *beam);
void grus_prefix_beam_step(grus_prefix_beam *beam, const float *probs);
size_t grus_prefix_beam_end(const grus_prefix_beam *beam, uint32_t *labels, double *score);

#endif
