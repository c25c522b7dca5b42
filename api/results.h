// results.h: what the engine gives for records, as the columns of a grus_results: they grow record by record, and become
// the caller's at the end.
#ifndef GRUS_API_RESULTS_H
#define GRUS_API_RESULTS_H

#include "engine/batch.h"
#include "scheduler/job.h"
#include "scheduler/slot.h"

typedef struct grus_collected grus_collected;

// For what the job asks. GRUS_E_MEMORY.
grus_status grus_collected_new(const grus_job *job, grus_collected **collected, grus_error *error);
void grus_collected_free(grus_collected *collected);

// The next record: in error for words, with result NULL, or with its result. That memory was short is told at the end.
void grus_collected_error(grus_collected *collected, const char *words, grus_cause cause);
void grus_collected_add(grus_collected *collected, const grus_slot_entry *entry, const grus_result *result);

// The results, which grus_results_free frees in the place of collected. GRUS_E_MEMORY: collected stays.
grus_status grus_collected_finish(grus_collected *collected, grus_results **results, grus_error *error);

#endif
