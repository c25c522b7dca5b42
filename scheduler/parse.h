// parse.h: records into slots: a line is parsed and tokenized, a sequence of features read, and copied behind those that
// are there. Which records make a batch is the batcher's business.
#ifndef GRUS_SCHEDULER_PARSE_H
#define GRUS_SCHEDULER_PARSE_H

#include "io/shard/features.h"
#include "scheduler/job.h"
#include "scheduler/slot.h"

// A record, ready to be put into a slot. Reused from line to line; zero-initialised is empty and valid.
typedef struct grus_packed {
    grus_record record;
    grus_ids ids, targets;
    size_t n_positions, n_targets, n_cells;
    bool bad; // in error, for cause and error->cause
    grus_cause cause;
    grus_error error;
} grus_packed;

// Parses line `number`; too_long: its bytes were over --max-record and are not there. Fills packed, for a record in
// error too. GRUS_E_MEMORY is the only failure.
grus_status grus_pack_line(const grus_job *job, grus_shard_kind kind, const char *line, size_t length, bool too_long,
                           uint64_t number, grus_packed *packed, grus_error *error);
// Reads the sequence of `rows` rows that the shard has come to, or passes over it where it is too large. Fills packed,
// for a record in error too. GRUS_E_INPUT: the shard has failed. GRUS_E_MEMORY.
grus_status grus_pack_features(const grus_job *job, grus_feature_shard *shard, size_t rows, uint64_t number,
                               grus_packed *packed, grus_error *error);
void grus_packed_free(grus_packed *packed);

// Copies it into the slot, whose memory has room for it. GRUS_E_MEMORY.
grus_status grus_pack_add(grus_slot *slot, const grus_job *job, const grus_packed *packed, const char *line,
                          size_t length, uint64_t number, grus_error *error);

#endif
