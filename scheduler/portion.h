// portion.h: the process's portion of a run: its rank, the shards it has to do, and the output directory claimed for them.
// What is to be done is found here; the threads that do it are run.c's.
#ifndef GRUS_SCHEDULER_PORTION_H
#define GRUS_SCHEDULER_PORTION_H

#include "io/outdir/hold.h"
#include "scheduler/shared.h"

typedef struct grus_portion {
    // Set by the caller.
    grus_run_options *options; // whose rank and world size become what the run has
    grus_shared *shared;       // job, outdir and events are set; gets run_id, hold, the counts of shards, n_todo
    grus_shards *shards;

    size_t *todo;                // (shared->n_todo) indices of the shards to be done, in order
    char run[GRUS_RUN_IDENTITY]; // the identity of the run that has the directory
    grus_hold hold;              // of the directory; its dir is -1 where there is none
} grus_portion;

// From the rank to the shards to be done, with the directory claimed and swept, and with the outputs that are to be made
// anew set aside; with dry_run nothing is written. GRUS_E_USAGE: the directory is another run's, or an output would take
// the name of its own input. In every case the caller frees.
grus_status grus_portion_take(grus_portion *portion, grus_error *error);
void grus_portion_free(grus_portion *portion);

#endif
