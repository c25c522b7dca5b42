// costs.h: what a job takes of memory: its model, its readers and parsers, a worker and a slot; and the plan that comes
// of it.
#ifndef GRUS_SCHEDULER_COSTS_H
#define GRUS_SCHEDULER_COSTS_H

#include "scheduler/job.h"
#include "scheduler/plan.h"

// The plan of this job with so many threads at most. GRUS_E_USAGE: --max-memory is too little.
grus_status grus_costs_plan(const grus_job *job, size_t threads, grus_plan *plan, grus_error *error);

#endif
