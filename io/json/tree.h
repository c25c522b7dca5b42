// tree.h: JSON text to a tree of jansson's values. jansson's own parser is not used: where an allocation fails in
// the middle of a string it writes past its memory (2.14). Its constructors fail cleanly.
#ifndef GRUS_IO_JSON_TREE_H
#define GRUS_IO_JSON_TREE_H

#include <jansson.h>

#include "grus.h"

// Objects and arrays within one another; what grus reads so has four.
#define GRUS_JSON_TREE_DEPTH 32

typedef struct grus_json_fault {
    const char *reason;
    size_t offset;       // bytes before it
    size_t line, column; // of it, both from 1
} grus_json_fault;

// The text must be one object, without duplicate keys, \u0000, or numbers beyond 64-bit integers and doubles. The
// caller frees *json, which is NULL on failure: GRUS_E_MEMORY, or GRUS_E_FAILED, when fault tells what is wrong.
grus_status grus_json_tree(const char *text, size_t size, json_t **json, grus_json_fault *fault);

// Text of our own, which is one JSON object; the caller frees *json. This status where it is anything else; path is for the
// error. The escapes of json_write.h's names become bytes: a string may not be UTF-8, which of jansson's functions those that
// end with _nocheck take alone, and which dump.h writes.
grus_status grus_json_read_text(const char *path, const char *text, size_t size, grus_status status, json_t **json,
                                grus_error *error);
// Reads a file that is one JSON object as a whole; the caller frees *json. This status when it cannot be read, has more
// than limit bytes or is anything else.
grus_status grus_json_read_file(const char *path, size_t limit, grus_status status, json_t **json, grus_error *error);

#endif
