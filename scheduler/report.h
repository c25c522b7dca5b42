// report.h: the two texts a run leaves behind: what it is (run.json) and what it did (report.json).
#ifndef GRUS_SCHEDULER_REPORT_H
#define GRUS_SCHEDULER_REPORT_H

#include "scheduler/shared.h"

// run.json: everything that decides what the bytes of the output are and which process does which shard. Inputs are
// listed by name alone: a shard that was damaged, repaired and run again is still the same run.
// run: the identity, which goes with how the job array was numbered; NULL: neither, but only what must be the same.
void grus_claim_text(const grus_job *job, const grus_shards *shards, const char *run, grus_buffer *text);

// Where report.json of a run with these options goes, in a fresh string; NULL when memory is short.
char *grus_report_path(const grus_run_options *options);

// Writes it there; "-" is standard output. GRUS_E_OUTPUT.
grus_status grus_report_write(const char *path, const grus_buffer *text, grus_error *error);

// report.json, of the run's progress, figures and status.
void grus_report_text(const grus_shared *shared, const grus_progress *progress, const grus_figures *figures,
                      grus_status status, grus_buffer *text);

#endif
