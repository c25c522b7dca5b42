// context.h: what the threads of a run share: the job, the plan, the shards, the queue, and the figures so far.
#ifndef GRUS_SCHEDULER_CONTEXT_H
#define GRUS_SCHEDULER_CONTEXT_H

#include <pthread.h>

#include "scheduler/job.h"
#include "scheduler/queue.h"
#include "scheduler/shards.h"

typedef struct grus_figures {
    grus_progress progress;
    uint64_t causes[GRUS_N_CAUSES];
    double read_seconds;    // reading, parsing, tokenizing
    double compute_seconds; // engine and formatting, of all workers together
    double write_seconds;   // compressing, writing, committing
} grus_figures;

typedef struct grus_context {
    // Set before the threads start, never changed while they run.
    const grus_job *job;
    const grus_plan *plan;
    const grus_shards *shards;
    const size_t *todo; // (n_todo) indices of the shards to be done, in order
    size_t n_todo;
    const char *outdir;
    char run_id[128]; // tells this run, this version and this kernel from all others
    const grus_run_events *events;
    const atomic_bool *stop; // set by grus_run_stop; passed to the engine
    double started;
    grus_queue *queue;

    pthread_mutex_t lock;
    grus_figures figures; // written by reader and writer, read by the monitor, under lock

    pthread_mutex_t events_lock; // held while one of the events' functions runs

    // Written by the writer thread alone, read after it has ended.
    bool has_fatal;
    grus_error fatal; // what ended the run: an output error
} grus_context;

// false when a mutex cannot be made.
bool grus_context_init(grus_context *context);
void grus_context_destroy(grus_context *context);

// A copy of the figures, seconds filled in.
grus_figures grus_context_figures(grus_context *context);

void grus_context_add_read(grus_context *context, double seconds);
void grus_figures_add_slot(grus_figures *figures, const grus_slot *slot);
// What was done of a shard before this run.
void grus_context_add_resumed(grus_context *context, const grus_figures *done);
// wanted: the slot's records are part of an output; else its bytes alone count, as done.
void grus_context_add_slot(grus_context *context, const grus_slot *slot, bool wanted, double write_seconds);
void grus_context_add_shard(grus_context *context, bool failed);

bool grus_context_stopping(const grus_context *context);

// The events, one at a time; each is left out where the caller gave no function.
void grus_context_shard_error(grus_context *context, const grus_error *error);
void grus_context_progress(grus_context *context, bool final);

#endif
