// taken.h: what lies in an output's place already when the output is to be put there: left by a process that was killed
// before it wrote the manifest, or put there by another one.
#ifndef GRUS_IO_OUTDIR_TAKEN_H
#define GRUS_IO_OUTDIR_TAKEN_H

#include "io/file.h"

// Size and XXH64, of a file or of what it was compressed from.
typedef struct grus_extent {
    uint64_t bytes, xxh64;
} grus_extent;

// Whether path is a regular file that holds this content, compressed or not as its name says, and if so the file's own
// extent. One that cannot be read to its end holds other content. GRUS_E_OUTPUT: it cannot be examined. GRUS_E_FAILED:
// no descriptor is left to read it by, and nothing is known of it. GRUS_E_MEMORY.
grus_status grus_taken_compare(const char *path, const grus_extent *content, bool *same, grus_extent *file,
                               grus_error *error);

// An output in its place. Between that and its manifest another process may have set it aside.
typedef struct grus_placed {
    char *path;
    grus_file_facts file;
} grus_placed;

// GRUS_E_FAILED: path is no file, or no more the one that was put there. GRUS_E_OUTPUT: it cannot be examined.
grus_status grus_placed_note(grus_placed *placed, grus_error *error); // fills file
grus_status grus_placed_check(const grus_placed *placed, grus_error *error);

#endif
