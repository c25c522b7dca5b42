// outcome.h: how a run that was not stopped has ended, by its shards and by its records.
#ifndef GRUS_SCHEDULER_OUTCOME_H
#define GRUS_SCHEDULER_OUTCOME_H

#include "scheduler/shared.h"

// Of the shards of this process, those that were done before included. GRUS_E_INTERRUPTED: some are neither done nor
// failed. GRUS_E_FAILED: one has failed; or none has, there are records, and every one of them is in error. What counts
// is the manifests, so that the same command says the same again. GRUS_E_MEMORY.
grus_status grus_outcome(grus_shared *shared, grus_error *error);

#endif
