// input.h: whether an input is still what it was when its shard was done.
#ifndef GRUS_IO_OUTDIR_INPUT_H
#define GRUS_IO_OUTDIR_INPUT_H

#include <stdatomic.h>

#include "io/outdir/manifest.h"

// Compares the file at path with what the manifest knows of its shard's input. The hash is compared, and the file read
// for it, where the time or the inode differs; a manifest that knows neither, as version 0.1.0 wrote them, is believed
// where the size is the same and the file is older than the manifest. What is gone or no regular file is the same: it
// cannot be told. *changed with *how, which names sizes and paths. stop may be NULL. GRUS_E_INPUT: the file cannot be
// read; GRUS_E_INTERRUPTED; GRUS_E_MEMORY.
grus_status grus_input_compare(const grus_manifest *manifest, const char *path, const atomic_bool *stop, bool *changed,
                               grus_error *how);

// The path by which the file is found from everywhere, or was where it is gone, in a fresh string; NULL where it cannot be
// told. GRUS_E_MEMORY, with *whole NULL.
grus_status grus_input_whole_path(const char *path, char **whole, grus_error *error);

#endif
