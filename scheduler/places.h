// places.h: whether inputs, outputs and the report of a run get into each other's way, before any work is done.
#ifndef GRUS_SCHEDULER_PLACES_H
#define GRUS_SCHEDULER_PLACES_H

#include "scheduler/shards.h"

// GRUS_E_USAGE: no output directory, or standard output where it cannot be; an output whose name is longer than the file
// system takes; an INPUT that is the output directory; a report onto an input, an output, or a file of the run's own.
// GRUS_E_MEMORY. suffix is that of the outputs.
grus_status grus_places_check(const grus_run_options *options, const grus_shards *shards, const char *suffix,
                              grus_error *error);

#endif
