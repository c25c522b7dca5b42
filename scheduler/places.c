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
        size_t length = shard->stem ? strlen(grus_path_name(shard->stem)) + behind : 0;
        if (length > longest)
            return grus_fail(error, GRUS_E_USAGE, shard->path, NULL,
                             "its output's name would have %zu bytes, and the file system takes %zu; rename the input",
                             length, longest);
    }
    return GRUS_OK;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// Whether dir is above, or path itself.
static bool is_within(const char *path, const char *dir)
{
    char *whole = realpath(path, NULL), *whole_dir = realpath(dir, NULL);
    size_t length = whole_dir ? strlen(whole_dir) : 0;
    bool is = whole && whole_dir && strncmp(whole, whole_dir, length) == 0 &&
              (whole[length] == '\0' || whole[length] == '/' || length == 1);
    free(whole_dir);
    free(whole);
    return is;
}

// Each output would be an input of the next run.
static grus_status check_inputs(const grus_run_options *options, grus_error *error)
{
    if (options->filelist && options->n_inputs == 0 && is_same_file(".", options->outdir))
        return grus_fail(error, GRUS_E_USAGE, options->outdir, NULL,
                         "is the directory of inputs and of outputs at once; choose another output directory");
    for (size_t i = 0; i < options->n_inputs; i++)
        if (is_same_file(options->inputs[i], options->outdir))
            return grus_fail(error, GRUS_E_USAGE, options->inputs[i], NULL,
                             "is the directory of inputs and of outputs at once; choose another output directory");
        else if (options->recursive && is_within(options->inputs[i], options->outdir))
            return grus_fail(error, GRUS_E_USAGE, options->inputs[i], NULL,
                             "lies in the output directory, which would put outputs among it; choose another one");
    return GRUS_OK;
}

// ---- folders ----

static void free_files(char **files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(files[i]);
    free(files);
}

// The names that files of the shards will have, sorted, in one fresh list; NULL where memory is short.
static char **name_files(const grus_shards *shards, const char *suffix, size_t *n)
{
    char **files = calloc(2 * shards->n + 1, sizeof *files);
    *n = 0;
    for (size_t i = 0; files && i < shards->n; i++) {
        const char *stem = shards->list[i].stem, *const behind[] = {suffix, GRUS_OUTDIR_MANIFEST_SUFFIX};
        for (size_t side = 0; stem && side < 2; side++, (*n)++)
            if (asprintf(&files[*n], "%s%s", stem, behind[side]) < 0) {
                free_files(files, *n);
                return NULL;
            }
    }
    if (files && *n)
        qsort(files, *n, sizeof *files, grus_path_order);
    return files;
}

// A folder of inputs may have the name of an output or of a manifest.
static grus_status check_folder(const grus_shard *shard, char *const *files, size_t n, grus_error *error)
{
    char *folder = strdup(shard->stem);
    if (!folder)
        return grus_fail_memory(error, strlen(shard->stem));
    grus_status status = GRUS_OK;
    for (char *slash; (slash = strrchr(folder, '/')) != NULL && status == GRUS_OK;) {
        *slash = '\0';
        if (grus_path_is_listed(files, n, folder))
            status = grus_fail(error, GRUS_E_USAGE, shard->path, NULL,
                               "its folder %s has the name of another shard's output or manifest; rename one of them",
                               folder);
    }
    free(folder);
    return status;
}

static grus_status check_folders(const grus_shards *shards, const char *suffix, grus_error *error)
{
    size_t n = 0, first = 0;
    while (first < shards->n && !(shards->list[first].stem && strchr(shards->list[first].stem, '/')))
        first++;
    if (first == shards->n)
        return GRUS_OK;
    char **files = name_files(shards, suffix, &n);
    if (!files)
        return grus_fail_memory(error, shards->n * sizeof *files);
    grus_status status = GRUS_OK;
    for (size_t i = first; i < shards->n && status == GRUS_OK; i++)
        if (shards->list[i].stem)
            status = check_folder(&shards->list[i], files, n, error);
    free_files(files, n);
    return status;
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
    char *own = grus_path_join(outdir, GRUS_OUTDIR_OWN_NAME);
    bool is = own && is_within(dir, own);
    free(own);
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
        if (status == GRUS_OK)
            status = check_folders(shards, suffix, error);
    }
    if (status == GRUS_OK && options->report && strcmp(options->report, "-") != 0)
        status = check_report(options, shards, suffix, error);
    return status;
}
