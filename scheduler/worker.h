// worker.h: what each thread of the team does: takes slots, runs the engine, formats the results.
#ifndef GRUS_SCHEDULER_WORKER_H
#define GRUS_SCHEDULER_WORKER_H

#include "scheduler/shared.h"

typedef struct grus_worker {
    const grus_job *job;
    const atomic_bool *stop; // may be NULL
    bool keeps_big;          // there is memory for a big slot's batch in every worker
    grus_arena *arena;       // made at the first slot; that of a big one goes back behind it, unless it is kept
    grus_result *results;
    size_t results_capacity;
    uint64_t *keys; // of random numbers, where hypotheses are drawn
    size_t keys_capacity;
} grus_worker; // zero-initialised but for the first three

// Runs the slot's records through the engine: worker->results has one for each of its sequences, until its next slot or
// grus_worker_settle.
grus_status grus_worker_infer(grus_worker *worker, grus_slot *slot, grus_error *error);
// Gives back what the worker has for the slot alone.
void grus_worker_settle(grus_worker *worker, const grus_slot *slot);
// Both, and between them fills the slot's output. kind is that of the slot's shard.
grus_status grus_worker_compute(grus_worker *worker, grus_shard_kind kind, grus_slot *slot, grus_error *error);
void grus_worker_free(grus_worker *worker);

// Works until the queue has nothing more. A failure fails the slot, and with it the slot's shard alone.
void grus_worker_run(grus_shared *shared);

#endif
