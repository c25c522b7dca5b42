// gru_before.h: the GRU of Cho et al. 2014, whose reset gate comes before the recurrent product of the candidate (Keras
// with reset_after=False, TensorFlow's GRUCell, Paddle's dynamic_gru).
#ifndef GRUS_ENGINE_NN_GRU_BEFORE_H
#define GRUS_ENGINE_NN_GRU_BEFORE_H

#include "engine/nn/cell.h"

extern const grus_cell_type grus_gru_before;

#endif
