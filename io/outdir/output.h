// output.h: an output shard and its commit: temporary name, zstd frame, fsync, rename without replacing, fsync of the
// directory, then the manifest in the same way. Nothing that looks finished ever is not.
#ifndef GRUS_IO_OUTDIR_OUTPUT_H
#define GRUS_IO_OUTDIR_OUTPUT_H

#include "io/outdir/manifest.h"

typedef struct grus_output grus_output;

// outdir "-" writes to standard output (compressed only when the name asks; never committed). suffix is ".jsonl.zst",
// ".txt.zst" or ".npy". Shards with .zst are one frame with content checksum at this level.
grus_status grus_output_open(const char *outdir, const char *stem, const char *suffix, int level, grus_output **output,
                             grus_error *error);
grus_status grus_output_write(grus_output *output, const char *data, size_t size, grus_error *error);
// Puts data over the first size bytes, which were written before, of a shard that is neither compressed nor on standard
// output: for a format whose beginning tells how much follows. Reads the file once, for its hash. Only the commit may
// come after it.
grus_status grus_output_rewrite_head(grus_output *output, const char *data, size_t size, grus_error *error);
// The commit is made through this handle, and only where it still holds; without one by the path.
void grus_output_guard(grus_output *output, const grus_hold *hold);
// Ends the frame, fsyncs, renames without replacing, fsyncs the directory, writes the manifest (output_bytes and
// output_xxh64 are filled in here). Frees output in every case. An existing finished shard with equal bytes is adopted.
grus_status grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error);
// Removes the temporary file and frees.
void grus_output_discard(grus_output *output);

size_t grus_output_memory(int level);

#endif
