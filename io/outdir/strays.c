// strays.c: the folders of the shards, and what lies in them.
#include "config.h"

#include "io/outdir/strays.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "io/file.h"
#include "io/outdir/outdir.h"

typedef struct search {
    const char *outdir;
    const grus_claim *claim;
    char *const *stems; // sorted
    void (*tell)(void *context, const char *path);
    void *context;
} search;

// A directory that is looked in, and where: folder is that of the stems there, "" for none.
typedef struct place {
    const char *root, *folder, *suffix;
} place;

static grus_status look_at_name(const search *s, const place *at, const char *name, grus_error *error)
{
    const char *slash = *at->folder ? "/" : "";
    size_t length = strlen(name), tail = strlen(at->suffix);
    if (name[0] == '.' || length <= tail || strcmp(name + length - tail, at->suffix) != 0)
        return GRUS_OK;
    char *stem = NULL, *path = NULL;
    if (asprintf(&stem, "%s%s%.*s", at->folder, slash, (int)(length - tail), name) < 0)
        return grus_fail_memory(error, length);
    if (asprintf(&path, "%s/%s%s", at->root, stem, at->suffix) < 0) {
        free(stem);
        return grus_fail_memory(error, length);
    }
    if (!grus_path_is_listed(s->stems, s->claim->n, stem))
        s->tell(s->context, path);
    free(path);
    free(stem);
    return GRUS_OK;
}

// The files of a directory that are named as outputs or manifests are must be those of the shards. What has no folder yet
// holds nothing.
static grus_status look_at_names(const search *s, const place *at, grus_error *error)
{
    struct dirent **names = NULL;
    int n;
    char *dir = *at->folder ? grus_path_join(at->root, at->folder) : strdup(at->root);
    if (!dir)
        return grus_fail_memory(error, strlen(at->root));
    do
        n = scandir(dir, &names, NULL, alphasort);
    while (n < 0 && errno == EINTR);
    grus_status status = GRUS_OK;
    if (n < 0 && !(errno == ENOENT && *at->folder))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, dir, "cannot be read");
    for (int i = 0; i < n; i++) {
        if (!status)
            status = look_at_name(s, at, names[i]->d_name, error);
        free(names[i]);
    }
    free(names);
    free(dir);
    return status;
}

// In one folder of the shards, or in none.
static grus_status look_in_folder(const search *s, const char *folder, grus_error *error)
{
    char *manifests = grus_outdir_manifests(s->outdir);
    if (!manifests)
        return grus_fail_memory(error, strlen(s->outdir));
    const place outputs = {s->outdir, folder, s->claim->suffix},
                proofs = {manifests, folder, GRUS_OUTDIR_MANIFEST_SUFFIX};
    grus_status status = look_at_names(s, &outputs, error);
    if (!status)
        status = look_at_names(s, &proofs, error);
    free(manifests);
    return status;
}

grus_status grus_strays_find(const char *outdir, const grus_claim *claim, void tell(void *context, const char *path),
                             void *context, grus_error *error)
{
    char **stems = grus_path_sorted(claim->stems, claim->n), *last = NULL;
    if (!stems)
        return grus_fail_memory(error, claim->n * sizeof *stems);
    const search s = {outdir, claim, stems, tell, context};
    grus_status status = look_in_folder(&s, "", error);
    // A folder of sorted stems comes again behind the folders in it, which is no harm.
    for (size_t i = 0; i < claim->n && !status; i++) {
        size_t length = (size_t)(grus_path_name(stems[i]) - stems[i]);
        if (length == 0 || (last && strlen(last) == length - 1 && memcmp(last, stems[i], length - 1) == 0))
            continue;
        free(last);
        last = strndup(stems[i], length - 1);
        status = last ? look_in_folder(&s, last, error) : grus_fail_memory(error, length);
    }
    free(last);
    free(stems);
    return status;
}
