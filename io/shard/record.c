// record.c: the frame of every output line.
#include "config.h"

#include "io/shard/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/json/json_write.h"

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
static void append_object(const grus_record_line *line, grus_buffer *out)
{
    size_t length = line->length;
    while (length > 0 && line->text[length - 1] != '}')
        length--;
    grus_buffer_append(out, line->text, length > 0 ? length - 1 : 0);
}

void grus_record_begin(const grus_record_format *format, const grus_record_line *line, grus_buffer *out)
{
    if (format->kind == GRUS_SHARD_JSONL) {
        append_object(line, out);
        return;
    }
    grus_buffer_byte(out, '{');
    grus_json_count_member(out, format->id_key ? format->id_key : "id", line->number);
}

void grus_record_end(grus_buffer *out)
{
    grus_json_end_line(out);
}

void grus_record_error(const grus_record_format *format, const grus_record_line *line, const char *cause,
                       grus_buffer *out)
{
    bool own_bytes = line->is_object && format->kind == GRUS_SHARD_JSONL;
    bool splice = own_bytes || format->kind == GRUS_SHARD_SAFETENSORS;
    if (splice)
        grus_record_begin(format, line, out);
    else
        grus_buffer_byte(out, '{');
    grus_json_text_member(out, own_bytes && line->has_error ? "grus_error" : "error", cause);
    if (!splice)
        grus_json_count_member(out, "line", line->number);
    grus_record_end(out);
}
