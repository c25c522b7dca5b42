// dump.h: a tree of jansson's values back to text. jansson's own functions refuse the names that tree.h reads.
#ifndef GRUS_IO_JSON_DUMP_H
#define GRUS_IO_JSON_DUMP_H

#include <jansson.h>

#include "base/buffer.h"

// Appends json: with each member and item on a line of its own, or all in one line without spaces. Strings are names, as of
// json_write.h. out->failed tells that memory was short.
void grus_json_dump(json_t *json, bool lines, grus_buffer *out);

#endif
