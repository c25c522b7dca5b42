// inputs.h: the INPUTs of a run to its list of shards.
#ifndef GRUS_SCHEDULER_INPUTS_H
#define GRUS_SCHEDULER_INPUTS_H

#include "scheduler/shards.h"

typedef struct grus_inputs {
    const char *const *list; // (n)
    size_t n;
    bool recursive; // a directory stands for all shards below it
    // (n_names) of shards, below the one input, a directory, or below the working directory where there is none; NULL: all.
    const char *const *names;
    size_t n_names;
    const char *names_from; // for messages: where the names were read; NULL: from nowhere
    const char *outdir;     // never entered; NULL: none
} grus_inputs;

// A file is a shard, a directory stands for its files of known type in byte order of the name, which leads through folders
// where it is recursive (directory.h), "-" is standard input. Names are taken in their order. A shard that cannot be opened
// stays in its place, with a fault.
// GRUS_E_USAGE: a file of unknown type, two shards of one stem, a name that leads out of the directory. GRUS_E_INPUT: not one
// can be opened; the list is then whole all the same. Free shards in every case.
grus_status grus_inputs_list(grus_shards *shards, const grus_inputs *inputs, grus_error *error);

// Those of a run: its inputs, recursive, filelist and outdir.
grus_status grus_inputs_of_run(grus_shards *shards, const grus_run_options *options, grus_error *error);

#endif
