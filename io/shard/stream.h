// stream.h: a file or standard input as a stream of bytes, decompressed on the way by the codec that its beginning tells
// (codec.h). What the bytes mean is its callers' business.
#ifndef GRUS_IO_SHARD_STREAM_H
#define GRUS_IO_SHARD_STREAM_H

#include "io/file.h"

typedef struct grus_stream grus_stream;

typedef struct grus_stream_counts {
    uint64_t bytes_in;                 // of the file itself, as far as it was read
    uint64_t bytes_used;               // and as far as it was needed for bytes_out
    uint64_t bytes_out;                // after decompression
    uint64_t frames, skippable_frames; // of gzip its members
    bool gzip;
    uint64_t window;      // bytes, the largest of the frames'
    uint64_t xxh64;       // of the file's bytes read so far
    grus_file_facts file; // when it was opened, and at its end still; of standard input those of no regular file
} grus_stream_counts;

// Powers of 2: the largest window of a zstd frame that is taken unasked, as by zstd itself, and the largest that there is.
#define GRUS_WINDOW_LOG 27u
#define GRUS_WINDOW_LOG_MOST 31u

// Told by the content, not the name: what begins as zstd is zstd, what begins as gzip is gzip, all else is plain; but a file whose name has a codec's
// suffix and whose content begins as none does is damaged, also when it has no bytes at all. A plain file of no bytes is a
// stream of nothing. path "-" is standard input. A frame with a window of more than 2^window_log bytes is an error.
grus_status grus_stream_open(const char *path, unsigned window_log, grus_stream **stream, grus_error *error);
void grus_stream_close(grus_stream *stream);

// The next bytes, valid until the next call; *size 0 at the end. GRUS_E_INPUT on a read error or a damaged stream,
// with the byte offset in the file as place.
grus_status grus_stream_next(grus_stream *stream, const char **data, size_t *size, grus_error *error);

// As it was opened; the stream's.
const char *grus_stream_path(const grus_stream *stream);

// Nothing that was read of the file is left to be handed on: the next bytes are to be read first, and may be waited for.
bool grus_stream_is_drained(const grus_stream *stream);

grus_stream_counts grus_stream_count(const grus_stream *stream);

// From here on grus_stream_met tells whether the first `bytes` bytes of the file were read and had this hash. No more
// than these may have been read before.
void grus_stream_expect(grus_stream *stream, uint64_t bytes, uint64_t xxh64);
bool grus_stream_met(const grus_stream *stream);

// Bytes that a stream takes of memory at most.
size_t grus_stream_memory(unsigned window_log);

#endif
