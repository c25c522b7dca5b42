// feature_rows.c: the header as the safetensors library writes it: no spaces but for those that fill it up to 8 bytes.
#include "config.h"

#include "io/shard/feature_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "io/shard/npy.h"

void grus_feature_count_write(unsigned char bytes[GRUS_FEATURE_COUNT_BYTES], uint64_t count)
{
    for (int i = 0; i < GRUS_FEATURE_COUNT_BYTES; i++)
        bytes[i] = (unsigned char)(count >> 8 * i);
}

uint64_t grus_feature_count_read(const unsigned char bytes[GRUS_FEATURE_COUNT_BYTES])
{
    uint64_t count = 0;
    for (int i = GRUS_FEATURE_COUNT_BYTES; i-- > 0;)
        count = count << 8 | bytes[i];
    return count;
}

void grus_feature_rows_put(grus_buffer *out, const float *values, size_t rows, size_t columns)
{
    unsigned char count[GRUS_FEATURE_COUNT_BYTES];
    grus_feature_count_write(count, rows);
    grus_buffer_append(out, count, sizeof count);
    grus_npy_floats(out, values, rows * columns);
}

size_t grus_feature_rows_header(char header[GRUS_FEATURE_HEADER_MOST], uint64_t records, uint64_t rows, size_t columns)
{
    uint64_t offsets = (records + 1) * GRUS_FEATURE_COUNT_BYTES;
    uint64_t features = rows * columns * GRUS_FEATURE_VALUE_BYTES;
    size_t first = GRUS_FEATURE_COUNT_BYTES, room = GRUS_FEATURE_HEADER_MOST - first;
    int used = snprintf(header + first, room,
                        "{\"offsets\":{\"dtype\":\"I64\",\"shape\":[%" PRIu64 "],\"data_offsets\":[0,%" PRIu64
                        "]},\"features\":{\"dtype\":\"F32\",\"shape\":[%" PRIu64 ",%zu],\"data_offsets\":[%" PRIu64
                        ",%" PRIu64 "]}}",
                        records + 1, offsets, rows, columns, offsets, offsets + features);
    GRUS_ASSERT(used > 0 && (size_t)used < room); // seven numbers of 20 digits leave room to spare
    size_t length = ((size_t)used + 7) / 8 * 8;
    memset(header + first + used, ' ', length - (size_t)used);
    grus_feature_count_write((unsigned char *)header, length);
    return first + length;
}
