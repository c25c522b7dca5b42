// aside.c: renames without replacing, with the first number that is free.
#include "config.h"

#include "io/outdir/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/file.h"
#include "io/outdir/outdir.h"

#define MOST_ASIDE ((size_t)1 << 20) // of one shard

typedef struct grus_aside {
    const char *outdir, *stem;
    const grus_hold *hold; // or NULL
    int dir;               // that the names are below; AT_FDCWD
    size_t below;          // bytes of a path that lead to it
    size_t number;         // the first that may be free
} grus_aside;

static int rename_to_number(const grus_aside *aside, const char *path, const char *suffix, grus_status *status,
                            grus_error *error)
{
    char *to = grus_outdir_aside(aside->outdir, aside->stem, aside->number, suffix);
    int reason = to ? 0 : ENOMEM;
    if (to)
        *status = grus_hold_folders(aside->hold, to, aside->stem, error);
    if (to && !*status)
        reason = grus_rename_new(aside->dir, path + aside->below, aside->dir, to + aside->below, NULL);
    if (to && !*status && reason == 0)
        *status = grus_dir_sync_of(to, error);
    free(to);
    return reason;
}

// Moves path, which is freed, to the first free number.
static grus_status move_file(grus_aside *aside, char *path, const char *suffix, grus_error *error)
{
    grus_status status = GRUS_OK;
    int reason = EEXIST;
    for (; path && reason == EEXIST && aside->number <= MOST_ASIDE; aside->number += reason == EEXIST)
        reason = rename_to_number(aside, path, suffix, &status, error);
    errno = reason;
    if (!path || reason == ENOMEM)
        status = grus_fail_memory(error, strlen(aside->outdir));
    else if (reason == 0 && !status)
        status = grus_dir_sync_of(path, error);
    else if (reason != 0 && reason != ENOENT)
        status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be set aside (rename)");
    free(path);
    return status;
}

grus_status grus_aside_move(const char *outdir, const char *stem, const char *suffix, const grus_hold *hold,
                            grus_error *error)
{
    grus_aside aside = {.outdir = outdir, .stem = stem, .hold = hold, .dir = AT_FDCWD, .number = 1};
    grus_status status = hold ? grus_hold_check(hold, error) : GRUS_OK;
    if (!status)
        status = grus_outdir_prepare_aside(outdir, error);
    if (hold) {
        aside.dir = hold->dir;
        aside.below = strlen(hold->outdir) + 1;
    }
    if (!status)
        status = move_file(&aside, grus_outdir_manifest(outdir, stem), GRUS_OUTDIR_MANIFEST_SUFFIX, error);
    return status ? status : move_file(&aside, grus_outdir_output(outdir, stem, suffix), suffix, error);
}
