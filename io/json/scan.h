// scan.h: walks JSON text once, by the letter of RFC 8259, and hands out the members of an object and the items of
// an array as spans of that text. Nothing is allocated and nothing is copied. What a string or a number in a span means
// is value.h's business; a file of settings is read by settings.h.
#ifndef GRUS_IO_JSON_SCAN_H
#define GRUS_IO_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Arrays and objects within one another; one more is an error.
#define GRUS_JSON_DEPTH 2048

typedef enum grus_json_type {
    GRUS_JSON_NONE, // no value
    GRUS_JSON_NULL,
    GRUS_JSON_FALSE,
    GRUS_JSON_TRUE,
    GRUS_JSON_INTEGER, // a number without fraction and exponent
    GRUS_JSON_REAL,    // any other number, however great
    GRUS_JSON_STRING,
    GRUS_JSON_ARRAY,
    GRUS_JSON_OBJECT
} grus_json_type;

// A value's bytes, first to last: those of a string are with its quotes.
typedef struct grus_json_span {
    grus_json_type type;
    const char *text;
    size_t length;
    size_t n_items; // of an array, or members of an object
} grus_json_span;

typedef struct grus_json_scan {
    const char *start, *at, *end;
    const char *reason; // of the first error, NULL: none. No member or item is found after it
    size_t column;      // of the error: bytes from 1; one more than there are when the text ends too early
    bool bad_utf8;      // the error is a byte that is not UTF-8
    char close;         // what ends the members or items
    bool begun;
    bool names; // set behind the start of a scan: the escapes of json_write.h's names are valid
} grus_json_scan;

// The text is one value and white space around it. true: an object, whose members grus_json_next_member finds; false:
// an error, or another value, which is then wholly checked, and is *other.
bool grus_json_scan_object(grus_json_scan *scan, const char *text, size_t length, grus_json_span *other);
// The next member; its key is a string as it was written, and may come again. false: an error (then scan->reason), or
// the object is at its end and nothing but white space is behind it. The text is valid only once false came without
// a reason.
bool grus_json_next_member(grus_json_scan *scan, grus_json_span *key, grus_json_span *value);

// The items of an array that such a scan found. Valid text has no errors: false is the end.
void grus_json_scan_items(grus_json_scan *scan, const grus_json_span *array);
bool grus_json_next_item(grus_json_scan *scan, grus_json_span *item);

#endif
