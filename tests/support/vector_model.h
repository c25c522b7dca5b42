// vector_model.h: the table of vector_model.c.
#ifndef GRUS_TESTS_SUPPORT_VECTOR_MODEL_H
#define GRUS_TESTS_SUPPORT_VECTOR_MODEL_H

#include "engine/kernel/vector.h"

extern const grus_vector grus_vector_model;

#endif
