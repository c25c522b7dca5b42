// parse.h: a line, parsed and tokenized, a sequence of features, read, or a sequence that lies in memory: a record that can
// be put into a slot. Which records make a batch is the batcher's business.
#ifndef GRUS_SCHEDULER_PARSE_H
#define GRUS_SCHEDULER_PARSE_H

#include "io/shard/features.h"
#include "io/text/tokenizer.h"
#include "scheduler/job.h"
#include "scheduler/slot.h"

// A record. Reused from line to line; zero-initialised is empty and valid.
typedef struct grus_parsed {
    grus_slot_entry entry; // the record; it points into what follows, and to the line
    grus_record record;
    grus_ids ids, targets;
    grus_buffer unknown; // texts of source tokens
    grus_error error;    // why it is in error, where it is
} grus_parsed;

// A line of a shard, still to be parsed.
typedef struct grus_raw_line {
    grus_shard_kind kind; // of the shard
    uint64_t number;
    const char *text; // (length)
    size_t length;
    bool too_long; // its bytes were over --max-record and are not there
} grus_raw_line;

// Fills parsed, for a record in error too. GRUS_E_MEMORY is the only failure.
grus_status grus_parse_line(const grus_job *job, const grus_raw_line *line, grus_parsed *parsed, grus_error *error);
// Reads the sequence of `rows` rows that the shard has come to, or passes over it where it is too large. Fills parsed,
// for a record in error too. GRUS_E_INPUT: the shard has failed. GRUS_E_MEMORY.
grus_status grus_parse_features(const grus_job *job, grus_feature_shard *shard, size_t rows, uint64_t number,
                                grus_parsed *parsed, grus_error *error);

// A sequence in memory: one of text, ids and features is there, as the job's model takes it.
typedef struct grus_raw_sequence {
    size_t length;         // bytes, ids, rows
    const char *text;      // whatever its bytes
    const uint64_t *ids;   // whatever their values
    const float *features; // (length, feature_dim); the caller's as long as the record
} grus_raw_sequence;

// Fills parsed with source and, where the job wants one, target; for a record in error too. GRUS_E_MEMORY.
grus_status grus_parse_sequence(const grus_job *job, const grus_raw_sequence *source, const grus_raw_sequence *target,
                                uint64_t number, grus_parsed *parsed, grus_error *error);
void grus_parsed_free(grus_parsed *parsed);

#endif
