// failure.h: why a shard has failed, a JSON file for each until it succeeds. Its members are those of grus_failure.
#ifndef GRUS_IO_OUTDIR_FAILURE_H
#define GRUS_IO_OUTDIR_FAILURE_H

#include "io/outdir/hold.h"
#include "io/outdir/origin.h"

#define GRUS_FAILURE_TIME 32

typedef struct grus_failure {
    const char *input;            // name of the shard; not filled in by reading
    grus_error error;             // what it failed with
    size_t rank;                  // of the process
    char host[GRUS_HOST_MAX];     // that it ran on; filled in by writing
    char time[GRUS_FAILURE_TIME]; // as 2026-11-28T19:20:00Z; filled in by writing
    char run[GRUS_RUN_IDENTITY];  // the identity of the run; "" where it has none
} grus_failure;

// Replaces what an earlier attempt has left, after a look at the directory. GRUS_E_OUTPUT, GRUS_E_MEMORY.
grus_status grus_failure_write(const grus_hold *hold, const char *stem, grus_failure *failure, grus_error *error);

// false where there is none of this run that can be read.
bool grus_failure_read(const char *outdir, const char *stem, const char *run, grus_failure *failure);

// Whether a shard of the directory may have one.
bool grus_failure_possible(const char *outdir);
// Removes it where there is one; that it comes back after a loss of power does no harm.
void grus_failure_drop(const char *outdir, const char *stem);

#endif
