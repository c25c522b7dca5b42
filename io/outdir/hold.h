// hold.h: whether an output directory is still that of the run that claimed it: it may have been removed, moved, or
// emptied, and taken by another run meanwhile. A run has an identity, in run.json and in each of its manifests; those
// of version 0.1.0 have none, which is "".
#ifndef GRUS_IO_OUTDIR_HOLD_H
#define GRUS_IO_OUTDIR_HOLD_H

#include "io/file.h"
#include "io/outdir/claim.h"
#include "io/outdir/folders.h"
#include "io/outdir/temporary.h"

typedef struct grus_hold {
    char *outdir;
    int dir; // of outdir, as it was when it was claimed; -1: nothing is held
    char run[GRUS_RUN_IDENTITY];
    grus_file_facts claim; // run.json, as it was found to have this identity
    grus_folders *folders; // those that are known to be on the disk
} grus_hold;

void grus_hold_new_identity(char run[GRUS_RUN_IDENTITY]);

// outdir has been claimed by this run. GRUS_E_OUTPUT; nothing is held then.
grus_status grus_hold_take(const char *outdir, grus_hold *hold, grus_error *error);
void grus_hold_release(grus_hold *hold); // safe where dir is -1

// GRUS_E_OUTPUT: what is called outdir is another directory, or its run.json another run's. To be asked before each
// commit, which is then made by the handle of the directory, so that it ends up in no other one.
grus_status grus_hold_check(const grus_hold *hold, grus_error *error);
// Makes the final name of a temporary file one below that handle.
void grus_hold_target(const grus_hold *hold, grus_temp *temp);
// Makes the folders of stem in path, that of a file in the directory; hold may be NULL.
grus_status grus_hold_folders(const grus_hold *hold, const char *path, const char *stem, grus_error *error);

#endif
