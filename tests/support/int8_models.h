// int8_models.h: every kernel of numbers of 8 bits that the engine has for some machine, on a model of its instructions in
// plain C: their layouts and loops run on every machine.
#ifndef GRUS_TESTS_SUPPORT_INT8_MODELS_H
#define GRUS_TESTS_SUPPORT_INT8_MODELS_H

#include "engine/kernel/kernel.h"

// The i-th, NULL behind the last.
const grus_kernel *int8_model(size_t i);

#endif
