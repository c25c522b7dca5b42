// output.h: an output shard and its commit: temporary name, zstd frame or gzip member, fsync, rename without replacing, fsync of the
// directory, then the manifest in the same way. Nothing that looks finished ever is not.
#ifndef GRUS_IO_OUTDIR_OUTPUT_H
#define GRUS_IO_OUTDIR_OUTPUT_H

#include "io/outdir/manifest.h"

typedef struct grus_output grus_output;

// outdir "-" writes to standard output (compressed only when the name asks; never committed). suffix is one of
// grus_output_suffix. Shards with .zst are one frame with content checksum, those with .gz one member, at this level.
grus_status grus_output_open(const char *outdir, const char *stem, const char *suffix, int level, grus_output **output,
                             grus_error *error);
grus_status grus_output_write(grus_output *output, const char *data, size_t size, grus_error *error);
// Writes what has come so far, so that nothing waits for more: of what goes to standard output as it is.
grus_status grus_output_flush(grus_output *output, grus_error *error);
// Puts data over the first size bytes, which were written before, of a shard that is neither compressed nor on standard
// output: for a format whose beginning tells how much follows. Reads the file once, for its hash. Only the commit may
// come after it.
grus_status grus_output_rewrite_head(grus_output *output, const char *data, size_t size, grus_error *error);
// Nothing is written yet, and what is from here on is kept beside the shard, for a format whose beginning hangs on all of it.
grus_status grus_output_spool(grus_output *output, grus_error *error);
// What was kept, to be read from its beginning; it stays the output's. What is written from here on is the shard.
struct grus_spool *grus_output_unspool(grus_output *output);
// The commit is made through this handle, and only where it still holds; without one by the path.
void grus_output_guard(grus_output *output, const grus_hold *hold);
// What becomes of a done shard of this name that holds something else, where the commit finds one: as of one whose input
// changed (GRUS_CHANGED_FAIL where this is not called). What was set aside or kept is told in *note, which may be NULL:
// a path and a cause; no path where there is nothing to tell. note lives until the commit.
void grus_output_on_done(grus_output *output, grus_on_changed on_done, grus_error *note);
// Ends the frame and frees what writing takes, so that the commit has nothing left but to wait for the disk. No more is
// written then. The output stays the caller's.
grus_status grus_output_end(grus_output *output, grus_error *error);
// Whether nothing lies in the output's place.
bool grus_output_is_new(const grus_output *output);
// Ends the frame, fsyncs, renames without replacing, fsyncs the directory, writes the manifest (output_bytes and
// output_xxh64 are filled in here). Frees output in every case. What lies in its place already stays, and is what the
// manifest tells of, where the same was compressed for it. Else it is set aside; a done shard as grus_output_on_done
// says. GRUS_E_FAILED: it is this shard's matter alone, and others may be committed: a done one stays and this one is
// dropped, or other processes put files there at the same time.
grus_status grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error);
// Removes the temporary file and frees.
void grus_output_discard(grus_output *output);

size_t grus_output_memory(int level);

#endif
