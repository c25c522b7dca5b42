// format_values.h: numbers and texts as they stand in results, and how long they get.
#ifndef GRUS_SCHEDULER_FORMAT_VALUES_H
#define GRUS_SCHEDULER_FORMAT_VALUES_H

#include "base/buffer.h"

#define GRUS_FORMAT_FLOAT_BYTES 17  // "-1.17549435e-38, "
#define GRUS_FORMAT_DOUBLE_BYTES 26 // "-2.2250738585072014e-308, "
#define GRUS_FORMAT_RECORD_BYTES 64 // {"id": …} and the names of fields

// JSON lists: of n numbers, and of so many rows of such (values NULL: of empty ones).
void grus_format_floats(grus_buffer *out, const float *values, size_t n);
void grus_format_rows(grus_buffer *out, const float *values, size_t rows, size_t columns);

// For a line of text: n numbers with spaces between them, and a text, whose line breaks become spaces.
void grus_format_plain_floats(grus_buffer *out, const float *values, size_t n);
void grus_format_plain(grus_buffer *out, const char *text, size_t length);

#endif
