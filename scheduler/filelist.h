// filelist.h: a list of names in a file. What they name is inputs.h's business.
#ifndef GRUS_SCHEDULER_FILELIST_H
#define GRUS_SCHEDULER_FILELIST_H

#include "base/buffer.h"

typedef struct grus_filelist {
    grus_buffer text;
    const char **names; // (n) in text
    size_t n;
} grus_filelist; // zero-initialised is empty

// Reads the file, which may be a pipe, or standard input where path is "-". A name is a line without its newline and one
// carriage return before it; where there is a byte 0 in the file, what stands before each of these. Empty ones are passed
// over. GRUS_E_INPUT: it cannot be read. Free list in every case.
grus_status grus_filelist_read(const char *path, grus_filelist *list, grus_error *error);
void grus_filelist_free(grus_filelist *list);

#endif
