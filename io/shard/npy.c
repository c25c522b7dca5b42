// npy.c: the header as numpy.lib.format describes it, padded with spaces to one size so that it can be written again.
#include "config.h"

#include "io/shard/npy.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAGIC_BYTES 8  // with the version
#define LENGTH_BYTES 2 // of the text behind it
#define QUIET_NAN 0x7fc00000u

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

static void put_bits(grus_buffer *out, uint32_t bits)
{
    char bytes[] = {(char)(bits & 0xff), (char)(bits >> 8 & 0xff), (char)(bits >> 16 & 0xff), (char)(bits >> 24)};
    grus_buffer_append(out, bytes, sizeof bytes);
}

void grus_npy_floats(grus_buffer *out, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        put_bits(out, isnan(values[i]) ? QUIET_NAN : bits);
    }
}

void grus_npy_missing(grus_buffer *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_bits(out, QUIET_NAN);
}
