// gru.h: nn.GRU of PyTorch, whose reset gate comes after the recurrent product.
#ifndef GRUS_ENGINE_NN_GRU_H
#define GRUS_ENGINE_NN_GRU_H

#include "engine/nn/cell.h"

extern const grus_cell_type grus_gru;

#endif
