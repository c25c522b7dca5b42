// remarks.h: what a person ought to know of a run that went well: warnings, from what was listed and counted.
#ifndef GRUS_SCHEDULER_REMARKS_H
#define GRUS_SCHEDULER_REMARKS_H

#include "scheduler/shared.h"

// Before the run: what was passed over in directories; with run.strict it is an error.
grus_status grus_remark_others(grus_shared *shared, grus_error *error);
// After it: that most of the source is unknown to the vocabulary, that most of standard input was no JSONL.
void grus_remark_figures(grus_shared *shared);

#endif
