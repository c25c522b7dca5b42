// manifest.h: the proof that an output is whole, a JSON file for each shard. Its members are those of grus_manifest.
#ifndef GRUS_IO_OUTDIR_MANIFEST_H
#define GRUS_IO_OUTDIR_MANIFEST_H

#include "io/outdir/hold.h"
#include "io/outdir/taken.h"

#define GRUS_MANIFEST_ERRORS 32

// Records in error for one cause, by its short name.
typedef struct grus_manifest_error {
    char name[24];
    uint64_t n;
} grus_manifest_error;

typedef struct grus_manifest {
    char *input;      // name of the input shard, without its directory
    char *input_path; // from the root; NULL where it is not known
    uint64_t input_bytes, input_xxh64;
    grus_file_facts input_file; // as it was read to its end; of no regular file where not known
    uint64_t records_in, records_out, records_failed;
    uint64_t output_bytes, output_xxh64;
    size_t n_errors;                                  // 0 also where an earlier version wrote the manifest
    grus_manifest_error errors[GRUS_MANIFEST_ERRORS]; // (n_errors)
    const char *kernel, *version;
    char run[GRUS_RUN_IDENTITY]; // the identity of the run; "" where it has none
    int64_t written;             // the manifest itself, nanoseconds since 1970; filled in by reading
} grus_manifest;

// The manifest's text, one JSON object and a newline.
void grus_manifest_text(const grus_manifest *manifest, grus_buffer *text);

// Reads it back; kernel and version are left NULL. *exists tells whether there is one; without one the manifest is
// empty. GRUS_E_OUTPUT: it cannot be read or understood. To be freed in every case.
grus_status grus_manifest_read(const char *outdir, const char *stem, grus_manifest *manifest, bool *exists,
                               grus_error *error);

void grus_manifest_free(grus_manifest *manifest); // what reading has allocated

// Writes it as every finished file is written; through hold where it is not NULL. One that is there already and says
// something else is replaced: the caller has just put the output it describes in its place. placed: that output, looked
// at again before the manifest gets its name, or NULL. GRUS_E_FAILED: another one lies there by then.
grus_status grus_manifest_write(const char *outdir, const char *stem, const grus_hold *hold, const grus_placed *placed,
                                const grus_manifest *manifest, grus_error *error);

// Removes a manifest whose output is gone and that says something else than this one, before the output gets its name.
grus_status grus_manifest_drop_stale(const char *outdir, const char *stem, const char *suffix,
                                     const grus_manifest *manifest, grus_error *error);

// Whether a shard is done: it has a finished output, and a manifest that speaks of as many bytes.
bool grus_manifest_is_done(const char *outdir, const char *stem, const char *suffix);
// The same; fills manifest (to be freed in every case) where it is.
bool grus_manifest_find_done(const char *outdir, const char *stem, const char *suffix, grus_manifest *manifest);
// The same, where it matters why it is not: GRUS_E_FAILED, no descriptor is left to read the manifest by. GRUS_E_MEMORY.
grus_status grus_manifest_ask_done(const char *outdir, const char *stem, const char *suffix, grus_manifest *manifest,
                                   bool *done, grus_error *error);

#endif
