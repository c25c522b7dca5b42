// hold.c: the handle of a directory, and a look at its run.json.
#include "config.h"

#include "io/outdir/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/outdir/outdir.h"

void grus_hold_new_identity(char run[GRUS_RUN_IDENTITY])
{
    snprintf(run, GRUS_RUN_IDENTITY, "%016" PRIx64, grus_temp_random());
}

static grus_status lost(const grus_hold *hold, const char *why, grus_error *error)
{
    return grus_fail(error, GRUS_E_OUTPUT, hold->outdir, NULL,
                     "%s since this run began; what this run has not committed is dropped", why);
}

static grus_status find_claim(const grus_hold *hold, grus_file_facts *facts, grus_error *error)
{
    struct stat about;
    if (fstatat(hold->dir, GRUS_OUTDIR_RUN_NAME, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT
                   ? lost(hold, "lost its " GRUS_OUTDIR_RUN_NAME, error)
                   : grus_fail_errno(error, GRUS_E_OUTPUT, hold->outdir, GRUS_OUTDIR_RUN_NAME " cannot be examined");
    *facts = grus_file_facts_of(&about);
    return GRUS_OK;
}

grus_status grus_hold_take(const char *outdir, grus_hold *hold, grus_error *error)
{
    *hold = (grus_hold){.dir = -1, .outdir = strdup(outdir)};
    if (!hold->outdir)
        return grus_fail_memory(error, strlen(outdir));
    do
        hold->dir = open(outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (hold->dir < 0 && errno == EINTR);
    grus_status status = GRUS_OK;
    if (hold->dir < 0)
        status = grus_fail_errno(error, GRUS_E_OUTPUT, outdir, "cannot be opened");
    else
        status = find_claim(hold, &hold->claim, error);
    hold->folders = grus_folders_new();
    if (!status && !hold->folders)
        status = grus_fail_memory(error, strlen(outdir));
    if (!status)
        status = grus_claim_identity(outdir, hold->run, error);
    if (status)
        grus_hold_release(hold);
    return status;
}

void grus_hold_release(grus_hold *hold)
{
    if (hold->dir >= 0)
        close(hold->dir);
    grus_folders_free(hold->folders);
    free(hold->outdir);
    *hold = (grus_hold){.dir = -1};
}

grus_status grus_hold_check(const grus_hold *hold, grus_error *error)
{
    struct stat named, held;
    grus_file_facts claim;
    if (stat(hold->outdir, &named) != 0 || fstat(hold->dir, &held) != 0)
        return errno == ENOENT ? lost(hold, "was removed or moved", error)
                               : grus_fail_errno(error, GRUS_E_OUTPUT, hold->outdir, "cannot be examined");
    if (named.st_dev != held.st_dev || named.st_ino != held.st_ino)
        return lost(hold, "was moved, or removed and made anew,", error);
    grus_status status = find_claim(hold, &claim, error);
    if (status)
        return status;
    if (claim.inode == hold->claim.inode && claim.modified == hold->claim.modified && claim.bytes == hold->claim.bytes)
        return GRUS_OK;
    char run[GRUS_RUN_IDENTITY];
    status = grus_claim_identity(hold->outdir, run, error);
    if (!status && strcmp(run, hold->run) != 0)
        status = lost(hold, "was taken by another run", error);
    return status;
}

void grus_hold_target(const grus_hold *hold, grus_temp *temp)
{
    temp->target = hold->dir;
    temp->below = strlen(hold->outdir) + 1;
}

grus_status grus_hold_folders(const grus_hold *hold, const char *path, const char *stem, grus_error *error)
{
    grus_folders_place place = {.dir = AT_FDCWD};
    if (hold)
        place = (grus_folders_place){hold->dir, strlen(hold->outdir) + 1, hold->folders};
    return grus_folders_make(&place, path, stem, error);
}
