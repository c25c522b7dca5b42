// activation.c: row by row.
#include "config.h"

#include "engine/nn/activation.h"

void grus_activate(const grus_activating *with, float *rows, size_t n, size_t ld)
{
    for (size_t row = 0; row < n; row++)
        with->vector->activate(with->activation, rows + row * ld, with->bias, with->size);
}
