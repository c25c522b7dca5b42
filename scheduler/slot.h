// slot.h: one batch on its way from the reader through a worker to the writer: its lines, its sequences, its output.
// A slot has one owner at a time, told by the queue; no field needs another lock than the queue's hand-over.
#ifndef GRUS_SCHEDULER_SLOT_H
#define GRUS_SCHEDULER_SLOT_H

#include "base/buffer.h"
#include "engine/engine.h"
#include "io/outdir/journal.h"
#include "io/shard/lines.h"
#include "io/text/tokenizer.h"
#include "scheduler/causes.h"

typedef enum grus_slot_state {
    GRUS_SLOT_EMPTY,   // the reader's, once reserved
    GRUS_SLOT_FILLED,  // nobody's
    GRUS_SLOT_WORKING, // a worker's
    GRUS_SLOT_DONE,    // the writer's, once its turn has come
} grus_slot_state;

// What a slot holds at most, unless it is big: then a single record of any size.
typedef struct grus_slot_bounds {
    size_t positions; // source positions and forced target tokens
    size_t records;
    size_t bytes;       // of the lines
    size_t cells;       // attention weights, where asked for
    size_t feature_dim; // 0 for token models
    bool targets;       // records have a forced target
    size_t out_bytes;   // of the output; only kept between batches, not a bound
} grus_slot_bounds;

#define GRUS_NO_ERROR SIZE_MAX

typedef struct grus_slot_record {
    size_t start, length; // of its line in lines
    size_t error;         // where the words of its error begin in errors (\0-terminated), or GRUS_NO_ERROR
    bool is_object;       // the line is a JSON object
} grus_slot_record;

// How far a shard has been read when its record so and so is in a slot; all 0 where nobody asks.
typedef struct grus_slot_mark {
    uint64_t bytes, xxh64; // of the file
    uint64_t lengths;      // a hash of the lengths of the records
} grus_slot_mark;

typedef struct grus_slot {
    // The queue's, under its lock.
    grus_slot_state state;
    uint64_t sequence; // number of the slot in the order of the run
    bool skip;         // the shard has failed already: no work is wanted
    bool big;          // a record over the bounds, alone in the slot

    // The reader's from reserve to fill, then read-only.
    size_t shard;
    bool first, last;          // of its shard's slots
    uint64_t first_number;     // line number of records[0]
    grus_slot_record *records; // (n_records)
    size_t n_records, records_capacity;
    grus_buffer lines, errors;
    size_t *length;        // (n_sequences) source positions of the records without error, in order
    size_t *target_length; // (n_sequences) where targets are forced
    size_t n_sequences, length_capacity, target_capacity;
    grus_ids ids, targets;
    float *features; // (positions, feature_dim)
    size_t n_positions, n_targets, n_cells, features_capacity;
    grus_resume *resume;     // in a shard's first slot: what is done of it already; the slot's own
    grus_slot_mark mark;     // behind the last record
    uint64_t bytes_in;       // of the file, read since the slot before
    grus_input_counts input; // of the whole shard, where last

    // The worker's from take to finish, then read-only.
    grus_buffer out;
    grus_infer_stats stats;
    double seconds; // of its work

    // Set by the reader or the worker while the slot is theirs; the first failure is kept.
    bool failed;
    grus_error error;
    uint64_t causes[GRUS_N_CAUSES]; // records in error
} grus_slot;

// Makes the slot empty and its memory as large as the bounds, no larger. GRUS_E_MEMORY leaves it empty.
grus_status grus_slot_reset(grus_slot *slot, const grus_slot_bounds *bounds, grus_error *error);
void grus_slot_free(grus_slot *slot);
// Gives the memory back; the slot stays what it is, empty.
void grus_slot_shed(grus_slot *slot);

// Drops the records and keeps the first error.
void grus_slot_fail(grus_slot *slot, const grus_error *error);

uint64_t grus_slot_records_failed(const grus_slot *slot);

// Its sequences, with features or with ids, and with the targets where they are forced. Lives as long as they do.
grus_batch grus_slot_batch(const grus_slot *slot, bool features, bool force);

// Bytes of memory that a slot within these bounds takes, its output included; saturated.
size_t grus_slot_bytes(const grus_slot_bounds *bounds);

#endif
