// record.h: a record, and the frame of its output line. Lines become records in record_parse.h, shards without lines are
// feature_shard.h's; what a record's failure means for the shard is the scheduler's business.
#ifndef GRUS_IO_SHARD_RECORD_H
#define GRUS_IO_SHARD_RECORD_H

#include "base/buffer.h"
#include "io/shard/shard_name.h"

// Where to find what, and which field names the result will take (a record that has one of them is in error).
typedef struct grus_record_format {
    grus_shard_kind kind;
    const char *text_key, *id_key, *target_key;
    size_t text_column, target_column; // TSV, from 1
    bool want_target;
    bool target_optional; // JSONL: without one the target is empty
    bool want_ids; // the text is a list of integers (JSONL), or decimal integers (TXT, TSV: left to the tokenizer)
    bool want_target_ids; // the same for the target
    bool want_features;   // JSONL "features": [[…], …], feature_dim wide
    size_t feature_dim;
    const char *const *result_fields; // (n_result_fields)
    size_t n_result_fields;
} grus_record_format;

// Filled by record_parse.h; buffers are reused from record to record. Zero-initialised is empty and valid.
typedef struct grus_record {
    grus_buffer text, target; // UTF-8, unescaped
    uint64_t *ids, *target_ids;
    size_t n_ids, ids_capacity, n_target_ids, target_ids_capacity;
    float *features; // (n_positions, feature_dim)
    size_t n_positions, features_capacity;
    bool is_object; // the line is a JSON object
    bool has_error; // it has a field "error" of its own
} grus_record;

void grus_record_free(grus_record *record);

// Where record `number` of a shard of this kind is, for errors: "line 3", "sequence 0".
#define GRUS_RECORD_PLACE 32
void grus_record_place(grus_shard_kind kind, uint64_t number, char place[GRUS_RECORD_PLACE]);

// A record as it stands in its shard; text is NULL where it is no line.
typedef struct grus_record_line {
    const char *text; // (length)
    size_t length;
    uint64_t number;           // as grus_record_place counts
    bool is_object, has_error; // of grus_record; looked at by grus_record_error alone
} grus_record_line;

// Begins an output line: for a JSON object all of the record's own bytes up to its closing brace, else {"id": number
// (under the name that id_key says, if any); the caller then appends `, "name": value` members with grus_json_member
// and closes with grus_record_end ("}\n"). For an object without members no comma is written.
void grus_record_begin(const grus_record_format *format, const grus_record_line *line, grus_buffer *out);
void grus_record_end(grus_buffer *out);
// The output line of a record in error: its own bytes and "error": TEXT where it is an object, "grus_error": TEXT where that
// has an "error" (behind a "grus_error" of an earlier run, too: of equal names the last counts); {"id": number and "error" of
// a safetensors shard; and else {"error": TEXT, "line": number. Complete with "}\n"; nothing is to be added.
void grus_record_error(const grus_record_format *format, const grus_record_line *line, const char *cause,
                       grus_buffer *out);

#endif
