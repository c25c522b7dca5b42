// output.h: an output shard and its commit: temporary name, zstd frame, fsync, rename without replacing, fsync of the
// directory, then the manifest in the same way. Nothing that looks finished ever is not.
#ifndef GRUS_IO_OUTDIR_OUTPUT_H
#define GRUS_IO_OUTDIR_OUTPUT_H

#include "base/buffer.h"

// Makes outdir, outdir/.grus, …/done, …/partial where missing. GRUS_E_OUTPUT when that is refused or not writable.
grus_status grus_outdir_prepare(const char *outdir, grus_error *error);

// Compares text with outdir/.grus/run.json: writes it when there is none (temporary, fsync, link), succeeds when equal,
// else GRUS_E_USAGE naming the first key that differs. text is a JSON object, whose key "array" is not compared.
grus_status grus_outdir_claim(const char *outdir, const char *text, grus_error *error);

typedef struct grus_manifest {
    char *input; // name of the input shard, without its directory
    uint64_t input_bytes, input_xxh64;
    uint64_t records_in, records_out, records_failed;
    uint64_t output_bytes, output_xxh64;
    const char *kernel, *version;
} grus_manifest;

// true when stem has both a finished shard and a manifest.
bool grus_output_is_done(const char *outdir, const char *stem, const char *suffix);

typedef struct grus_output grus_output;

// outdir "-" writes to standard output (compressed only when the name asks; never committed). suffix is ".jsonl.zst",
// ".txt.zst" or ".npy". The temporary file is outdir/.grus/partial/<stem>.<unique>. Shards with .zst are one frame with
// content checksum at this level.
grus_status grus_output_open(const char *outdir, const char *stem, const char *suffix, int level, grus_output **output,
                             grus_error *error);
grus_status grus_output_write(grus_output *output, const char *data, size_t size, grus_error *error);
// Puts data over the first size bytes, which were written before, of a shard that is neither compressed nor on standard
// output: for a format whose beginning tells how much follows. Reads the file once, for its hash. Only the commit may
// come after it.
grus_status grus_output_rewrite_head(grus_output *output, const char *data, size_t size, grus_error *error);
// Ends the frame, fsyncs, renames without replacing, fsyncs the directory, writes the manifest (output_bytes and
// output_xxh64 are filled in here). Frees output in every case. An existing finished shard with equal bytes is adopted.
grus_status grus_output_commit(grus_output *output, grus_manifest *manifest, grus_error *error);
// Removes the temporary file and frees.
void grus_output_discard(grus_output *output);

// Writes path with this content: temporary name beside it, fsync, rename (replacing), fsync of the directory.
grus_status grus_file_replace(const char *path, const char *data, size_t size, grus_error *error);

size_t grus_output_memory(int level);

#endif
