// outdir.c: the paths of an output directory, and its making.
#include "config.h"

#include "io/outdir/outdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "io/file.h"

#define OWN "/.grus"
#define RUN "/" GRUS_OUTDIR_RUN_NAME
#define MANIFESTS "/.grus/done"
#define ASIDE "/.grus/aside"
#define ASIDE_STEM_MAX 220 // bytes, of the 255 that a name may have
#define FAILURES "/.grus/failed"
#define PARTIALS "/" GRUS_OUTDIR_PARTIAL_NAME

// ---- paths ----

bool grus_outdir_is_stdout(const char *outdir)
{
    return strcmp(outdir, "-") == 0;
}

bool grus_outdir_takes_name(const char *name)
{
    static const char own[] = GRUS_OUTDIR_OWN_NAME;
    for (const char *at = name; (at = strstr(at, own)) != NULL; at++) {
        char behind = at[sizeof own - 1];
        if ((at == name || at[-1] == '/') && (behind == '/' || behind == '\0'))
            return false;
    }
    return grus_path_is_below(name);
}

char *grus_outdir_output(const char *outdir, const char *stem, const char *suffix)
{
    char *path;
    return asprintf(&path, "%s/%s%s", outdir, stem, suffix) < 0 ? NULL : path;
}

char *grus_outdir_report(const char *outdir, size_t rank, size_t world_size)
{
    char *path;
    int length = world_size > 1 ? asprintf(&path, "%s/report-%zu.json", outdir, rank)
                                : asprintf(&path, "%s/report.json", outdir);
    return length < 0 ? NULL : path;
}

char *grus_outdir_run(const char *outdir)
{
    char *path;
    return asprintf(&path, "%s" RUN, outdir) < 0 ? NULL : path;
}

char *grus_outdir_manifests(const char *outdir)
{
    char *path;
    return asprintf(&path, "%s" MANIFESTS, outdir) < 0 ? NULL : path;
}

char *grus_outdir_manifest(const char *outdir, const char *stem)
{
    char *path;
    return asprintf(&path, "%s" MANIFESTS "/%s" GRUS_OUTDIR_MANIFEST_SUFFIX, outdir, stem) < 0 ? NULL : path;
}

char *grus_outdir_aside(const char *outdir, const char *stem, size_t number, const char *suffix)
{
    char *path;
    int folder = (int)(grus_path_name(stem) - stem);
    return asprintf(&path, "%s" ASIDE "/%.*s%.*s.%zu%s", outdir, folder, stem, ASIDE_STEM_MAX, stem + folder, number,
                    suffix) < 0
               ? NULL
               : path;
}

char *grus_outdir_failures(const char *outdir)
{
    char *path;
    return asprintf(&path, "%s" FAILURES, outdir) < 0 ? NULL : path;
}

char *grus_outdir_failure(const char *outdir, const char *stem)
{
    char *path;
    return asprintf(&path, "%s" FAILURES "/%s" GRUS_OUTDIR_MANIFEST_SUFFIX, outdir, stem) < 0 ? NULL : path;
}

char *grus_outdir_partials(const char *outdir)
{
    char *path;
    return asprintf(&path, "%s" PARTIALS, outdir) < 0 ? NULL : path;
}

char *grus_outdir_partial(const char *outdir, const char *name)
{
    char *path;
    return asprintf(&path, "%s" PARTIALS "/%s", outdir, name) < 0 ? NULL : path;
}

// ---- making ----

// Sees to it that the name of path outlives a loss of power. That of a directory below one that may be entered but not
// read is left to others.
static grus_status sync_name(const char *path, grus_error *error)
{
    errno = 0;
    grus_status status = grus_dir_sync_of(path, error);
    return status && errno == EACCES ? GRUS_OK : status;
}

// Makes path where it is missing.
static grus_status make_dir(const char *path, grus_error *error)
{
    struct stat about;
    if (mkdir(path, 0777) == 0)
        return sync_name(path, error);
    int reason = errno;
    bool known = stat(path, &about) == 0;
    if (known && S_ISDIR(about.st_mode))
        return GRUS_OK;
    if (known && reason == EEXIST)
        return grus_fail(error, GRUS_E_OUTPUT, path, NULL, "is not a directory");
    if (known || reason != EEXIST)
        errno = reason;
    return grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be made");
}

// Makes path and the directories above it where missing. path is changed and restored on the way.
static grus_status make_dirs(char *path, grus_error *error)
{
    for (char *at = path + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char end = *at;
        *at = '\0';
        grus_status status = make_dir(path, error);
        *at = end;
        if (status || end == '\0')
            return status;
    }
}

static grus_status make_writable(const char *outdir, const char *below, grus_error *error)
{
    char *path;
    if (asprintf(&path, "%s%s", outdir, below) < 0)
        return grus_fail_memory(error, strlen(outdir));
    grus_status status = make_dirs(path, error);
    if (!status)
        status = sync_name(path, error); // also of one that is there: who made it may have been killed before that
    if (!status && faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0)
        status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "is not writable");
    free(path);
    return status;
}

grus_status grus_outdir_prepare(const char *outdir, grus_error *error)
{
    static const char *const below[] = {"", OWN, MANIFESTS, PARTIALS};
    if (*outdir == '\0')
        return grus_fail(error, GRUS_E_USAGE, NULL, NULL, "the output directory has no name");
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < sizeof below / sizeof *below && !status; i++)
        status = make_writable(outdir, below[i], error);
    return status;
}

grus_status grus_outdir_prepare_aside(const char *outdir, grus_error *error)
{
    return make_writable(outdir, ASIDE, error);
}

grus_status grus_outdir_prepare_failures(const char *outdir, grus_error *error)
{
    return make_writable(outdir, FAILURES, error);
}
