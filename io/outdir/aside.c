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
#include "io/outdir/temporary.h"

#define MOST_ASIDE ((size_t)1 << 20) // of one shard

// Moves path, which is freed, to the first free number from *number on; *number is then that.
static grus_status move_file(char *path, const char *outdir, const char *stem, const char *suffix, size_t *number,
                             grus_error *error)
{
    int reason = EEXIST;
    for (; path && reason == EEXIST && *number <= MOST_ASIDE; *number += reason == EEXIST) {
        char *to = grus_outdir_aside(outdir, stem, *number, suffix);
        reason = to ? grus_rename_new(path, AT_FDCWD, to) : ENOMEM;
        grus_status status = reason == 0 ? grus_dir_sync_of(to, error) : GRUS_OK;
        free(to);
        if (status) {
            free(path);
            return status;
        }
    }
    grus_status status = GRUS_OK;
    errno = reason;
    if (!path || reason == ENOMEM)
        status = grus_fail_memory(error, strlen(outdir));
    else if (reason == 0)
        status = grus_dir_sync_of(path, error);
    else if (reason != ENOENT)
        status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be set aside (rename)");
    free(path);
    return status;
}

grus_status grus_aside_move(const char *outdir, const char *stem, const char *suffix, grus_error *error)
{
    size_t number = 1;
    grus_status status = grus_outdir_prepare_aside(outdir, error);
    if (!status)
        status =
            move_file(grus_outdir_manifest(outdir, stem), outdir, stem, GRUS_OUTDIR_MANIFEST_SUFFIX, &number, error);
    return status ? status : move_file(grus_outdir_output(outdir, stem, suffix), outdir, stem, suffix, &number, error);
}
