// claim.h: run.json read back: which shards an output directory is for. Writing it and comparing it is output.h's
// business, what else it says the scheduler's.
#ifndef GRUS_IO_OUTDIR_CLAIM_H
#define GRUS_IO_OUTDIR_CLAIM_H

#include "grus.h"

#define GRUS_RUN_MAX ((size_t)256 << 20) // bytes of run.json, which lists every shard

typedef struct grus_claim {
    size_t world_size;                           // at least 1
    size_t array_first, array_step, array_tasks; // how the job array was numbered that the run began in; 0, 1, 1
    const char *suffix;                          // of the outputs
    size_t n;
    char **inputs; // (n) names without directory, in the order of the run
    char **stems;  // (n) of their outputs
} grus_claim;      // zero-initialised is empty

// GRUS_E_OUTPUT: outdir has no run.json, or one that is damaged. Free claim in every case.
grus_status grus_claim_read(const char *outdir, grus_claim *claim, grus_error *error);
// The same, but none is no failure: *exists tells.
grus_status grus_claim_find(const char *outdir, grus_claim *claim, bool *exists, grus_error *error);
void grus_claim_free(grus_claim *claim);

#endif
