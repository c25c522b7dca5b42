// cursor.c: copies from the stream's pieces.
#include "config.h"

#include "io/shard/cursor.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

grus_status grus_cursor_open(const char *path, unsigned window_log, grus_cursor *cursor, grus_error *error)
{
    *cursor = (grus_cursor){0};
    return grus_stream_open(path, window_log, &cursor->stream, error);
}

void grus_cursor_close(grus_cursor *cursor)
{
    grus_stream_close(cursor->stream);
    *cursor = (grus_cursor){0};
}

grus_status grus_cursor_take(grus_cursor *cursor, void *to, size_t size, size_t *got, grus_error *error)
{
    for (*got = 0; *got < size;) {
        if (cursor->chunk_size == 0) {
            grus_status status = grus_stream_next(cursor->stream, &cursor->chunk, &cursor->chunk_size, error);
            if (status || cursor->chunk_size == 0)
                return status;
        }
        size_t part = grus_min(size - *got, cursor->chunk_size);
        if (to)
            memcpy((char *)to + *got, cursor->chunk, part);
        GRUS_ASSERT(part > 0 && part <= cursor->chunk_size);
        cursor->chunk += part;
        cursor->chunk_size -= part;
        *got += part;
    }
    return GRUS_OK;
}
