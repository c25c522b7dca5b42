// lines.c: cuts a stream into lines. A line that lies in one chunk is handed out where it stands; one that crosses a
// boundary is collected, and given up when it grows over the limit.
#include "config.h"

#include "io/shard/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/shard/shard_name.h"

struct grus_lines {
    grus_stream *stream;
    size_t max_record;
    const char *chunk; // what the stream gave, consumed up to chunk_at
    size_t chunk_at, chunk_size;
    char *line; // a line's pieces so far
    size_t line_size, line_capacity;
    bool too_long;     // pieces were dropped
    bool may_be_array; // it is named .json, and nothing has been read
};

grus_status grus_lines_open(const char *path, size_t max_record, unsigned window_log, grus_lines **lines_out,
                            grus_error *error)
{
    grus_lines *lines = calloc(1, sizeof *lines);
    if (!lines)
        return grus_fail_memory(error, sizeof *lines);
    grus_status status = grus_stream_open(path, window_log, &lines->stream, error);
    if (status) {
        free(lines);
        return status;
    }
    lines->chunk = "";
    lines->may_be_array = grus_shard_is_json(path);
    lines->max_record = grus_min(max_record, SIZE_MAX / 4);
    *lines_out = lines;
    return GRUS_OK;
}

void grus_lines_close(grus_lines *lines)
{
    if (!lines)
        return;
    grus_stream_close(lines->stream);
    free(lines->line);
    free(lines);
}

// Room for need bytes, never more than a line of max_record bytes and its \r take.
static bool make_room(grus_lines *lines, size_t need)
{
    if (need <= lines->line_capacity)
        return true;
    size_t capacity = grus_min(grus_max(need, 2 * lines->line_capacity), lines->max_record + 1);
    char *line = realloc(lines->line, capacity);
    if (!line)
        return false;
    lines->line = line;
    lines->line_capacity = capacity;
    return true;
}

static grus_status collect(grus_lines *lines, const char *piece, size_t size, grus_error *error)
{
    if (size > lines->max_record + 1 - lines->line_size)
        lines->too_long = true;
    if (lines->too_long || size == 0)
        return GRUS_OK;
    if (!make_room(lines, lines->line_size + size))
        return grus_fail_memory(error, lines->line_size + size);
    memcpy(lines->line + lines->line_size, piece, size);
    lines->line_size += size;
    return GRUS_OK;
}

// What is handed out.
struct line {
    grus_line_kind kind;
    const char *text; // (length)
    size_t length;
};

// Hands out a whole line; ended tells that a \n stood behind it.
static void give(grus_lines *lines, const char *text, size_t size, bool ended, struct line *line)
{
    if (ended && size > 0 && text[size - 1] == '\r')
        size--;
    bool too_long = lines->too_long || size > lines->max_record;
    line->kind = too_long ? GRUS_LINE_TOO_LONG : GRUS_LINE;
    line->text = too_long || size == 0 ? "" : text;
    line->length = too_long ? 0 : size;
    lines->too_long = false;
    lines->line_size = 0;
}

// Takes what the chunk holds of the line. *whole: its end was there, and it is handed out.
static grus_status take_piece(grus_lines *lines, bool *whole, struct line *line, grus_error *error)
{
    GRUS_ASSERT(lines->chunk_at <= lines->chunk_size);
    const char *piece = lines->chunk + lines->chunk_at;
    size_t size = lines->chunk_size - lines->chunk_at;
    const char *end = size ? memchr(piece, '\n', size) : NULL;
    *whole = end != NULL;
    if (end) {
        size = (size_t)(end - piece);
        lines->chunk_at += size + 1;
        if (lines->line_size == 0 && !lines->too_long) {
            give(lines, piece, size, true, line);
            return GRUS_OK;
        }
    }
    grus_status status = collect(lines, piece, size, error);
    if (!status && end)
        give(lines, lines->line, lines->line_size, true, line);
    return status;
}

// What is one array in a .json is no list of records, though each of its lines might be looked at as one.
static grus_status refuse_array(const grus_lines *lines, grus_error *error)
{
    size_t at = 0;
    while (at < lines->chunk_size && lines->chunk[at] && strchr(" \t\r\n", lines->chunk[at]))
        at++;
    return at < lines->chunk_size && lines->chunk[at] == '['
               ? grus_fail(error, GRUS_E_INPUT, grus_stream_path(lines->stream), NULL,
                           "is one JSON array and not a JSON object a line; jq -c '.[]' makes lines of its items")
               : GRUS_OK;
}

static grus_status next_line(grus_lines *lines, struct line *line, grus_error *error)
{
    *line = (struct line){.kind = GRUS_LINE_END, .text = ""};
    for (;;) {
        bool whole;
        grus_status status = take_piece(lines, &whole, line, error);
        if (status || whole)
            return status;
        lines->chunk_at = 0;
        status = grus_stream_next(lines->stream, &lines->chunk, &lines->chunk_size, error);
        if (!status && lines->may_be_array)
            status = refuse_array(lines, error);
        lines->may_be_array = false;
        if (status)
            return status;
        if (lines->chunk_size == 0) {
            if (lines->line_size > 0 || lines->too_long)
                give(lines, lines->line, lines->line_size, false, line);
            return GRUS_OK;
        }
    }
}

grus_status grus_lines_next(grus_lines *lines, grus_line_kind *kind, const char **line, size_t *length,
                            grus_error *error)
{
    struct line found;
    grus_status status = next_line(lines, &found, error);
    *kind = found.kind;
    *line = found.text;
    *length = found.length;
    return status;
}

bool grus_lines_is_drained(const grus_lines *lines)
{
    size_t left = lines->chunk_size - lines->chunk_at;
    return grus_stream_is_drained(lines->stream) && (left == 0 || !memchr(lines->chunk + lines->chunk_at, '\n', left));
}

grus_stream_counts grus_lines_count(const grus_lines *lines)
{
    return grus_stream_count(lines->stream);
}

size_t grus_lines_ahead(const grus_lines *lines)
{
    return lines->chunk_size - lines->chunk_at;
}

grus_stream *grus_lines_stream(const grus_lines *lines)
{
    return lines->stream;
}

size_t grus_lines_memory(size_t max_record, unsigned window_log)
{
    size_t bytes = grus_stream_memory(window_log) + sizeof(grus_lines);
    return grus_add(bytes, max_record, &bytes) ? bytes : SIZE_MAX;
}
