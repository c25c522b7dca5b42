// source.h: a shard as a sequence of records, packed for a slot: lines that are parsed and tokenized, or sequences of
// features. Which slot they go into is the reader's business.
#ifndef GRUS_SCHEDULER_SOURCE_H
#define GRUS_SCHEDULER_SOURCE_H

#include "io/shard/features.h"
#include "io/shard/lines.h"
#include "scheduler/parse.h"

// One of the two is there. Zero-initialised is closed.
typedef struct grus_source {
    const grus_job *job;
    grus_shard_kind kind;
    grus_input *lines;
    grus_feature_shard *features;
    uint64_t number;  // of the next record: lines from 1, sequences from 0
    uint64_t lengths; // hash of the lengths of the records so far
} grus_source;

typedef struct grus_source_record {
    bool end; // there is no further record
    uint64_t number;
    const char *line; // (length) valid until the next record; "" where there is none
    size_t length;
} grus_source_record;

// GRUS_E_INPUT: the shard cannot be opened, or its features are not what the job needs.
grus_status grus_source_open(const grus_job *job, grus_shard_kind kind, const char *path, grus_source *source,
                             grus_error *error);
void grus_source_close(grus_source *source);

// The next record into packed. GRUS_E_INPUT: the shard has failed. GRUS_E_MEMORY.
grus_status grus_source_next(grus_source *source, grus_packed *packed, grus_source_record *record, grus_error *error);

grus_input_counts grus_source_count(const grus_source *source);

// Where the source is, behind the last record that it gave.
grus_slot_mark grus_source_mark(const grus_source *source);
// To be called on a source just opened, before grus_source_skip: what grus_source_is_at will be asked for.
void grus_source_expect(const grus_source *source, const grus_slot_mark *mark);
// Passes over so many records, or all up to the end, without looking into them. GRUS_E_INPUT, GRUS_E_MEMORY.
grus_status grus_source_skip(grus_source *source, uint64_t records, grus_error *error);
// Whether the records so far are those that were there when the mark was taken.
bool grus_source_is_at(const grus_source *source, const grus_slot_mark *mark);

// Bytes that a source of the job takes of memory at most, what it packs included; saturated.
size_t grus_source_memory(const grus_job *job);

#endif
