// batcher.h: where a batch ends. Records wait in a look-ahead, and batches are cut from its front where the encoder's
// lanes come out level. A pure function of the records and the bounds; it changes no result, only what is computed for
// nobody.
//
// The lanes of a tile of the micro-kernel end together: a sequence that outlasts all else in its batch has the rest of
// its tile for padding, as many times its length as a tile has lanes. So a batch is cut a little short where that
// leaves its lanes level; a batch with a sequence that it cannot fill a tile with is made wide; and before the last of
// a shard as much is left over as its longest sequence needs for company.
#ifndef GRUS_SCHEDULER_BATCHER_H
#define GRUS_SCHEDULER_BATCHER_H

#include "base/arena.h"
#include "base/model_config.h"
#include "scheduler/slot.h"

typedef struct grus_batch_bounds {
    size_t batch_tokens, wide_tokens; // of an ordinary batch, and of one in a big slot
    grus_slot_bounds slot, big;       // what an ordinary and a big slot may hold
    grus_slot_bounds ahead;           // what is held of records that are in no batch yet
    size_t tile, lanes;               // of the engine: lanes computed together, and in all
    const grus_config *config;        // whose front says what lies in them; NULL: it has none
} grus_batch_bounds;

// What counts of a record that waits.
typedef struct grus_waiting {
    size_t positions; // behind the front: what it takes of a lane
    size_t tokens, cells;
    size_t bytes;        // of all its text
    bool bad;            // in error
    grus_slot_mark mark; // behind it
} grus_waiting;

// Zero-initialised but for bounds.
typedef struct grus_batcher {
    const grus_batch_bounds *bounds;
    grus_slot ahead;       // the records that are in no batch yet
    grus_waiting *waiting; // (ahead.n_records)
    size_t waiting_capacity;
    size_t tokens, bytes; // of all that wait
    grus_arena *arena;    // of one measurement of lanes
} grus_batcher;

typedef struct grus_cut {
    size_t records;
    bool big; // over the bounds of an ordinary slot
} grus_cut;

// Forgets all records and makes sure of the memory. GRUS_E_MEMORY.
grus_status grus_batcher_begin(grus_batcher *batcher, grus_error *error);
void grus_batcher_free(grus_batcher *batcher);

// Whether there is room for the record; always where none waits.
bool grus_batcher_has_room(const grus_batcher *batcher, const grus_slot_entry *entry);
// Copies it behind the others. GRUS_E_MEMORY.
grus_status grus_batcher_add(grus_batcher *batcher, const grus_slot_entry *entry, grus_error *error);
// Bytes that a batcher with a look-ahead of these bounds takes; saturated.
size_t grus_batcher_bytes(const grus_slot_bounds *ahead);

// How far the shard has been read behind the record that was added last: for the slot, where that is its last.
void grus_batcher_mark(grus_batcher *batcher, grus_slot_mark mark);
size_t grus_batcher_records(const grus_batcher *batcher);

// How many of the records, at least one where any waits, make the next batch. ended: the shard has no others.
grus_cut grus_batcher_cut(grus_batcher *batcher, bool ended);
// Moves them into the slot, which is empty and has room for them. GRUS_E_MEMORY.
grus_status grus_batcher_move(grus_batcher *batcher, size_t records, grus_slot *slot, grus_error *error);

#endif
