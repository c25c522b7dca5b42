// npy.h: NumPy's .npy, format version 1.0, as grus writes it: a matrix of little-endian float32 in C order.
#ifndef GRUS_IO_SHARD_NPY_H
#define GRUS_IO_SHARD_NPY_H

#include <stdint.h>

#include "base/buffer.h"

#define GRUS_NPY_HEADER_BYTES 128 // whatever the shape

void grus_npy_header(char header[GRUS_NPY_HEADER_BYTES], uint64_t rows, size_t columns);

// Appends n values; every NaN as the same one, so that the bytes do not tell where it came from.
void grus_npy_floats(grus_buffer *out, const float *values, size_t n);
void grus_npy_missing(grus_buffer *out, size_t n); // n NaNs

#endif
