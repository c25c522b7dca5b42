// partial.h: the temporary files of an output directory: whose they are, and away with those of the dead.
#ifndef GRUS_IO_OUTDIR_PARTIAL_H
#define GRUS_IO_OUTDIR_PARTIAL_H

#include "io/outdir/origin.h"

typedef enum grus_owner {
    GRUS_OWNER_ALIVE,
    GRUS_OWNER_DEAD,      // it ran where this process does, and is gone
    GRUS_OWNER_ELSEWHERE, // of another host, boot or pid namespace: nobody can tell from here
} grus_owner;

typedef struct grus_partial {
    char *name; // STEM.PID-RANDOM@ORIGIN, with GRUS_OUTDIR_JOURNAL_TAIL where it is a journal
    size_t stem_length;
    long pid;
    char host[GRUS_HOST_MAX];
    bool same_host; // as this process's
    bool journal;
    grus_owner owner;
    uint64_t age; // seconds since it was written to
} grus_partial;

typedef struct grus_partials {
    grus_partial *list;
    size_t n, capacity;
} grus_partials; // zero-initialised is empty

// Files of other names than temporary ones have are left out. No directory is an empty one. GRUS_E_OUTPUT: it cannot be
// read. Free partials in every case.
grus_status grus_partials_list(const char *outdir, grus_partials *partials, grus_error *error);
void grus_partials_free(grus_partials *partials);

// Whether it is a part of this shard's output or manifest.
bool grus_partial_is_of(const grus_partial *partial, const char *stem);

// Journals whose names were cut do not tell whose they are: the run, which knows its shards, says whether one is of a shard that
// is done.
typedef struct grus_cut_names {
    bool (*is_spent)(const void *run, const grus_partial *journal);
    const void *run;
} grus_cut_names;

// Removes the files whose owner is dead, but for the journals of shards that are not done; those with cut names stay where cut is
// NULL. suffix is that of the outputs. One that cannot be removed stays: it is in nobody's way.
void grus_partials_sweep(const char *outdir, const char *suffix, const grus_cut_names *cut);
// Removes those that were to be renamed to path.
void grus_partials_sweep_beside(const char *path);

#endif
