// encoded.c: what is asked of all outputs of a sequence.
#include "config.h"

#include "engine/nn/encoded.h"

#include <math.h>

void grus_encoded_mean(const grus_encoded *encoded, size_t sequence, float *mean)
{
    size_t size = encoded->size;
    const float *rows = encoded->output + encoded->offset[sequence] * size;
    size_t length = encoded->length[sequence];
    for (size_t i = 0; i < size; i++) {
        double total = 0;
        for (size_t t = 0; t < length; t++)
            total += (double)rows[t * size + i];
        mean[i] = length ? (float)(total / (double)length) : 0;
    }
}

bool grus_encoded_is_finite(const grus_encoded *encoded, size_t sequence)
{
    const float *output = encoded->output + encoded->offset[sequence] * encoded->size;
    size_t n = encoded->length[sequence] * encoded->size;
    bool finite = true;
    for (size_t i = 0; i < n; i++)
        finite = finite && isfinite(output[i]);
    return finite;
}
