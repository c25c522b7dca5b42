// lines.h: a shard as a sequence of lines. Plain, zstd or gzip: frames, members and checksums are the stream's business (stream.h):
// a cut frame or a wrong checksum is an error with the compressed byte offset as place.
#ifndef GRUS_IO_SHARD_LINES_H
#define GRUS_IO_SHARD_LINES_H

#include "io/shard/stream.h"

typedef struct grus_lines grus_lines;

// path "-" is standard input. A directory, a missing or unreadable file is GRUS_E_INPUT. max_record bounds what a line
// may take of memory; window_log is grus_stream_open's.
grus_status grus_lines_open(const char *path, size_t max_record, unsigned window_log, grus_lines **lines,
                            grus_error *error);
void grus_lines_close(grus_lines *lines);

typedef enum grus_line_kind { GRUS_LINE, GRUS_LINE_TOO_LONG, GRUS_LINE_END } grus_line_kind;

// The next line without its \n and without one \r before that. Of a line over max_record bytes nothing is kept
// (*line "" and length 0), the rest of it is skipped. A last line without \n counts. *line is valid until the next
// call.
// GRUS_E_INPUT on a read error, a damaged stream, or a .json that begins as an array: the shard has failed.
grus_status grus_lines_next(grus_lines *lines, grus_line_kind *kind, const char **line, size_t *length,
                            grus_error *error);

// The end of the next line is not among what was read: it may have to be waited for.
bool grus_lines_is_drained(const grus_lines *lines);

grus_stream_counts grus_lines_count(const grus_lines *lines);
grus_stream *grus_lines_stream(const grus_lines *lines);
// Bytes of bytes_out that are in no line so far.
size_t grus_lines_ahead(const grus_lines *lines);

// Bytes that they take of memory at most.
size_t grus_lines_memory(size_t max_record, unsigned window_log);

#endif
