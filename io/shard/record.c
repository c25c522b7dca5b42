// record.c: shard names, text and TSV records, and the frame of every output line. JSONL records are record_json.c.
#include "config.h"

#include "io/shard/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/error.h"
#include "io/shard/record_json.h"

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t n = strlen(end);
    return length >= n && memcmp(text + length - n, end, n) == 0;
}

// The length of path without .zst and its type; 0 and *kind untouched when it has none that grus knows.
static size_t stem_length(const char *path, grus_shard_kind *kind)
{
    static const char *const types[] = {[GRUS_SHARD_JSONL] = ".jsonl",
                                        [GRUS_SHARD_TXT] = ".txt",
                                        [GRUS_SHARD_TSV] = ".tsv",
                                        [GRUS_SHARD_SAFETENSORS] = ".safetensors"};
    size_t length = strlen(path);
    if (ends_with(path, length, ".zst"))
        length -= 4;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (ends_with(path, length, types[i])) {
            *kind = (grus_shard_kind)i;
            return length - strlen(types[i]);
        }
    }
    return 0;
}

bool grus_shard_kind_of(const char *path, grus_shard_kind *kind)
{
    if (strcmp(path, "-") == 0) {
        *kind = GRUS_SHARD_JSONL;
        return true;
    }
    size_t length = stem_length(path, kind);
    return length > 0 && path[length - 1] != '/';
}

char *grus_shard_stem(const char *path)
{
    if (strcmp(path, "-") == 0)
        return strdup("stdin");
    grus_shard_kind kind;
    size_t length = stem_length(path, &kind);
    if (length == 0)
        length = strlen(path);
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return strndup(path + start, length - start);
}

static grus_status check_utf8(const char *text, size_t length, grus_error *error)
{
    const uint8_t *bad = u8_check((const uint8_t *)text, length);
    if (!bad)
        return GRUS_OK;
    return grus_fail(error, GRUS_E_FAILED, NULL, "bad_utf8", "byte %zu of the line is not UTF-8",
                     (size_t)((const char *)bad - text) + 1);
}

static grus_status set_text(grus_buffer *buffer, const char *text, size_t length, grus_error *error)
{
    grus_buffer_append(buffer, text, length);
    return buffer->failed ? grus_fail_memory(error, length) : GRUS_OK;
}

// Column number `column` (from 1) of a TSV line; false when the line has fewer.
static bool find_column(const char *line, size_t length, size_t column, const char **text, size_t *size)
{
    const char *at = line, *end = line + length;
    for (size_t i = 1;; i++) {
        const char *tab = at < end ? memchr(at, '\t', (size_t)(end - at)) : NULL;
        if (i == column) {
            *text = at;
            *size = (size_t)((tab ? tab : end) - at);
            return true;
        }
        if (!tab)
            return false;
        at = tab + 1;
    }
}

static grus_status take_column(const char *line, size_t length, size_t column, const char *cause, grus_buffer *to,
                               grus_error *error)
{
    const char *text;
    size_t size;
    if (!find_column(line, length, column, &text, &size))
        return grus_fail(error, GRUS_E_FAILED, NULL, cause, "the line has no column %zu", column);
    return set_text(to, text, size, error);
}

static grus_status parse_text(const grus_record_format *format, const char *line, size_t length, grus_record *record,
                              grus_error *error)
{
    grus_status status = check_utf8(line, length, error);
    if (status)
        return status;
    if (format->want_features)
        return grus_fail(error, GRUS_E_FAILED, NULL, "no_features", "a line of text holds no features");
    if (format->kind == GRUS_SHARD_TXT) {
        if (format->want_target)
            return grus_fail(error, GRUS_E_FAILED, NULL, "no_target", "a line of text holds no target");
        return set_text(&record->text, line, length, error);
    }
    status = take_column(line, length, format->text_column, "no_text", &record->text, error);
    if (!status && format->want_target)
        status = take_column(line, length, format->target_column, "no_target", &record->target, error);
    return status;
}

grus_status grus_record_parse(const grus_record_format *format, const char *line, size_t length, grus_record *record,
                              grus_error *error)
{
    grus_buffer_clear(&record->text);
    grus_buffer_clear(&record->target);
    record->n_ids = record->n_target_ids = record->n_positions = 0;
    record->is_object = false;
    if (format->kind == GRUS_SHARD_JSONL)
        return grus_record_parse_json(format, line, length, record, error);
    return parse_text(format, line, length, record, error);
}

void grus_record_free(grus_record *record)
{
    grus_buffer_free(&record->text);
    grus_buffer_free(&record->target);
    free(record->ids);
    free(record->target_ids);
    free(record->features);
    *record = (grus_record){0};
}

void grus_record_place(grus_shard_kind kind, uint64_t number, char place[GRUS_RECORD_PLACE])
{
    const char *unit = kind == GRUS_SHARD_SAFETENSORS ? "sequence" : "line";
    snprintf(place, GRUS_RECORD_PLACE, "%s %" PRIu64, unit, number);
}

// An object's own bytes up to its closing brace. What stands behind the brace is white space.
static void append_object(const char *line, size_t length, grus_buffer *out)
{
    while (length > 0 && line[length - 1] != '}')
        length--;
    grus_buffer_append(out, line, length > 0 ? length - 1 : 0);
}

void grus_record_begin(const grus_record_format *format, const char *line, size_t length, uint64_t number,
                       grus_buffer *out)
{
    if (format->kind == GRUS_SHARD_JSONL) {
        append_object(line, length, out);
        return;
    }
    grus_buffer_byte(out, '{');
    grus_json_member(out, format->id_key ? format->id_key : "id");
    grus_buffer_printf(out, "%" PRIu64, number);
}

void grus_record_error(const grus_record_format *format, const char *line, size_t length, bool is_object,
                       uint64_t number, const char *cause, grus_buffer *out)
{
    bool splice = format->kind == GRUS_SHARD_SAFETENSORS || (is_object && format->kind == GRUS_SHARD_JSONL);
    if (splice)
        grus_record_begin(format, line, length, number, out);
    else
        grus_buffer_byte(out, '{');
    grus_json_member(out, "error");
    grus_json_string(out, cause, strlen(cause));
    if (!splice) {
        grus_json_member(out, "line");
        grus_buffer_printf(out, "%" PRIu64, number);
    }
    grus_record_end(out);
}

void grus_record_end(grus_buffer *out)
{
    grus_buffer_append(out, "}\n", 2);
}
