// shards.c: INPUTs to shards.
#include "config.h"

#include "scheduler/shards.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"

bool grus_shard_is_stdin(const grus_shard *shard)
{
    return strcmp(shard->path, "-") == 0;
}

uint64_t grus_shard_key_of(const char *stem)
{
    return XXH64(stem, strlen(stem), 0);
}

uint64_t grus_shard_key(const grus_shard *shard)
{
    return grus_shard_is_stdin(shard) ? 0 : grus_shard_key_of(shard->stem ? shard->stem : shard->name);
}

bool grus_shards_type_stdin(grus_shards *shards, grus_shard_kind kind)
{
    bool found = false;
    for (size_t i = 0; i < shards->n; i++)
        if (grus_shard_is_stdin(&shards->list[i])) {
            shards->list[i].kind = kind;
            found = true;
        }
    return found;
}

grus_status grus_shard_fault(const grus_shard *shard, grus_error *error)
{
    return grus_fail(error, GRUS_E_INPUT, shard->path, NULL, "%s", shard->fault);
}

void grus_shards_free(grus_shards *shards)
{
    for (size_t i = 0; i < shards->n; i++) {
        free(shards->list[i].path);
        free(shards->list[i].stem);
        free(shards->list[i].fault);
        free(shards->list[i].failure);
    }
    for (size_t i = 0; i <= GRUS_NAMED_OTHERS; i++)
        free(shards->others[i]);
    free(shards->list);
    *shards = (grus_shards){0};
}

// Takes path, in every case. fault is copied.
static grus_status add_shard(grus_shards *shards, char *path, const char *fault, const struct stat *facts,
                             grus_error *error)
{
    void *list = shards->list;
    if (!path || !grus_grow(&list, &shards->capacity, shards->n + 1, sizeof *shards->list)) {
        free(path);
        return grus_fail_memory(error, sizeof *shards->list);
    }
    shards->list = list;
    grus_shard *shard = &shards->list[shards->n++];
    *shard = (grus_shard){.path = path};
    const char *slash = strrchr(path, '/');
    shard->name = slash ? slash + 1 : path;
    bool known = grus_shard_kind_of(path, &shard->kind);
    if (known)
        shard->stem = grus_shard_stem(path);
    if (fault)
        shard->fault = strdup(fault);
    if ((known && !shard->stem) || (fault && !shard->fault))
        return grus_fail_memory(error, strlen(path) + 1);
    if (facts) {
        shard->bytes = S_ISREG(facts->st_mode) ? (uint64_t)facts->st_size : 0;
        shard->device = facts->st_dev;
        shard->inode = facts->st_ino;
    }
    return GRUS_OK;
}

// A file, named by the user or found in a directory; takes path.
static grus_status add_file(grus_shards *shards, char *path, grus_error *error)
{
    struct stat facts;
    if (!path)
        return grus_fail_memory(error, 1);
    if (stat(path, &facts) != 0)
        return add_shard(shards, path, strerror(errno), NULL, error);
    if (S_ISDIR(facts.st_mode))
        return add_shard(shards, path, "is a directory, not a shard", &facts, error);
    if (!S_ISREG(facts.st_mode))
        return add_shard(shards, path, "is not a regular file; - reads standard input", &facts, error);
    const char *fault = access(path, R_OK) == 0 ? NULL : strerror(errno);
    return add_shard(shards, path, fault, &facts, error);
}

static char *join(const char *dir, const char *name)
{
    size_t length = strlen(dir);
    const char *slash = length && dir[length - 1] == '/' ? "" : "/";
    char *path = NULL;
    return asprintf(&path, "%s%s%s", dir, slash, name) < 0 ? NULL : path;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// ---- what is no shard ----

// Into its place among the first; what is behind them falls out.
static grus_status add_other(grus_shards *shards, const char *name, bool is_directory, grus_error *error)
{
    char **others = shards->others, *own = NULL;
    if (asprintf(&own, "%s%s", name, is_directory ? "/" : "") < 0)
        return grus_fail_memory(error, strlen(name) + 1);
    size_t at = grus_min(shards->n_others++, GRUS_NAMED_OTHERS);
    free(others[at]);
    for (; at > 0 && strcmp(others[at - 1], own) > 0; at--)
        others[at] = others[at - 1];
    others[at] = own;
    return GRUS_OK;
}

// What a run has put into its output directory besides shards.
static bool is_report(const char *name)
{
    size_t length = strlen(name);
    return strncmp(name, "report", 6) == 0 && length >= 11 && strcmp(name + length - 5, ".json") == 0 &&
           strspn(name + 6, "-0123456789") == length - 11;
}

static bool is_output(const char *dir)
{
    char *path = join(dir, ".grus");
    bool is = path && access(path, F_OK) == 0;
    free(path);
    return is;
}

grus_status grus_shards_others(const grus_shards *shards, grus_error *error)
{
    if (shards->n_others == 0)
        return GRUS_OK;
    char names[512];
    size_t used = 0;
    for (size_t i = 0; i < grus_min(shards->n_others, GRUS_NAMED_OTHERS) && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", shards->others[i]);
    return grus_fail(error, GRUS_E_USAGE, NULL, NULL, "%zu %s by %s: %s%s", shards->n_others,
                     shards->n_others == 1 ? "file is no shard" : "files are no shards",
                     shards->n_others == 1 ? "its name" : "their names", names,
                     shards->n_others > GRUS_NAMED_OTHERS ? ", …" : "");
}

// ---- directories ----

// The names of the shards in dir, unsorted; on failure the names so far are still the caller's.
static grus_status read_names(grus_shards *shards, DIR *stream, const char *dir, char ***names, size_t *n,
                              grus_error *error)
{
    size_t capacity = 0;
    bool of_run = is_output(dir);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry && errno != 0)
            return grus_fail(error, GRUS_E_INPUT, dir, NULL, "%s", strerror(errno));
        if (!entry)
            return GRUS_OK;
        grus_shard_kind kind;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".grus") == 0 ||
            (of_run && is_report(name)))
            continue;
        if (name[0] == '.' || !grus_shard_kind_of(name, &kind)) {
            grus_status status = add_other(shards, name, entry->d_type == DT_DIR, error);
            if (status != GRUS_OK)
                return status;
            continue;
        }
        void *grown = *names;
        if (!grus_grow(&grown, &capacity, *n + 1, sizeof **names))
            return grus_fail_memory(error, (*n + 1) * sizeof **names);
        *names = grown;
        (*names)[*n] = strdup(name);
        if (!(*names)[*n])
            return grus_fail_memory(error, strlen(name) + 1);
        (*n)++;
    }
}

static grus_status add_directory(grus_shards *shards, const char *dir, grus_error *error)
{
    DIR *stream = grus_dir_open(dir);
    if (!stream)
        return add_shard(shards, strdup(dir), strerror(errno), NULL, error);
    char **names = NULL;
    size_t n = 0;
    grus_status status = read_names(shards, stream, dir, &names, &n, error);
    closedir(stream);
    if (status == GRUS_OK && n == 0)
        status = add_shard(shards, strdup(dir), "a directory without shards (" GRUS_SHARD_NAMES ")", NULL, error);
    if (n > 1)
        qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++) {
        if (status == GRUS_OK)
            status = add_file(shards, join(dir, names[i]), error);
        free(names[i]);
    }
    free(names);
    return status;
}

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

static grus_status add_input(grus_shards *shards, const char *input, grus_error *error)
{
    struct stat facts;
    grus_shard_kind kind;
    if (strcmp(input, "-") == 0)
        return add_shard(shards, strdup(input), NULL, NULL, error);
    if (stat(input, &facts) != 0)
        return add_shard(shards, strdup(input), strerror(errno), NULL, error);
    if (S_ISDIR(facts.st_mode))
        return add_directory(shards, input, error);
    if (!grus_shard_kind_of(input, &kind))
        return refuse_name(input, &facts, error);
    return add_file(shards, strdup(input), error);
}

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
                          "would be written to the same output shard, %s, as %s", sorted[i]->stem, sorted[i - 1]->path);
    free(sorted);
    return status;
}

grus_status grus_shards_list(grus_shards *shards, const char *const *inputs, size_t n_inputs, grus_error *error)
{
    if (n_inputs == 0)
        return grus_fail(error, GRUS_E_USAGE, NULL, NULL, "no input is given");
    for (size_t i = 0; i < n_inputs; i++) {
        grus_status status = add_input(shards, inputs[i], error);
        if (status != GRUS_OK)
            return status;
    }
    grus_status status = check_stems(shards, error);
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
