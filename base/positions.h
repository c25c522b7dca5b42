// positions.h: how many positions a front leaves of a sequence, and at most of a batch. What a front computes is
// engine/nn/front.h's.
#ifndef GRUS_BASE_POSITIONS_H
#define GRUS_BASE_POSITIONS_H

#include "base/model_config.h"

// Behind one layer. 0 stays 0; SIZE_MAX where it overflows.
size_t grus_positions_of_layer(const grus_front_layer_config *layer, size_t length);

// Behind the whole front of a model, which may have none.
size_t grus_positions_of(const grus_config *config, size_t length);

// At least those of any sequences, so many, of so many positions in all; of one layer, and of the whole front.
size_t grus_positions_most_of_layer(const grus_front_layer_config *layer, size_t positions, size_t sequences);
size_t grus_positions_most(const grus_config *config, size_t positions, size_t sequences);

// Whether position i behind the front stands for position i before it, in sequences of every length.
bool grus_positions_are_kept(const grus_config *config);

#endif
