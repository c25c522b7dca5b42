// record_parse.c: lines of text and of TSV. Those of JSONL are record_json.c's.
#include "config.h"

#include "io/shard/record_parse.h"

#include <string.h>
#include <unistr.h>

#include "base/error.h"
#include "io/shard/record_json.h"

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
    record->is_object = record->has_error = false;
    if (format->kind == GRUS_SHARD_JSONL)
        return grus_record_parse_json(format, line, length, record, error);
    return parse_text(format, line, length, record, error);
}
