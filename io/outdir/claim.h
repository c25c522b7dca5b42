// claim.h: run.json: a directory is claimed by writing it, and it tells which shards the directory is for. What else it
// says is the scheduler's business.
#ifndef GRUS_IO_OUTDIR_CLAIM_H
#define GRUS_IO_OUTDIR_CLAIM_H

#include "grus.h"

#define GRUS_CLAIM_MODEL_NAME "model_name" // the key of what the directory of the run's model was called
#define GRUS_RUN_IDENTITY 17               // of a run: 16 hexadecimal digits and \0

// Compares text with the run.json of outdir: writes it when there is none (temporary, fsync, link), succeeds when equal,
// else GRUS_E_USAGE naming the first key that differs. text is a JSON object, whose keys "array", "run" and
// GRUS_CLAIM_MODEL_NAME are not compared. grow: where text has all inputs of run.json and more, and equals it otherwise, they are added to it in its
// place, in text's order.
grus_status grus_claim_take(const char *outdir, const char *text, bool grow, grus_error *error);
// Compares them once more and writes nothing: GRUS_E_OUTPUT where there is no run.json. To be asked when a handle of outdir
// is held: between the claim and the handle another run may have taken it.
grus_status grus_claim_check(const char *outdir, const char *text, grus_error *error);

typedef struct grus_claim {
    size_t world_size;                           // at least 1
    bool in_array;                               // the run began in a job array
    size_t array_first, array_step, array_tasks; // how the job array was numbered that the run began in; 0, 1, 1
    char run[GRUS_RUN_IDENTITY];                 // of the run; "" where it has none
    grus_format format;                          // of the outputs
    grus_compress compress;
    const char *suffix;
    size_t n;
    char **inputs; // (n) names below the directory that was given, in the order of the run
    char **stems;  // (n) of their outputs
} grus_claim;      // zero-initialised is empty

// GRUS_E_OUTPUT: outdir has no run.json, or one that is damaged. Free claim in every case.
grus_status grus_claim_read(const char *outdir, grus_claim *claim, grus_error *error);
// The same, but none is no failure: *exists tells.
grus_status grus_claim_find(const char *outdir, grus_claim *claim, bool *exists, grus_error *error);
// The run's identity alone; "" where there is no run.json.
grus_status grus_claim_identity(const char *outdir, char run[GRUS_RUN_IDENTITY], grus_error *error);
void grus_claim_free(grus_claim *claim);

#endif
