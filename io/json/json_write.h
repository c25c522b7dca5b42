// json_write.h: writes JSON into a buffer: members, strings, counts. Floats are number.h's.
#ifndef GRUS_IO_JSON_JSON_WRITE_H
#define GRUS_IO_JSON_JSON_WRITE_H

#include <stdint.h>

#include "base/buffer.h"

// `, "name": ` or, right behind `{`, `"name": `.
void grus_json_member(grus_buffer *out, const char *name);
// Quoted and escaped; a byte that is not UTF-8 becomes U+FFFD.
void grus_json_string(grus_buffer *out, const char *text, size_t length);
// The same for a name or a path, every byte of which counts: one that is no part of valid UTF-8 becomes one of the escapes
// \udc80 to \udcff, which stand for nothing else (Python's surrogateescape). tree.h reads them back.
void grus_json_name(grus_buffer *out, const char *name, size_t length);
// A member whose value is a text or a name, "" for NULL, or a count.
void grus_json_text_member(grus_buffer *out, const char *name, const char *text);
void grus_json_name_member(grus_buffer *out, const char *member, const char *name);
void grus_json_count_member(grus_buffer *out, const char *name, uint64_t count);
// Ends the object that stands on a line of its own: "}\n".
void grus_json_end_line(grus_buffer *out);

#endif
