// error.h: making and passing on grus_error values. Printing them is the command's business.
#ifndef GRUS_BASE_ERROR_H
#define GRUS_BASE_ERROR_H

#include "grus.h"

// Fills *error (may be NULL) and returns status. file and place may be NULL for none; a long text is cut.
grus_status grus_fail(grus_error *error, grus_status status, const char *file, const char *place, const char *format,
                      ...) GRUS_PRINTF(5, 6);

// The same for an allocation of this many bytes that failed.
grus_status grus_fail_memory(grus_error *error, size_t bytes);

// Fills in error->file where it is still empty, and returns error->status (for callers that know the path).
grus_status grus_error_in_file(grus_error *error, const char *file);

// Puts a question mark over every control character, so that a name out of a file cannot give orders to a terminal or
// begin a line of its own.
void grus_make_printable(char *text);

#endif
