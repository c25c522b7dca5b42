// value.h: what the spans of a scan mean: texts, keys, integers; floats are number.h's. The spans are of valid JSON.
#ifndef GRUS_IO_JSON_VALUE_H
#define GRUS_IO_JSON_VALUE_H

#include "base/buffer.h"
#include "io/json/scan.h"

// Appends the text of a string, escapes resolved; those of the bytes of a name, where the scan took them, to these bytes.
void grus_json_unescape(const grus_json_span *string, grus_buffer *out);
// The key, escapes resolved, is this name.
bool grus_json_key_is(const grus_json_span *key, const char *name);
bool grus_json_key_equals(const grus_json_span *key, const char *name, size_t length);

// The value of an integer; false when it is negative or does not fit.
bool grus_json_to_uint64(const grus_json_span *integer, uint64_t *value);

#endif
