// npy.c: the header as numpy.lib.format describes it, padded with spaces to one size so that it can be written again.
#include "config.h"

#include "io/shard/npy.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define MAGIC_BYTES 8  // with the version
#define LENGTH_BYTES 2 // of the text behind it
#define QUIET_NAN 0x7fc00000u
#define VALUE_BYTES 4
#define SEVERAL ((size_t)256) // values that go into a buffer at a time

void grus_npy_header(char header[GRUS_NPY_HEADER_BYTES], uint64_t rows, size_t columns)
{
    size_t length = GRUS_NPY_HEADER_BYTES - MAGIC_BYTES - LENGTH_BYTES;
    memset(header, ' ', GRUS_NPY_HEADER_BYTES);
    memcpy(header, "\x93NUMPY\x01\x00", MAGIC_BYTES);
    header[MAGIC_BYTES] = (char)(length & 0xff);
    header[MAGIC_BYTES + 1] = (char)(length >> 8);
    // Two numbers of 20 digits leave room to spare.
    char *text = header + MAGIC_BYTES + LENGTH_BYTES;
    int used = snprintf(text, length, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", %zu), }", rows,
                        columns);
    text[used] = ' ';
    text[length - 1] = '\n';
}

static void write_bits(char *to, uint32_t bits)
{
    for (int i = 0; i < VALUE_BYTES; i++)
        to[i] = (char)(bits >> 8 * i & 0xff);
}

void grus_npy_floats(grus_buffer *out, const float *values, size_t n)
{
    char bytes[SEVERAL * VALUE_BYTES];
    for (size_t first = 0; first < n; first += SEVERAL) {
        size_t several = grus_min(SEVERAL, n - first);
        for (size_t i = 0; i < several; i++) {
            uint32_t bits;
            memcpy(&bits, values + first + i, sizeof bits);
            write_bits(bytes + i * VALUE_BYTES, isnan(values[first + i]) ? QUIET_NAN : bits);
        }
        grus_buffer_append(out, bytes, several * VALUE_BYTES);
    }
}

void grus_npy_missing(grus_buffer *out, size_t n)
{
    char bytes[VALUE_BYTES];
    write_bits(bytes, QUIET_NAN);
    for (size_t i = 0; i < n; i++)
        grus_buffer_append(out, bytes, sizeof bytes);
}
