// shared.h: what the threads of a run share: the job, the plan, the shards, the queue, and the figures so far.
#ifndef GRUS_SCHEDULER_SHARED_H
#define GRUS_SCHEDULER_SHARED_H

#include <pthread.h>

#include "io/outdir/hold.h"
#include "scheduler/figures.h"
#include "scheduler/job.h"
#include "scheduler/plan.h"
#include "scheduler/queue.h"
#include "scheduler/shards.h"

typedef struct grus_shared {
    // Set before the threads start, never changed while they run.
    const grus_job *job;
    const grus_plan *plan;
    const grus_shards *shards;
    const size_t *todo; // (n_todo) indices of the shards to be done, in order
    size_t n_todo;
    const char *outdir;
    const char *run;       // the identity that manifests of this run have, "" for one of version 0.1.0
    const grus_hold *hold; // of outdir; NULL for standard output
    bool had_failures;     // outdir may have causes of failures of earlier runs
    char run_id[128];      // tells this run and this version from all others
    const grus_run_events *events;
    const atomic_bool *stop; // the caller's wish to stop this run; passed to the engine
    double started;
    grus_queue *queue;

    pthread_mutex_t lock;
    grus_figures figures;   // written by reader and writer, read by the monitor, under lock
    grus_progress progress; // its shards and its plan alone: set before the threads start; done and failed shards
                            // written by the writer and its committers, read by the monitor, under lock

    pthread_mutex_t
        events_lock; // held while one of the events' functions runs, by the monitor, the writer or a committer

    bool has_fatal;   // under lock while there are threads
    grus_error fatal; // what ended the run, an output error: the first; likewise
} grus_shared;

// false when a mutex cannot be made.
bool grus_shared_init(grus_shared *shared);
void grus_shared_destroy(grus_shared *shared);

// Copies of the figures and of the progress made of them, either of which may be NULL.
void grus_shared_account(grus_shared *shared, grus_progress *progress, grus_figures *figures);

// The reader's, of the time that reading took.
void grus_shared_add_read(grus_shared *shared, double seconds);
// The writer's.
void grus_shared_add(grus_shared *shared, const grus_figures *figures);
void grus_shared_add_shard(grus_shared *shared, bool failed);

// The run is to end with this error, and the queue stops.
void grus_shared_end(grus_shared *shared, const grus_error *error);
bool grus_shared_is_ended(grus_shared *shared);

bool grus_shared_stopping(const grus_shared *shared);

// The events, one at a time; each is left out where the caller gave no function.
void grus_shared_warning(grus_shared *shared, const char *text);
// A shard has failed.
void grus_shared_shard_error(grus_shared *shared, const grus_shard *shard, const grus_error *error);
void grus_shared_shard_event(grus_shared *shared, const grus_shard *shard, grus_shard_event_kind kind,
                             const grus_figures *figures);
void grus_shared_progress(grus_shared *shared, bool final);

#endif
