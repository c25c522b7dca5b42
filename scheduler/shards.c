// shards.c: the list of shards, file by file.
#include "config.h"

#include "scheduler/shards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"

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

// Takes path, in every case. fault is copied; name_length bytes at path's end are the name.
static grus_status add_shard(grus_shards *shards, char *path, size_t name_length, const char *fault,
                             const struct stat *facts, grus_error *error)
{
    void *list = shards->list;
    if (!path || !grus_grow(&list, &shards->capacity, shards->n + 1, sizeof *shards->list)) {
        free(path);
        return grus_fail_memory(error, sizeof *shards->list);
    }
    shards->list = list;
    grus_shard *shard = &shards->list[shards->n++];
    *shard = (grus_shard){.path = path, .name = path + strlen(path) - name_length};
    bool known = grus_shard_kind_of(shard->name, &shard->kind);
    if (known)
        shard->stem = grus_shard_whole_stem(shard->name);
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

grus_status grus_shards_add(grus_shards *shards, const char *path, size_t name_length, const char *fault,
                            grus_error *error)
{
    return add_shard(shards, strdup(path), name_length, fault, NULL, error);
}

static char *join(const char *dir, const char *name)
{
    size_t length = strlen(dir);
    const char *slash = length && dir[length - 1] == '/' ? "" : "/";
    char *path = NULL;
    return asprintf(&path, "%s%s%s", dir, slash, name) < 0 ? NULL : path;
}

grus_status grus_shards_add_file(grus_shards *shards, const char *dir, const char *name, grus_error *error)
{
    struct stat facts;
    size_t length = strlen(name);
    char *path = dir ? join(dir, name) : strdup(name);
    if (!path)
        return grus_fail_memory(error, length);
    if (stat(path, &facts) != 0)
        return add_shard(shards, path, length, strerror(errno), NULL, error);
    if (S_ISDIR(facts.st_mode))
        return add_shard(shards, path, length, "is a directory, not a shard", &facts, error);
    if (!S_ISREG(facts.st_mode))
        return add_shard(shards, path, length, "is not a regular file; - reads standard input", &facts, error);
    const char *fault = access(path, R_OK) == 0 ? NULL : strerror(errno);
    return add_shard(shards, path, length, fault, &facts, error);
}

// ---- what is no shard ----

grus_status grus_shards_add_other(grus_shards *shards, const char *name, bool is_directory, const char *why,
                                  grus_error *error)
{
    char **others = shards->others, *own = NULL;
    if (asprintf(&own, "%s%s%s", name, is_directory ? "/" : "", why) < 0)
        return grus_fail_memory(error, strlen(name) + 1);
    size_t at = grus_min(shards->n_others++, GRUS_NAMED_OTHERS);
    free(others[at]);
    for (; at > 0 && strcmp(others[at - 1], own) > 0; at--)
        others[at] = others[at - 1];
    others[at] = own;
    return GRUS_OK;
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
