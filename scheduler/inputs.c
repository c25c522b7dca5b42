// inputs.c: INPUTs to shards.
#include "config.h"

#include "scheduler/inputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "io/outdir/outdir.h"
#include "scheduler/directory.h"
#include "scheduler/filelist.h"

// /dev/stdin, <(…) and the like have no ending that names a kind; they are told what reads them.
static grus_status refuse_name(const char *input, const struct stat *facts, grus_error *error)
{
    if (!S_ISREG(facts->st_mode))
        return grus_fail(error, GRUS_E_INPUT, input, NULL, "is not a regular file; - reads standard input");
    if (strncmp(input, "/dev/", 5) == 0 || strncmp(input, "/proc/", 6) == 0)
        return grus_fail(error, GRUS_E_USAGE, input, NULL,
                         "not the name of a shard; name the file itself, or - for standard input");
    return grus_fail(error, GRUS_E_USAGE, input, NULL, "not the name of a shard; known are " GRUS_SHARD_NAMES);
}

static grus_status add_input(grus_shards *shards, const grus_inputs *inputs, const char *input, grus_error *error)
{
    struct stat facts;
    grus_shard_kind kind;
    size_t length = strlen(grus_path_name(input)), in_path = strlen(input) - length;
    if (strcmp(input, "-") == 0)
        return grus_shards_add(shards, input, length, NULL, error);
    if (stat(input, &facts) != 0)
        return grus_shards_add(shards, input, length, strerror(errno), error);
    if (S_ISDIR(facts.st_mode))
        return grus_directory_add(shards, input, inputs->recursive, inputs->outdir, error);
    if (!grus_shard_kind_of(input, &kind))
        return refuse_name(input, &facts, error);
    char *dir = in_path ? strndup(input, in_path) : NULL;
    if (in_path && !dir)
        return grus_fail_memory(error, in_path);
    grus_status status = grus_shards_add_file(shards, dir, input + in_path, error);
    free(dir);
    return status;
}

// ---- names ----

// What is left of an absolute name below root; NULL where it is not below.
static const char *behind_root(const char *root, const char *name)
{
    size_t length = root ? strlen(root) : 0;
    while (length > 0 && root[length - 1] == '/')
        length--;
    bool below = root && root[0] == '/' && strncmp(name, root, length) == 0 && name[length] == '/';
    return below ? name + length : NULL;
}

// The parts of name, but for empty ones and ".", in a fresh string; NULL where memory is short.
static char *tidy(const char *name)
{
    char *tidied = malloc(strlen(name) + 1), *to = tidied;
    while (tidied && *name) {
        size_t length = strcspn(name, "/");
        if (length > 0 && !(length == 1 && *name == '.')) {
            if (to > tidied)
                *to++ = '/';
            memcpy(to, name, length);
            to += length;
        }
        name += length + (name[length] == '/');
    }
    if (tidied)
        *to = '\0';
    return tidied;
}

static grus_status refuse_listed(const grus_inputs *inputs, size_t i, const char *why, grus_error *error)
{
    char place[64];
    snprintf(place, sizeof place, "name %zu", i + 1);
    return grus_fail(error, GRUS_E_USAGE, inputs->names_from, place, "%s: %s", inputs->names[i], why);
}

static grus_status add_listed(grus_shards *shards, const grus_inputs *inputs, size_t i, grus_error *error)
{
    const char *root = inputs->n ? inputs->list[0] : NULL, *name = inputs->names[i];
    grus_shard_kind kind;
    if (name[0] == '/' && !(name = behind_root(root, name)))
        return refuse_listed(inputs, i, "is absolute, and not below the input, which is to be a directory", error);
    char *tidied = tidy(name);
    if (!tidied)
        return grus_fail_memory(error, strlen(name));
    grus_status status;
    if (!grus_outdir_takes_name(tidied))
        status = refuse_listed(inputs, i, "leads out of the directory or to what a run keeps in .grus", error);
    else if (!grus_shard_kind_of(tidied, &kind) || strcmp(grus_path_name(tidied), "-") == 0)
        status = refuse_listed(inputs, i, "not the name of a shard; known are " GRUS_SHARD_NAMES, error);
    else
        status = grus_shards_add_file(shards, root, tidied, error);
    free(tidied);
    return status;
}

static grus_status add_names(grus_shards *shards, const grus_inputs *inputs, grus_error *error)
{
    struct stat facts;
    if (inputs->n > 1)
        return grus_fail(error, GRUS_E_USAGE, inputs->names_from, NULL,
                         "the names of a list are below one directory; %zu inputs are given", inputs->n);
    if (inputs->n && (stat(inputs->list[0], &facts) != 0 || !S_ISDIR(facts.st_mode)))
        return grus_fail(error, GRUS_E_USAGE, inputs->list[0], NULL,
                         "is not a directory, which the names of a list would be below");
    if (inputs->n_names == 0)
        return grus_fail(error, GRUS_E_USAGE, inputs->names_from, NULL, "names no shard");
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < inputs->n_names && status == GRUS_OK; i++)
        status = add_listed(shards, inputs, i, error);
    return status;
}

// ---- all ----

static int by_stem(const void *a, const void *b)
{
    const grus_shard *one = *(const grus_shard *const *)a, *other = *(const grus_shard *const *)b;
    return strcmp(one->stem, other->stem);
}

static grus_status check_stems(const grus_shards *shards, grus_error *error)
{
    const grus_shard **sorted = calloc(shards->n, sizeof *sorted);
    if (!sorted)
        return grus_fail_memory(error, shards->n * sizeof *sorted);
    size_t n = 0;
    for (size_t i = 0; i < shards->n; i++)
        if (shards->list[i].stem)
            sorted[n++] = &shards->list[i];
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, by_stem);
    grus_status status = GRUS_OK;
    for (size_t i = 1; i < n && status == GRUS_OK; i++)
        if (strcmp(sorted[i - 1]->stem, sorted[i]->stem) == 0)
            status =
                grus_fail(error, GRUS_E_USAGE, sorted[i]->path, NULL,
                          "would be written to the same output shard, %s, as %s; give the directory above both with "
                          "run.recursive, rename one, or give each an output directory of its own",
                          sorted[i]->stem, sorted[i - 1]->path);
    free(sorted);
    return status;
}

grus_status grus_inputs_list(grus_shards *shards, const grus_inputs *inputs, grus_error *error)
{
    if (inputs->n == 0 && !inputs->names)
        return grus_fail(error, GRUS_E_USAGE, NULL, NULL, "no input is given");
    grus_status status = inputs->names ? add_names(shards, inputs, error) : GRUS_OK;
    for (size_t i = 0; i < inputs->n && !inputs->names && status == GRUS_OK; i++)
        status = add_input(shards, inputs, inputs->list[i], error);
    if (status == GRUS_OK)
        status = check_stems(shards, error);
    if (status != GRUS_OK)
        return status;
    for (size_t i = 0; i < shards->n; i++)
        if (!shards->list[i].fault)
            return GRUS_OK;
    if (shards->n == 1)
        return grus_shard_fault(&shards->list[0], error);
    return grus_fail(error, GRUS_E_INPUT, shards->list[0].path, NULL, "%s; none of the %zu inputs can be opened",
                     shards->list[0].fault, shards->n);
}

grus_status grus_inputs_of_run(grus_shards *shards, const grus_run_options *options, grus_error *error)
{
    static const char *const none[1];
    grus_filelist names = {0};
    grus_inputs inputs = {.list = options->inputs, .n = options->n_inputs, .recursive = options->recursive};
    if (options->outdir && !grus_outdir_is_stdout(options->outdir))
        inputs.outdir = options->outdir;
    grus_status status = options->filelist ? grus_filelist_read(options->filelist, &names, error) : GRUS_OK;
    if (options->filelist) {
        inputs.names = names.names ? names.names : none;
        inputs.n_names = names.n;
        inputs.names_from = strcmp(options->filelist, "-") == 0 ? "standard input" : options->filelist;
    }
    if (status == GRUS_OK)
        status = grus_inputs_list(shards, &inputs, error);
    grus_filelist_free(&names);
    return status;
}
