// lines.c: cuts a stream into lines. A line that lies in one chunk is handed out where it stands; one that crosses a
// boundary is collected, and given up when it grows over the limit.
#include "config.h"

#include "io/shard/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct grus_input {
    grus_stream *stream;
    size_t max_record;
    const char *chunk; // what the stream gave, consumed up to chunk_at
    size_t chunk_at, chunk_size;
    char *line; // a line's pieces so far
    size_t line_size, line_capacity;
    bool too_long; // pieces were dropped
};

grus_status grus_input_open(const char *path, size_t max_record, grus_input **input_out, grus_error *error)
{
    grus_input *input = calloc(1, sizeof *input);
    if (!input)
        return grus_fail_memory(error, sizeof *input);
    grus_status status = grus_stream_open(path, &input->stream, error);
    if (status) {
        free(input);
        return status;
    }
    input->chunk = "";
    input->max_record = grus_min(max_record, SIZE_MAX / 4);
    *input_out = input;
    return GRUS_OK;
}

void grus_input_close(grus_input *input)
{
    if (!input)
        return;
    grus_stream_close(input->stream);
    free(input->line);
    free(input);
}

// Room for need bytes, never more than a line of max_record bytes and its \r take.
static bool make_room(grus_input *input, size_t need)
{
    if (need <= input->line_capacity)
        return true;
    size_t capacity = grus_min(grus_max(need, 2 * input->line_capacity), input->max_record + 1);
    char *line = realloc(input->line, capacity);
    if (!line)
        return false;
    input->line = line;
    input->line_capacity = capacity;
    return true;
}

static grus_status collect(grus_input *input, const char *piece, size_t size, grus_error *error)
{
    if (size > input->max_record + 1 - input->line_size)
        input->too_long = true;
    if (input->too_long || size == 0)
        return GRUS_OK;
    if (!make_room(input, input->line_size + size))
        return grus_fail_memory(error, input->line_size + size);
    memcpy(input->line + input->line_size, piece, size);
    input->line_size += size;
    return GRUS_OK;
}

// Hands out a whole line; ended tells that a \n stood behind it.
static void give(grus_input *input, const char *text, size_t size, bool ended, grus_line_kind *kind, const char **line,
                 size_t *length)
{
    if (ended && size > 0 && text[size - 1] == '\r')
        size--;
    bool too_long = input->too_long || size > input->max_record;
    *kind = too_long ? GRUS_LINE_TOO_LONG : GRUS_LINE;
    *line = too_long || size == 0 ? "" : text;
    *length = too_long ? 0 : size;
    input->too_long = false;
    input->line_size = 0;
}

grus_status grus_input_line(grus_input *input, grus_line_kind *kind, const char **line, size_t *length,
                            grus_error *error)
{
    *kind = GRUS_LINE_END;
    *line = "";
    *length = 0;
    for (;;) {
        const char *piece = input->chunk + input->chunk_at;
        size_t size = input->chunk_size - input->chunk_at;
        const char *end = size ? memchr(piece, '\n', size) : NULL;
        if (end) {
            size = (size_t)(end - piece);
            input->chunk_at += size + 1;
            if (input->line_size == 0 && !input->too_long) {
                give(input, piece, size, true, kind, line, length);
                return GRUS_OK;
            }
        }
        grus_status status = collect(input, piece, size, error);
        if (!status && end)
            give(input, input->line, input->line_size, true, kind, line, length);
        if (status || end)
            return status;
        input->chunk_at = 0;
        status = grus_stream_next(input->stream, &input->chunk, &input->chunk_size, error);
        if (status)
            return status;
        if (input->chunk_size == 0) {
            if (input->line_size > 0 || input->too_long)
                give(input, input->line, input->line_size, false, kind, line, length);
            return GRUS_OK;
        }
    }
}

grus_input_counts grus_input_count(const grus_input *input)
{
    return grus_stream_count(input->stream);
}

grus_stream *grus_input_stream(const grus_input *input)
{
    return input->stream;
}

size_t grus_input_memory(size_t max_record)
{
    size_t bytes = grus_stream_memory() + sizeof(grus_input);
    return grus_add(bytes, max_record, &bytes) ? bytes : SIZE_MAX;
}
