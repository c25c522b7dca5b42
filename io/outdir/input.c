// input.c: compares an input with its manifest.
#include "config.h"

#include "io/outdir/input.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "io/shard/raw.h"

// For a file that is gone: the whole path of its folder, and its name.
static char *path_in_folder(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash ? strndup(path, (size_t)(name - path)) : strdup(".");
    char *whole = folder ? realpath(folder, NULL) : NULL;
    free(folder);
    size_t length = whole ? strlen(whole) : 0, size = length + strlen(name) + 2;
    char *longer = whole ? realloc(whole, size) : NULL;
    if (!longer) {
        free(whole);
        return NULL;
    }
    const char *between = longer[length - 1] == '/' ? "" : "/";
    snprintf(longer + length, size - length, "%s%s", between, name);
    return longer;
}

grus_status grus_input_whole_path(const char *path, char **whole, grus_error *error)
{
    *whole = realpath(path, NULL);
    if (!*whole && errno != ENOMEM)
        *whole = path_in_folder(path);
    return !*whole && errno == ENOMEM ? grus_fail_memory(error, PATH_MAX) : GRUS_OK;
}

static void tell_change(const grus_manifest *manifest, const char *path, uint64_t bytes, grus_error *how)
{
    char *whole;
    grus_error ignored;
    grus_input_whole_path(path, &whole, &ignored);
    const char *from = manifest->input_path;
    bool moved = from && !(whole && strcmp(from, whole) == 0);
    if (bytes != manifest->input_bytes)
        grus_fail(how, GRUS_E_INPUT, path, NULL,
                  "changed since its shard was done: it had %" PRIu64 " bytes and has %" PRIu64 "%s%s",
                  manifest->input_bytes, bytes, moved ? "; the shard was made of " : "", moved ? from : "");
    else
        grus_fail(how, GRUS_E_INPUT, path, NULL,
                  "changed since its shard was done: it has %" PRIu64 " bytes as before, and other content%s%s", bytes,
                  moved ? "; the shard was made of " : "", moved ? from : "");
    free(whole);
}

static grus_status hash_file(const char *path, const atomic_bool *stop, uint64_t *bytes, uint64_t *hash,
                             grus_error *error)
{
    grus_raw raw;
    grus_status status = grus_raw_open(path, &raw, error);
    while (!status && !raw.end) {
        grus_raw_pass(&raw, grus_raw_available(&raw));
        status = grus_raw_fill(&raw, 1, error);
        if (!status && stop && atomic_load_explicit(stop, memory_order_relaxed))
            status = grus_fail(error, GRUS_E_INTERRUPTED, path, NULL, "stopped while it was compared");
    }
    if (!status) {
        *bytes = raw.bytes;
        *hash = XXH64_digest(raw.hash);
    }
    grus_raw_close(&raw);
    return status;
}

static bool is_surely_same(const grus_manifest *manifest, const grus_file_facts *now)
{
    const grus_file_facts *then = &manifest->input_file;
    if (!then->regular)
        return now->modified <= manifest->written;
    return now->modified == then->modified && now->inode == then->inode;
}

grus_status grus_input_compare(const grus_manifest *manifest, const char *path, const atomic_bool *stop, bool *changed,
                               grus_error *how)
{
    struct stat about;
    *changed = false;
    if (stat(path, &about) != 0)
        return errno == ENOENT || errno == ENOTDIR ? GRUS_OK
                                                   : grus_fail_errno(how, GRUS_E_INPUT, path, "cannot be examined");
    grus_file_facts now = grus_file_facts_of(&about);
    if (!now.regular)
        return GRUS_OK;
    uint64_t bytes = now.bytes, hash = manifest->input_xxh64;
    if (bytes == manifest->input_bytes && !is_surely_same(manifest, &now)) {
        grus_status status = hash_file(path, stop, &bytes, &hash, how);
        if (status)
            return status;
    }
    *changed = bytes != manifest->input_bytes || hash != manifest->input_xxh64;
    if (*changed)
        tell_change(manifest, path, bytes, how);
    return GRUS_OK;
}
