// describe_shard.c: a shard as a table for people, or as JSON.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <string.h>

#include "api/table.h"
#include "base/error.h"
#include "base/text.h"
#include "io/json/json_write.h"
#include "io/shard/features.h"
#include "io/shard/lines.h"
#include "io/shard/record.h"

static const char *const kind_names[] = {"jsonl", "txt", "tsv", "safetensors"}; // grus_shard_kind

static void put_text(grus_buffer *to, const char *name, const char *value)
{
    grus_json_member(to, name);
    grus_json_name(to, value, strlen(value));
}

static void put_count(grus_buffer *to, const char *name, uint64_t value)
{
    grus_json_member(to, name);
    grus_buffer_printf(to, "%" PRIu64, value);
}

typedef struct grus_line_counts {
    uint64_t lines, empty, over, bytes;
    size_t longest;
} grus_line_counts;

static grus_status count_lines(grus_lines *input, grus_line_counts *counts, grus_error *error)
{
    for (;;) {
        grus_line_kind kind;
        const char *line;
        size_t length;
        grus_status status = grus_lines_next(input, &kind, &line, &length, error);
        if (status != GRUS_OK || kind == GRUS_LINE_END)
            return status;
        counts->lines++;
        counts->bytes += length;
        if (kind == GRUS_LINE_TOO_LONG)
            counts->over++;
        else if (length == 0)
            counts->empty++;
        if (length > counts->longest)
            counts->longest = length;
    }
}

static void print_file(grus_buffer *to, const char *path, grus_shard_kind kind, const grus_stream_counts *input,
                       const char *content)
{
    grus_buffer_printf(to, "shard         %s, %s\n", path, kind_names[kind]);
    grus_buffer_printf(to, "bytes         %" PRIu64 " in the file, %" PRIu64 " of %s\n", input->bytes_in,
                       input->bytes_out, content);
    if (input->gzip)
        grus_buffer_printf(to, "members       %" PRIu64 " of gzip\n", input->frames);
    else if (input->frames || input->skippable_frames)
        grus_buffer_printf(to, "frames        %" PRIu64 " of zstd, %" PRIu64 " to be skipped\n", input->frames,
                           input->skippable_frames);
    if (input->window > (uint64_t)1 << GRUS_WINDOW_LOG)
        grus_buffer_printf(to, "window        %" PRIu64 " bytes, more than is read unasked: grus run --long\n",
                           input->window);
}

// What is JSON of every shard, without the end.
static void put_file(grus_buffer *to, const char *path, grus_shard_kind kind, const grus_stream_counts *input)
{
    grus_buffer_byte(to, '{');
    put_text(to, "shard", path);
    put_text(to, "kind", kind_names[kind]);
    put_text(to, "compression", input->gzip ? "gzip" : input->frames || input->skippable_frames ? "zstd" : "none");
    put_count(to, "bytes_in", input->bytes_in);
    put_count(to, "bytes_out", input->bytes_out);
    put_count(to, "frames", input->frames);
    put_count(to, "skippable_frames", input->skippable_frames);
    put_count(to, "window", input->window);
    grus_json_member(to, "xxh64");
    grus_buffer_printf(to, "\"%016" PRIx64 "\"", input->xxh64);
}

static void put_shard(grus_buffer *to, const char *path, grus_shard_kind kind, const grus_stream_counts *input,
                      const grus_line_counts *counts)
{
    put_file(to, path, kind, input);
    put_count(to, "records", counts->lines);
    put_count(to, "empty", counts->empty);
    put_count(to, "longest", counts->longest);
    put_count(to, "too_long", counts->over);
    grus_buffer_text(to, "}\n");
}

static void print_shard(grus_buffer *to, const char *path, grus_shard_kind kind, const grus_stream_counts *input,
                        const grus_line_counts *counts, size_t max_record)
{
    print_file(to, path, kind, input, "text");
    grus_buffer_printf(to, "records       %" PRIu64 ", %" PRIu64 " of them empty\n", counts->lines, counts->empty);
    grus_buffer_printf(to, "longest       %zu bytes", counts->longest);
    if (counts->over)
        grus_buffer_printf(to, "; %" PRIu64 " over the limit of %zu", counts->over, max_record);
    grus_buffer_printf(to, "\nXXH64         %016" PRIx64 "\n", input->xxh64);
}

typedef struct grus_sequence_counts {
    uint64_t sequences, empty;
    size_t longest;
} grus_sequence_counts;

static grus_status count_sequences(grus_feature_shard *shard, grus_sequence_counts *counts, grus_error *error)
{
    for (;;) {
        bool end;
        size_t rows;
        grus_status status = grus_feature_shard_next(shard, &end, &rows, error);
        if (status != GRUS_OK || end)
            return status;
        counts->sequences++;
        counts->empty += rows == 0;
        if (rows > counts->longest)
            counts->longest = rows;
    }
}

static grus_tensor_line line_of(const grus_safetensors_entry *entry)
{
    const grus_tensor *tensor = &entry->tensor;
    grus_tensor_line line = {
        .name = tensor->name,
        .dtype = grus_dtype_name(tensor->dtype),
        .rank = tensor->rank,
        .bytes = entry->end - entry->begin,
        .used = true,
    };
    for (size_t k = 0; k < tensor->rank; k++)
        line.shape[k] = tensor->shape[k];
    return line;
}

static void print_feature_shard(grus_buffer *to, const char *path, const grus_feature_shard *shard,
                                const grus_sequence_counts *counts)
{
    const grus_safetensors_header *header = grus_feature_shard_header(shard);
    grus_stream_counts input = grus_feature_shard_count(shard);
    print_file(to, path, GRUS_SHARD_SAFETENSORS, &input, "safetensors");
    grus_buffer_printf(to, "records       %" PRIu64 ", %" PRIu64 " of them empty\n", counts->sequences, counts->empty);
    grus_buffer_printf(to, "longest       %zu rows of %zu values\n", counts->longest, grus_feature_shard_dim(shard));
    grus_buffer_printf(to, "XXH64         %016" PRIx64 "\n", input.xxh64);
    int widest = 6;
    for (size_t i = 0; i < header->n; i++)
        widest = grus_table_widen(header->entries[i].tensor.name, widest);
    grus_table_begin(to, widest);
    for (size_t i = 0; i < header->n; i++) {
        grus_tensor_line line = line_of(&header->entries[i]);
        grus_table_tensor(to, widest, &line);
    }
}

static void put_feature_shard(grus_buffer *to, const char *path, const grus_feature_shard *shard,
                              const grus_sequence_counts *counts)
{
    const grus_safetensors_header *header = grus_feature_shard_header(shard);
    grus_stream_counts input = grus_feature_shard_count(shard);
    put_file(to, path, GRUS_SHARD_SAFETENSORS, &input);
    put_count(to, "records", counts->sequences);
    put_count(to, "empty", counts->empty);
    put_count(to, "longest", counts->longest);
    put_count(to, "feature_dim", grus_feature_shard_dim(shard));
    grus_json_member(to, "tensors");
    grus_buffer_byte(to, '[');
    for (size_t i = 0; i < header->n; i++) {
        grus_tensor_line line = line_of(&header->entries[i]);
        grus_buffer_text(to, i ? ", {" : "{");
        grus_table_json(to, &line);
        grus_buffer_byte(to, '}');
    }
    grus_buffer_text(to, "]}\n");
}

static grus_status describe_features(const char *path, bool as_json, grus_buffer *to, grus_error *error)
{
    grus_feature_shard *shard = NULL;
    grus_status status = grus_feature_shard_open(path, GRUS_WINDOW_LOG_MOST, &shard, error);
    if (status != GRUS_OK)
        return status;
    grus_sequence_counts counts = {0};
    status = count_sequences(shard, &counts, error);
    if (status == GRUS_OK && as_json)
        put_feature_shard(to, path, shard, &counts);
    else if (status == GRUS_OK)
        print_feature_shard(to, path, shard, &counts);
    grus_feature_shard_close(shard);
    return status;
}

static grus_status describe_lines(const char *path, grus_shard_kind kind, size_t max_record, bool as_json,
                                  grus_buffer *to, grus_error *error)
{
    grus_lines *input = NULL;
    grus_status status = grus_lines_open(path, max_record, GRUS_WINDOW_LOG_MOST, &input, error);
    if (status != GRUS_OK)
        return status;
    grus_line_counts counts = {0};
    status = count_lines(input, &counts, error);
    grus_stream_counts read = grus_lines_count(input);
    grus_lines_close(input);
    if (status == GRUS_OK && as_json)
        put_shard(to, path, kind, &read, &counts);
    else if (status == GRUS_OK)
        print_shard(to, path, kind, &read, &counts, max_record);
    return status;
}

grus_status grus_shard_describe(const char *path, size_t max_record, bool as_json, grus_text *text, grus_error *error)
{
    grus_error unseen;
    grus_shard_kind kind;
    grus_buffer buffer = {0};
    if (!error)
        error = &unseen;
    *text = (grus_text){0};
    if (!grus_shard_kind_of(path, &kind))
        return grus_fail(error, GRUS_E_USAGE, path, NULL, "not the name of a shard; known are " GRUS_SHARD_NAMES);
    grus_status status = kind == GRUS_SHARD_SAFETENSORS
                             ? describe_features(path, as_json, &buffer, error)
                             : describe_lines(path, kind, max_record, as_json, &buffer, error);
    if (status == GRUS_OK)
        return grus_text_take(text, &buffer, error);
    grus_buffer_free(&buffer);
    return status;
}
