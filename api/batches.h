// batches.h: records in memory, batch after batch in the calling thread: what goes on behind each of them is the caller's
// business, as is where records come from.
#ifndef GRUS_API_BATCHES_H
#define GRUS_API_BATCHES_H

#include "scheduler/batcher.h"
#include "scheduler/parse.h"
#include "scheduler/run_options.h"
#include "scheduler/worker.h"

// Zero-initialised; must not be moved once it is settled.
typedef struct grus_batches {
    grus_run_settings settings;
    grus_job job;
    grus_plan plan;
    grus_parsed parsed; // the record that grus_batches_add takes
    grus_batcher batcher;
    grus_slot slot;
    grus_worker worker;
    void *context; // of take
    // What becomes of a batch, in the slot.
    grus_status (*take)(void *context, grus_worker *worker, grus_slot *slot, grus_error *error);
} grus_batches;

// GRUS_E_USAGE: options that contradict one another or the model. What options point to is the caller's.
grus_status grus_batches_settle(grus_batches *batches, const grus_model *model, const grus_run_options *options,
                                grus_error *error);
void grus_batches_free(grus_batches *batches);

// Forgets the records of a call before.
grus_status grus_batches_begin(grus_batches *batches, grus_error *error);
// The parsed record, behind the others. place is what an error calls it where fail_on_error makes it one, GRUS_E_FAILED.
grus_status grus_batches_add(grus_batches *batches, const char *place, grus_error *error);
// Takes what waits; the shard has no other records.
grus_status grus_batches_end(grus_batches *batches, grus_error *error);

#endif
