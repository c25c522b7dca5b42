// worker.h: what each thread of the team does: takes slots, runs the engine, formats the results.
#ifndef GRUS_SCHEDULER_WORKER_H
#define GRUS_SCHEDULER_WORKER_H

#include "scheduler/context.h"

// Works until the queue has nothing more. A failure fails the slot, and with it the slot's shard alone.
void grus_worker_run(grus_context *context);

#endif
