// number.h: floats as they stand in JSON, written and read, whatever the locale.
#ifndef GRUS_IO_JSON_NUMBER_H
#define GRUS_IO_JSON_NUMBER_H

#include "base/buffer.h"
#include "io/json/scan.h"

// Appends the shortest text that reads back as this value; null where it is not finite.
void grus_json_float(grus_buffer *out, float value);
void grus_json_double(grus_buffer *out, double value);

// The float nearest to a number, of two the even one; false when it is beyond the greatest.
bool grus_json_to_float(const grus_json_span *number, float *value);
// The same of a number in an array that was scanned, where a comma or bracket is right behind its few digits: *at moves there.
// false: it is another, or no number.
bool grus_json_plain_float(const char **at, float *value);

#endif
