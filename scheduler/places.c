// places.c: compares directories by what they are, not by their names, where they exist.
#include "config.h"

#include "scheduler/places.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/names.h"
#include "base/path.h"
#include "io/outdir/outdir.h"
#include "scheduler/job.h"

#define LONGEST_NAME ((size_t)255) // bytes, on most file systems

static size_t longest_name(const char *outdir)
{
    long longest = pathconf(outdir, _PC_NAME_MAX);
    return longest > 0 && (size_t)longest < LONGEST_NAME ? (size_t)longest : LONGEST_NAME;
}

static grus_status check_names(const grus_shards *shards, const char *outdir, const char *suffix, grus_error *error)
{
    size_t longest = longest_name(outdir), manifest = strlen(GRUS_OUTDIR_MANIFEST_SUFFIX);
    size_t behind = strlen(suffix) > manifest ? strlen(suffix) : manifest;
    for (size_t i = 0; i < shards->n; i++) {
        const grus_shard *shard = &shards->list[i];
        if (shard->stem && strlen(shard->stem) + behind > longest)
            return grus_fail(error, GRUS_E_USAGE, shard->path, NULL,
                             "its output's name would have %zu bytes, and the file system takes %zu; rename the input",
                             strlen(shard->stem) + behind, longest);
    }
    return GRUS_OK;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Each output would be an input of the next run.
static grus_status check_inputs(const grus_run_options *options, grus_error *error)
{
    for (size_t i = 0; i < options->n_inputs; i++)
        if (is_same_file(options->inputs[i], options->outdir))
            return grus_fail(error, GRUS_E_USAGE, options->inputs[i], NULL,
                             "is the directory of inputs and of outputs at once; choose another output directory");
    return GRUS_OK;
}

// ---- the report ----

// Whether two directories are one. What does not exist yet has its name alone.
static bool is_same_directory(const char *a, const char *b)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    while (length_a > 1 && a[length_a - 1] == '/')
        length_a--;
    while (length_b > 1 && b[length_b - 1] == '/')
        length_b--;
    return (length_a == length_b && memcmp(a, b, length_a) == 0) || is_same_file(a, b);
}

// Whether dir is .grus of outdir, or below it.
static bool is_own(const char *dir, const char *outdir)
{
    char *whole = realpath(dir, NULL), *own = grus_path_join(outdir, GRUS_OUTDIR_OWN_NAME);
    char *whole_own = own ? realpath(own, NULL) : NULL;
    size_t length = whole_own ? strlen(whole_own) : 0;
    bool is =
        whole && whole_own && strncmp(whole, whole_own, length) == 0 && (whole[length] == '\0' || whole[length] == '/');
    free(whole_own);
    free(own);
    free(whole);
    return is;
}

static bool is_output(const grus_shards *shards, const char *name, const char *suffix)
{
    size_t length = strlen(name), behind = strlen(suffix);
    if (length <= behind || strcmp(name + length - behind, suffix) != 0)
        return false;
    for (size_t i = 0; i < shards->n; i++) {
        const char *stem = shards->list[i].stem;
        if (stem && strlen(stem) == length - behind && memcmp(stem, name, length - behind) == 0)
            return true;
    }
    return false;
}

static bool is_input(const grus_shards *shards, const char *path)
{
    struct stat about;
    bool exists = stat(path, &about) == 0;
    for (size_t i = 0; i < shards->n; i++) {
        const grus_shard *shard = &shards->list[i];
        if (!grus_shard_is_stdin(shard) &&
            (strcmp(shard->path, path) == 0 ||
             (exists && !shard->fault && shard->device == about.st_dev && shard->inode == about.st_ino)))
            return true;
    }
    return false;
}

static grus_status check_report(const grus_run_options *options, const grus_shards *shards, const char *suffix,
                                grus_error *error)
{
    struct stat about;
    const char *path = options->report, *what = NULL;
    char *dir = grus_path_dir(path);
    if (!dir)
        return grus_fail_memory(error, strlen(path));
    if (is_input(shards, path))
        what = "is an input";
    else if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        what = "is a directory";
    else if (grus_outdir_is_stdout(options->outdir))
        what = NULL;
    else if (is_same_directory(dir, options->outdir) && is_output(shards, grus_path_name(path), suffix))
        what = "is an output";
    else if (is_own(dir, options->outdir))
        what = "is among the files by which the run knows what is done";
    free(dir);
    return what ? grus_fail(error, GRUS_E_USAGE, path, NULL, "%s, and cannot be the report", what) : GRUS_OK;
}

// ---- all ----

static grus_status check_outdir(const grus_run_options *options, const grus_shards *shards, grus_error *error)
{
    const char *outdir = options->outdir;
    if (!outdir || !*outdir)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.outdir", "no output directory is given");
    if (grus_outdir_is_stdout(outdir) && !(shards->n == 1 && grus_shard_is_stdin(&shards->list[0])))
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.outdir",
                         "standard output takes the records of standard input alone");
    if (grus_outdir_is_stdout(outdir) && grus_format_is_numbers(options->format))
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.format", "%s needs an output directory, not standard output",
                         grus_format_names[options->format]);
    if (grus_outdir_is_stdout(outdir) && options->compress == GRUS_COMPRESS_GZ)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.compress",
                         "standard output is not compressed; gzip can do it");
    return GRUS_OK;
}

grus_status grus_places_check(const grus_run_options *options, const grus_shards *shards, const char *suffix,
                              grus_error *error)
{
    grus_status status = check_outdir(options, shards, error);
    if (status == GRUS_OK && !grus_outdir_is_stdout(options->outdir)) {
        status = check_names(shards, options->outdir, suffix, error);
        if (status == GRUS_OK)
            status = check_inputs(options, error);
    }
    if (status == GRUS_OK && options->report && strcmp(options->report, "-") != 0)
        status = check_report(options, shards, suffix, error);
    return status;
}
