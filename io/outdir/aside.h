// aside.h: what is out of date in an output directory is put aside, never removed.
//
//     OUTDIR/.grus/aside/STEM.N.SUFFIX   an output that was set aside, N from 1 on
//     OUTDIR/.grus/aside/STEM.N.json     its manifest, where it had one
#ifndef GRUS_IO_OUTDIR_ASIDE_H
#define GRUS_IO_OUTDIR_ASIDE_H

#include "io/outdir/hold.h"

// Moves the manifest of this shard, where there is one, and its output out of the way, first the proof and then what it
// proves; what is not there is no failure. Through hold where it is not NULL. GRUS_E_OUTPUT.
grus_status grus_aside_move(const char *outdir, const char *stem, const char *suffix, const grus_hold *hold,
                            grus_error *error);

#endif
