// outdir.h: where everything in an output directory lies, and the making of the directory. Nobody else puts together a
// path below one, or knows a suffix there. What the files hold is claim.h's, manifest.h's, output.h's and journal.h's.
//
//     OUTDIR/STEM.SUFFIX                          a finished shard
//     OUTDIR/report.json, report-RANK.json        what the last run of a rank did
//     OUTDIR/.grus/run.json                       whose directory it is
//     OUTDIR/.grus/done/STEM.json                 the manifests
//     OUTDIR/.grus/failed/STEM.json            why a shard has failed, until it succeeds
//     OUTDIR/.grus/aside/STEM.N.SUFFIX, .json     outputs and manifests that are out of date
//     OUTDIR/.grus/partial/STEM.UNIQUE[+journal]  what is being written
//
// STEM may lead through folders (a/b/part-0), which are the same below each of these; partial/ has none (temporary.h).
#ifndef GRUS_IO_OUTDIR_OUTDIR_H
#define GRUS_IO_OUTDIR_OUTDIR_H

#include "grus.h"

#define GRUS_OUTDIR_MANIFEST_SUFFIX ".json"
#define GRUS_OUTDIR_JOURNAL_TAIL "+journal" // no host's name has a plus
// What messages call files below an output directory whose name is said elsewhere.
#define GRUS_OUTDIR_OWN_NAME ".grus"
#define GRUS_OUTDIR_RUN_NAME ".grus/run.json"
#define GRUS_OUTDIR_PARTIAL_NAME ".grus/partial"

// "-" stands for standard output, where nothing is kept.
bool grus_outdir_is_stdout(const char *outdir);

// Whether an input may have this name below its directory: grus_path_is_below, and no part of it is ".grus".
bool grus_outdir_takes_name(const char *name);

// Makes outdir and the directories that grus has in it where missing. GRUS_E_OUTPUT when that is refused or not
// writable.
grus_status grus_outdir_prepare(const char *outdir, grus_error *error);

// The same of the directory for what is set aside, in one that is made already.
grus_status grus_outdir_prepare_aside(const char *outdir, grus_error *error);

// And of that for causes of failures.
grus_status grus_outdir_prepare_failures(const char *outdir, grus_error *error);

// Paths, each in a fresh string (free it); NULL when memory is short.
char *grus_outdir_output(const char *outdir, const char *stem, const char *suffix);
char *grus_outdir_report(const char *outdir, size_t rank, size_t world_size);
char *grus_outdir_run(const char *outdir);
char *grus_outdir_manifests(const char *outdir); // the directory
char *grus_outdir_manifest(const char *outdir, const char *stem);
// A long last part of the stem is cut, so that there is room for the number.
char *grus_outdir_aside(const char *outdir, const char *stem, size_t number, const char *suffix);
char *grus_outdir_failures(const char *outdir); // the directory
char *grus_outdir_failure(const char *outdir, const char *stem);
char *grus_outdir_partials(const char *outdir); // the directory
char *grus_outdir_partial(const char *outdir, const char *name);

#endif
