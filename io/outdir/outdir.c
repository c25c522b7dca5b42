// outdir.c: makes an output directory, and claims it for one run.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/file.h"
#include "io/json/settings.h"
#include "io/outdir/claim.h"
#include "io/outdir/output.h"
#include "io/outdir/temporary.h"

// Sees to it that the name of path outlives a loss of power. That of a directory below one that may be entered but not
// read is left to others.
static grus_status sync_name(const char *path, grus_error *error)
{
    errno = 0;
    grus_status status = grus_sync_dir_of(path, error);
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
    static const char *const below[] = {"", "/.grus", "/.grus/done", "/.grus/partial"};
    if (*outdir == '\0')
        return grus_fail(error, GRUS_E_USAGE, NULL, NULL, "the output directory has no name");
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < sizeof below / sizeof *below && !status; i++)
        status = make_writable(outdir, below[i], error);
    return status;
}

static void describe(const json_t *value, char *text, size_t size)
{
    char *dump = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    snprintf(text, size, "%.60s%s", dump ? dump : "nothing", dump && strlen(dump) > 60 ? "…" : "");
    free(dump);
}

static grus_status differs(const char *path, const char *place, const json_t *was, const json_t *is, grus_error *error)
{
    char old[80], new[80];
    describe(was, old, sizeof old);
    describe(is, new, sizeof new);
    return grus_fail(error, GRUS_E_USAGE, path, place,
                     "the directory belongs to another run: it has %s there, this run %s; choose another output "
                     "directory or the same options",
                     old, new);
}

// Names the first key, in the order of keys, whose values differ. The two objects are not equal.
static grus_status name_difference(const char *path, const char *above, json_t *was, json_t *is, grus_error *error)
{
    const char *key;
    json_t *value, *const sides[] = {is, was};
    for (size_t side = 0; side < 2; side++) {
        json_object_foreach(sides[side], key, value)
        {
            json_t *before = json_object_get(was, key), *now = json_object_get(is, key);
            if (before && now && json_equal(before, now))
                continue;
            char place[256];
            snprintf(place, sizeof place, "%s%s%s", above, *above ? "." : "", key);
            if (json_is_object(before) && json_is_object(now))
                return name_difference(path, place, before, now, error);
            return differs(path, place, before, now, error);
        }
    }
    return differs(path, above, was, is, error);
}

// Compares text with what path holds.
static grus_status compare_run(const char *path, const char *text, grus_error *error)
{
    json_t *was = NULL, *is = NULL;
    grus_status status = grus_json_read_file(path, GRUS_RUN_MAX, GRUS_E_OUTPUT, &was, error);
    if (!status)
        status = grus_json_read_text(path, text, strlen(text), GRUS_E_OUTPUT, &is, error);
    if (!status) {
        json_object_del(was, "array"); // how the first process was started
        json_object_del(is, "array");
        if (!json_equal(was, is))
            status = name_difference(path, "", was, is, error);
    }
    json_decref(is);
    json_decref(was);
    return status;
}

static grus_status write_run(const char *outdir, const char *path, const char *text, bool *exists, grus_error *error)
{
    char *partial;
    if (asprintf(&partial, "%s/.grus/partial", outdir) < 0)
        return grus_fail_memory(error, strlen(outdir));
    grus_temp temp;
    grus_status status = grus_temp_open(partial, "run", &temp, error);
    free(partial);
    if (status)
        return status;
    if (!grus_fd_write(temp.fd, text, strlen(text)))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, temp.path, "cannot be written");
    if (!status)
        status = grus_temp_sync(&temp, error);
    if (!status)
        status = grus_temp_place(&temp, path, exists, error);
    grus_temp_discard(&temp);
    return status;
}

grus_status grus_outdir_claim(const char *outdir, const char *text, grus_error *error)
{
    char *path;
    if (asprintf(&path, "%s/.grus/run.json", outdir) < 0)
        return grus_fail_memory(error, strlen(outdir));
    struct stat about;
    bool exists = lstat(path, &about) == 0;
    grus_status status = GRUS_OK;
    if (!exists)
        status = write_run(outdir, path, text, &exists, error);
    if (!status && exists)
        status = compare_run(path, text, error);
    free(path);
    return status;
}
