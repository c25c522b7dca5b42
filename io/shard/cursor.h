// cursor.h: a stream read by counts of bytes instead of by pieces of whatever size.
#ifndef GRUS_IO_SHARD_CURSOR_H
#define GRUS_IO_SHARD_CURSOR_H

#include "io/shard/stream.h"

typedef struct grus_cursor {
    grus_stream *stream;
    const char *chunk; // (chunk_size) what the stream gave and nobody has taken yet
    size_t chunk_size;
} grus_cursor;

grus_status grus_cursor_open(const char *path, unsigned window_log, grus_cursor *cursor, grus_error *error);
// Safe on one that is zero-initialised.
void grus_cursor_close(grus_cursor *cursor);

// Takes up to size bytes to `to`, or past them where that is NULL. *got is less than size only at the stream's end.
grus_status grus_cursor_take(grus_cursor *cursor, void *to, size_t size, size_t *got, grus_error *error);

#endif
