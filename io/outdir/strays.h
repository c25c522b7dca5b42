// strays.h: files of an output directory that are named as outputs or manifests and belong to none of its run's shards.
#ifndef GRUS_IO_OUTDIR_STRAYS_H
#define GRUS_IO_OUTDIR_STRAYS_H

#include "io/outdir/claim.h"

// Tells each, in the order of names, folder by folder: the shards' own, and outdir itself. GRUS_E_OUTPUT where one cannot be
// read, GRUS_E_MEMORY.
grus_status grus_strays_find(const char *outdir, const grus_claim *claim, void tell(void *context, const char *path),
                             void *context, grus_error *error);

#endif
