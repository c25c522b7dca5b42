// feature_rows.h: what is written into a shard of features (features.h) and, before its sizes are known, into a spool.
//
// In a spool a record is the number of its rows, 8 bytes, little-endian, and behind it the rows, float32. In the shard
// `offsets` come before `features`, as the safetensors library has them, so that both are aligned.
#ifndef GRUS_IO_SHARD_FEATURE_ROWS_H
#define GRUS_IO_SHARD_FEATURE_ROWS_H

#include <stdint.h>

#include "base/buffer.h"

#define GRUS_FEATURE_COUNT_BYTES 8 // of a record's number of rows, and of an offset
#define GRUS_FEATURE_VALUE_BYTES 4
#define GRUS_FEATURE_HEADER_MOST 320

// Appends a record of so many rows to what goes into a spool.
void grus_feature_rows_put(grus_buffer *out, const float *values, size_t rows, size_t columns);

// The beginning of the shard, before the offsets; a multiple of 8 bytes, which are returned. All sizes of the file must fit 64
// bits.
size_t grus_feature_rows_header(char header[GRUS_FEATURE_HEADER_MOST], uint64_t records, uint64_t rows, size_t columns);

void grus_feature_count_write(unsigned char bytes[GRUS_FEATURE_COUNT_BYTES], uint64_t count);
uint64_t grus_feature_count_read(const unsigned char bytes[GRUS_FEATURE_COUNT_BYTES]);

#endif
