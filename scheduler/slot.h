// slot.h: one batch on its way from the reader through a worker to the writer: its lines, its sequences, its output.
// A slot has one owner at a time, told by the queue; no field needs another lock than the queue's hand-over. How the
// records lie in it is known to slot.c alone.
#ifndef GRUS_SCHEDULER_SLOT_H
#define GRUS_SCHEDULER_SLOT_H

#include "base/buffer.h"
#include "engine/batch.h"
#include "io/outdir/journal.h"
#include "io/shard/lines.h"
#include "scheduler/causes.h"

typedef enum grus_slot_state {
    GRUS_SLOT_EMPTY,   // the reader's, once reserved
    GRUS_SLOT_FILLED,  // nobody's
    GRUS_SLOT_WORKING, // a worker's
    GRUS_SLOT_DONE,    // the writer's, once its turn has come
} grus_slot_state;

// What a slot holds at most.
typedef struct grus_slot_bounds {
    size_t positions; // source positions and tokens of targets
    size_t records;
    size_t
        bytes; // of the lines, the words of errors and unknown tokens; a single record may have its error's beyond them
    size_t cells;       // attention weights, where asked for
    size_t feature_dim; // 0 for token models
    bool targets;       // records have a target, forced or a prefix
    size_t out_bytes;   // of the output at most; what is over them is not kept between batches
} grus_slot_bounds;

// A record on its way into a slot, or as it lies there. What it points to is another's.
typedef struct grus_slot_entry {
    uint64_t number;   // of its line, or of its sequence in the shard
    const char *line;  // (length)
    size_t length;     // bytes
    bool is_object;    // the line is a JSON object
    bool has_error;    // which has a field "error" of its own
    const char *error; // why it is in error, \0-terminated; NULL: it is not
    grus_cause cause;  // of the error

    // Of one without error.
    size_t n_positions, n_targets; // n_targets 0 where there are no targets
    size_t n_cells;                // attention weights at most; not kept in a slot
    const uint32_t *ids;           // (n_positions) of token models
    const float *features;         // (n_positions, feature_dim) of feature models
    const uint32_t *targets;       // (n_targets)
    // With search.replace_unk, the texts of its unknown source tokens (io/text/ids.h); NULL: there are none.
    const char *unknown; // (unknown_bytes)
    size_t unknown_bytes;
} grus_slot_entry;

// How far a shard has been read when its record so and so is in a slot; all 0 where nobody asks.
typedef struct grus_slot_mark {
    uint64_t bytes, xxh64; // of the file
    uint64_t lengths;      // a hash of the lengths of the records
} grus_slot_mark;

#define GRUS_SLOT_COLUMNS 7

// The values of all records of one kind, end to end.
typedef struct grus_slot_column {
    char *data;
    size_t used, capacity; // bytes
} grus_slot_column;

typedef struct grus_slot {
    // The queue's, under its lock.
    grus_slot_state state;
    uint64_t sequence; // number of the slot in the order of the run
    bool skip;         // the shard has failed already: no work is wanted
    bool big;          // over the bounds of an ordinary slot

    // The reader's from reserve to fill, then read-only.
    size_t shard;
    uint64_t shard_key; // XXH64 of the shard's stem
    bool first, last;   // of its shard's slots
    size_t n_records;
    size_t n_sequences; // records without error
    size_t n_positions, n_targets;
    grus_resume *resume;      // in a shard's first slot: what is done of it already; the slot's own
    grus_slot_mark mark;      // behind the last record
    uint64_t bytes_in;        // of the file, done with it since the slot before
    grus_stream_counts input; // of the whole shard, where last

    // slot.c's alone.
    grus_slot_column columns[GRUS_SLOT_COLUMNS];
    size_t feature_dim;
    bool targets;
    uint64_t first_number; // of the first record

    // The worker's from take to finish, then read-only.
    grus_buffer out;
    grus_infer_stats stats;
    uint64_t n_unknown,
        n_truncated; // source positions that are <unk>; records whose best hypothesis ended at its limit
    double seconds;  // of its work

    // Set by the reader or the worker while the slot is theirs; the first failure is kept.
    bool failed;
    grus_error error;
    uint64_t causes[GRUS_N_CAUSES]; // records in error
} grus_slot;

// Makes the slot empty, with memory as large as the bounds and no larger. Whose slot it is, of which shard and where in
// it, stays. GRUS_E_MEMORY leaves it empty.
grus_status grus_slot_reset(grus_slot *slot, const grus_slot_bounds *bounds, grus_error *error);
void grus_slot_free(grus_slot *slot);
// Gives the memory back; the slot stays what it is, empty.
void grus_slot_shed(grus_slot *slot);

// Bytes of memory that a slot within these bounds takes, its output included; saturated.
size_t grus_slot_bytes(const grus_slot_bounds *bounds);

// What it takes of a slot's bytes.
size_t grus_slot_entry_bytes(const grus_slot_entry *entry);
// Copies the record behind the others; the slot's bounds have room for it. GRUS_E_MEMORY.
grus_status grus_slot_append(grus_slot *slot, const grus_slot_entry *entry, grus_error *error);
// Takes the first `records` records out of one slot into another, which is empty and has bounds for them. GRUS_E_MEMORY.
grus_status grus_slot_move(grus_slot *from, size_t records, grus_slot *to, grus_error *error);

// Where a walk over the records has come to; zero-initialised is before the first.
typedef struct grus_slot_place {
    size_t record, sequence, position, target, text;
} grus_slot_place;
// The next record, whose parts lie in the slot; false behind the last.
bool grus_slot_next(const grus_slot *slot, grus_slot_place *place, grus_slot_entry *entry);

// Drops the records and keeps the first error.
void grus_slot_fail(grus_slot *slot, const grus_error *error);
uint64_t grus_slot_records_failed(const grus_slot *slot);

// Its sequences, with their targets where they have any. Lives as long as they do.
grus_batch grus_slot_batch(const grus_slot *slot);

#endif
