// changed.h: what becomes of a shard that is done, by its input and run.on_changed.
#ifndef GRUS_SCHEDULER_CHANGED_H
#define GRUS_SCHEDULER_CHANGED_H

#include "scheduler/shared.h"

typedef enum grus_done_kind {
    GRUS_DONE_NOT, // it is to be run
    GRUS_DONE_STAYS,
    GRUS_DONE_KEPT, // its input changed, and it stays all the same
    GRUS_DONE_REDO, // its input changed: its output is to be set aside, and it is to be run
    GRUS_DONE_FAILS,
} grus_done_kind;

// Compares the input with the manifest where the shard is done. One that fails has been told (on_shard_error).
// GRUS_E_INTERRUPTED: the run is stopped. GRUS_E_MEMORY.
grus_status grus_changed_judge(grus_shared *shared, const grus_shard *shard, grus_done_kind *kind, grus_error *error);

#endif
