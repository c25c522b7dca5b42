// lstm.h: nn.LSTM, whose states have a second row, c.
#ifndef GRUS_ENGINE_NN_LSTM_H
#define GRUS_ENGINE_NN_LSTM_H

#include "engine/nn/cell.h"

extern const grus_cell_type grus_lstm;

#endif
