// records.h: a shard as a sequence of records, parsed: lines, or sequences of features. Which slot they go into is the
// reader's business.
#ifndef GRUS_SCHEDULER_RECORDS_H
#define GRUS_SCHEDULER_RECORDS_H

#include "io/shard/features.h"
#include "io/shard/lines.h"
#include "scheduler/parse.h"

// One of the two is there. Zero-initialised is closed.
typedef struct grus_records {
    const grus_job *job;
    grus_shard_kind kind;
    grus_lines *lines;
    grus_feature_shard *features;
    uint64_t number;  // of the next record: lines from 1, sequences from 0
    uint64_t lengths; // hash of the lengths of the records so far
} grus_records;

// GRUS_E_INPUT: the shard cannot be opened, or its features are not what the job needs.
grus_status grus_records_open(const grus_job *job, grus_shard_kind kind, const char *path, grus_records *records,
                              grus_error *error);
void grus_records_close(grus_records *records);

// The next record into parsed, valid until the one behind it; *end: there is none. GRUS_E_INPUT: the shard has failed.
// GRUS_E_MEMORY.
grus_status grus_records_next(grus_records *records, grus_parsed *parsed, bool *end, grus_error *error);
// Whether the next record may have to be waited for, of standard input.
bool grus_records_is_drained(const grus_records *records);

grus_stream_counts grus_records_count(const grus_records *records);
// Bytes of the file that the records so far lie in, about; skipped ones too.
uint64_t grus_records_passed(const grus_records *records);

// How far the shard has been read, behind the record that was given last.
grus_slot_mark grus_records_mark(const grus_records *records);
// To be called on a shard just opened, before grus_records_skip: what grus_records_are_at will be asked for.
void grus_records_expect(const grus_records *records, const grus_slot_mark *mark);
// Passes over so many records, or all up to the end, without looking into them. GRUS_E_INPUT, GRUS_E_MEMORY.
grus_status grus_records_skip(grus_records *records, uint64_t n, grus_error *error);
// Whether the records so far are those that were there when the mark was taken.
bool grus_records_are_at(const grus_records *records, const grus_slot_mark *mark);

#endif
