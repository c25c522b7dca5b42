// record.h: one line of a shard to one record, and a result back into it; shards without lines are features.h's.
// What a record's failure means for the shard is the scheduler's business.
#ifndef GRUS_IO_SHARD_RECORD_H
#define GRUS_IO_SHARD_RECORD_H

#include "base/buffer.h"

typedef enum grus_shard_kind {
    GRUS_SHARD_JSONL,
    GRUS_SHARD_TXT,
    GRUS_SHARD_TSV,
    GRUS_SHARD_SAFETENSORS
} grus_shard_kind;

// By the name: .jsonl .txt .tsv .safetensors, each also with .zst; "-" is .jsonl. false for another name.
bool grus_shard_kind_of(const char *path, grus_shard_kind *kind);
// The name without directory, .zst and type, in a fresh string; NULL when memory is short. "-" gives "stdin".
char *grus_shard_stem(const char *path);

// Where to find what, and which field names the result will take (a record that has one of them is in error).
typedef struct grus_record_format {
    grus_shard_kind kind;
    const char *text_key, *id_key, *target_key;
    size_t text_column, target_column; // TSV, from 1
    bool want_target;
    bool want_ids; // the text is a list of integers (JSONL), or decimal integers (TXT, TSV: left to the tokenizer)
    bool want_target_ids; // the same for the target
    bool want_features;   // JSONL "features": [[…], …], feature_dim wide
    size_t feature_dim;
    const char *const *result_fields; // (n_result_fields)
    size_t n_result_fields;
} grus_record_format;

// Filled by grus_record_parse; buffers are reused from record to record. Zero-initialised is empty and valid.
typedef struct grus_record {
    grus_buffer text, target; // UTF-8, unescaped
    uint64_t *ids, *target_ids;
    size_t n_ids, ids_capacity, n_target_ids, target_ids_capacity;
    float *features; // (n_positions, feature_dim)
    size_t n_positions, features_capacity;
    bool is_object; // the line is a JSON object that an error can be spliced into: it has no field "error" of its own
} grus_record;

// Parses one line. On GRUS_E_FAILED the record is in error: error->place is the short name of the cause ("blank",
// "bad_json", "bad_utf8", "no_text", "no_target", "bad_text", "bad_id", "no_features", "bad_features", "result_field"),
// error->cause says it in words. GRUS_E_MEMORY otherwise.
grus_status grus_record_parse(const grus_record_format *format, const char *line, size_t length, grus_record *record,
                              grus_error *error);
void grus_record_free(grus_record *record);

// Where record `number` of a shard of this kind is, for errors: "line 3", "sequence 0".
#define GRUS_RECORD_PLACE 32
void grus_record_place(grus_shard_kind kind, uint64_t number, char place[GRUS_RECORD_PLACE]);

// Begins an output line: for a JSON object all of the record's own bytes up to its closing brace, else {"id": number
// (under the name that id_key says, if any); the caller then appends `, "name": value` members with grus_json_member
// and closes with grus_record_end ("}\n"). For an object without members no comma is written.
void grus_record_begin(const grus_record_format *format, const char *line, size_t length, uint64_t number,
                       grus_buffer *out);
// The output line of a record in error: its own bytes where is_object, {"id": number of a safetensors shard, and else
// {"error": TEXT, "line": number. Complete with "}\n"; nothing is to be added.
void grus_record_error(const grus_record_format *format, const char *line, size_t length, bool is_object,
                       uint64_t number, const char *cause, grus_buffer *out);

// JSON writing, appended to out.
void grus_json_member(grus_buffer *out, const char *name); // `, "name": ` or, right behind `{`, `"name": `
void grus_json_string(grus_buffer *out, const char *text, size_t length); // quoted and escaped
// The shortest text that reads back as this value; null where it is not finite.
void grus_json_float(grus_buffer *out, float value);
void grus_json_double(grus_buffer *out, double value);
void grus_record_end(grus_buffer *out);

#endif
