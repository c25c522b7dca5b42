// manifest.h: the proof that an output is whole, a JSON file for each shard. Its members are those of grus_manifest.
#ifndef GRUS_IO_OUTDIR_MANIFEST_H
#define GRUS_IO_OUTDIR_MANIFEST_H

#include "base/buffer.h"

typedef struct grus_manifest {
    char *input; // name of the input shard, without its directory
    uint64_t input_bytes, input_xxh64;
    uint64_t records_in, records_out, records_failed;
    uint64_t output_bytes, output_xxh64;
    const char *kernel, *version;
} grus_manifest;

// The manifest's text, one JSON object and a newline.
void grus_manifest_text(const grus_manifest *manifest, grus_buffer *text);

// Reads it back; kernel and version are left NULL, the caller frees input. *exists tells whether there is one; without
// one the manifest is empty. GRUS_E_OUTPUT: it cannot be read or understood.
grus_status grus_manifest_read(const char *outdir, const char *stem, grus_manifest *manifest, bool *exists,
                               grus_error *error);

// Writes it as every finished file is written. One that is there already and says something else is replaced: the
// caller has just put the output it describes in its place.
grus_status grus_manifest_write(const char *outdir, const char *stem, const grus_manifest *manifest, grus_error *error);

// Removes a manifest whose output is gone and that says something else than this one, before the output gets its name.
grus_status grus_manifest_drop_stale(const char *outdir, const char *stem, const char *suffix,
                                     const grus_manifest *manifest, grus_error *error);

// Whether a shard is done: it has a finished output, and a manifest that speaks of as many bytes.
bool grus_manifest_is_done(const char *outdir, const char *stem, const char *suffix);

#endif
