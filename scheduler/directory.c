// directory.c: reads directories, one after the other, each by its name below the first: how deep they lie costs neither
// stack nor descriptors.
#include "config.h"

#include "scheduler/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"
#include "io/file.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"

typedef struct grus_tree_names {
    char **list;
    size_t n, capacity;
} grus_tree_names;

typedef struct grus_tree {
    grus_shards *shards;
    const char *root; // as it was given
    bool recursive;
    const char *outdir;
    grus_tree_names names;   // of shards, below root
    grus_tree_names folders; // to be read, below root; the first is ""
    grus_tree_names runs;    // (folders) the output directory of a run that it lies in, or is, below root; NULL: none
} grus_tree;

// ---- names ----

static void free_names(grus_tree_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->list[i]);
    free(names->list);
}

// Takes name; NULL is allowed where may_lack.
static grus_status add_name(grus_tree_names *names, char *name, bool may_lack, grus_error *error)
{
    void *list = names->list;
    if ((!name && !may_lack) || !grus_grow(&list, &names->capacity, names->n + 1, sizeof *names->list)) {
        free(name);
        return grus_fail_memory(error, sizeof *names->list);
    }
    names->list = list;
    names->list[names->n++] = name;
    return GRUS_OK;
}

// Below root: folder is "" for root itself.
static char *name_below(const char *folder, const char *name)
{
    return *folder ? grus_path_join(folder, name) : strdup(name);
}

static char *path_of(const grus_tree *tree, const char *below)
{
    return *below ? grus_path_join(tree->root, below) : strdup(tree->root);
}

// Of a directory's path: below root, of root its own.
static size_t name_length(const char *path, const char *below)
{
    return *below ? strlen(below) : strlen(grus_path_name(path));
}

// ---- one directory ----

// What a run has put into its output directory besides shards.
static bool is_report(const char *name)
{
    size_t length = strlen(name);
    return strncmp(name, "report", 6) == 0 && length >= 11 && strcmp(name + length - 5, ".json") == 0 &&
           strspn(name + 6, "-0123456789") == length - 11;
}

static bool is_output(const char *dir)
{
    char *path = grus_path_join(dir, GRUS_OUTDIR_OWN_NAME);
    bool is = path && access(path, F_OK) == 0;
    free(path);
    return is;
}

// Whether a manifest names this file of the run's output directory.
static grus_status is_named(const grus_tree *tree, const char *run, const char *name, bool *named, grus_error *error)
{
    grus_manifest manifest = {0};
    const char *below = *run ? name + strlen(run) + 1 : name;
    char *outdir = path_of(tree, run), *stem = grus_shard_whole_stem(below);
    grus_status status = GRUS_OK;
    if (!outdir || !stem)
        status = grus_fail_memory(error, strlen(name));
    else
        status = grus_manifest_ask_done(outdir, stem, below + strlen(stem), &manifest, named, error);
    grus_manifest_free(&manifest);
    free(stem);
    free(outdir);
    return status;
}

typedef enum grus_entry { GRUS_ENTRY_FILE, GRUS_ENTRY_FOLDER, GRUS_ENTRY_LINKED_FOLDER, GRUS_ENTRY_OUTDIR } grus_entry;

static grus_entry examine(const grus_tree *tree, int dir, const struct dirent *entry)
{
    struct stat about, out;
    if (entry->d_type == DT_REG || fstatat(dir, entry->d_name, &about, 0) != 0 || !S_ISDIR(about.st_mode))
        return GRUS_ENTRY_FILE;
    if (tree->outdir && stat(tree->outdir, &out) == 0 && out.st_dev == about.st_dev && out.st_ino == about.st_ino)
        return GRUS_ENTRY_OUTDIR;
    bool linked = fstatat(dir, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(about.st_mode);
    return linked ? GRUS_ENTRY_LINKED_FOLDER : GRUS_ENTRY_FOLDER;
}

// Takes name, below root. run: the output directory that it lies in, or NULL.
static grus_status take_entry(grus_tree *tree, grus_entry kind, const char *run, char *name, grus_error *error)
{
    grus_shard_kind type;
    const char *last = grus_path_name(name);
    bool hidden = last[0] == '.', is_folder = kind != GRUS_ENTRY_FILE;
    bool wanted = !hidden && strcmp(last, "-") != 0 && grus_shard_kind_of(name, &type);
    grus_status status = GRUS_OK;
    if (kind == GRUS_ENTRY_FOLDER && !hidden) {
        status = add_name(&tree->folders, name, false, error);
        char *within = run ? strdup(run) : NULL;
        if (status == GRUS_OK && run && !within)
            return grus_fail_memory(error, strlen(run));
        return status == GRUS_OK ? add_name(&tree->runs, within, true, error) : status;
    }
    const char *why = kind == GRUS_ENTRY_LINKED_FOLDER && tree->recursive ? " (a link)" : "";
    if (wanted && run) {
        status = is_named(tree, run, name, &wanted, error);
        why = " (no manifest)";
    }
    if (status == GRUS_OK && wanted)
        return add_name(&tree->names, name, false, error);
    if (status == GRUS_OK)
        status = grus_shards_add_other(tree->shards, name, is_folder, why, error);
    free(name);
    return status;
}

static grus_status read_entries(grus_tree *tree, DIR *stream, size_t folder, bool of_run, grus_error *error)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry && errno != 0)
            return grus_fail(error, GRUS_E_INPUT, tree->root, NULL, "%s", strerror(errno));
        if (!entry)
            return GRUS_OK;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, GRUS_OUTDIR_OWN_NAME) == 0 ||
            (of_run && is_report(name)))
            continue;
        grus_entry kind = examine(tree, dirfd(stream), entry);
        if (!tree->recursive && kind != GRUS_ENTRY_FILE)
            kind = GRUS_ENTRY_LINKED_FOLDER;
        if (kind == GRUS_ENTRY_OUTDIR)
            continue;
        char *below = name_below(tree->folders.list[folder], name);
        if (!below)
            return grus_fail_memory(error, strlen(name));
        grus_status status = take_entry(tree, kind, tree->runs.list[folder], below, error);
        if (status != GRUS_OK)
            return status;
    }
}

static grus_status read_folder(grus_tree *tree, size_t folder, grus_error *error)
{
    char *path = path_of(tree, tree->folders.list[folder]);
    if (!path)
        return grus_fail_memory(error, strlen(tree->root));
    DIR *stream = grus_dir_open(path);
    int reason = errno;
    grus_status status = GRUS_OK;
    bool of_run = stream && is_output(path);
    if (of_run) {
        free(tree->runs.list[folder]);
        tree->runs.list[folder] = strdup(tree->folders.list[folder]);
        if (!tree->runs.list[folder])
            status = grus_fail_memory(error, strlen(path));
    }
    if (!stream)
        status =
            grus_shards_add(tree->shards, path, name_length(path, tree->folders.list[folder]), strerror(reason), error);
    else if (status == GRUS_OK)
        status = read_entries(tree, stream, folder, of_run, error);
    if (stream)
        closedir(stream);
    free(path);
    return status;
}

// Whether folders below dir have what dir itself lacks.
static bool has_shards_below(const char *dir, const char *outdir)
{
    grus_shards below = {0};
    grus_error ignored;
    bool found = false;
    if (grus_directory_add(&below, dir, true, outdir, &ignored) == GRUS_OK)
        for (size_t i = 0; i < below.n && !found; i++)
            found = !below.list[i].fault;
    grus_shards_free(&below);
    return found;
}

// ---- all ----

grus_status grus_directory_add(grus_shards *shards, const char *dir, bool recursive, const char *outdir,
                               grus_error *error)
{
    grus_tree tree = {.shards = shards, .root = dir, .recursive = recursive, .outdir = outdir};
    size_t before = shards->n;
    grus_status status = add_name(&tree.folders, strdup(""), false, error);
    if (status == GRUS_OK)
        status = add_name(&tree.runs, NULL, true, error);
    for (size_t i = 0; i < tree.folders.n && status == GRUS_OK; i++)
        status = read_folder(&tree, i, error);
    if (tree.names.n > 1)
        qsort(tree.names.list, tree.names.n, sizeof *tree.names.list, grus_path_order);
    for (size_t i = 0; i < tree.names.n && status == GRUS_OK; i++)
        status = grus_shards_add_file(shards, dir, tree.names.list[i], error);
    if (status == GRUS_OK && shards->n == before)
        status =
            grus_shards_add(shards, dir, name_length(dir, ""),
                            !recursive && has_shards_below(dir, outdir)
                                ? "a directory without shards, which folders below it have: run.recursive reads those"
                                : "a directory without shards (" GRUS_SHARD_NAMES ")",
                            error);
    free_names(&tree.runs);
    free_names(&tree.folders);
    free_names(&tree.names);
    return status;
}
