// format.h: the results of a batch to the bytes of its output, one line (or row of numbers) a record in the order of the
// input. What stands before the first and behind the last is the writer's business.
#ifndef GRUS_SCHEDULER_FORMAT_H
#define GRUS_SCHEDULER_FORMAT_H

#include "scheduler/job.h"
#include "scheduler/slot.h"

// The words for a record whose result holds a NaN or an infinity.
extern const char grus_format_not_finite[];

// Fills slot->out from its records and the results (n_sequences) of those without error. kind is that of the shard.
// A result that is not finite becomes a record in error and is counted. GRUS_E_MEMORY; with on_error = fail also
// GRUS_E_FAILED, the record as place.
grus_status grus_format_slot(const grus_job *job, grus_shard_kind kind, grus_slot *slot, const grus_result *results,
                             grus_error *error);

// Bytes that the output of a slot within these bounds takes at most (out_bytes is not looked at); saturated.
size_t grus_format_bound(const grus_job *job, const grus_slot_bounds *bounds);

#endif
