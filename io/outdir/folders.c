// folders.c: makes folders one below the other, each with its name on the disk before the next.
#include "config.h"

#include "io/outdir/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/path.h"
#include "io/file.h"

#define KNOWN 8

struct grus_folders {
    pthread_mutex_t mutex;
    char *known[KNOWN]; // under mutex: paths, or NULL
    size_t next;        // under mutex: of them the one to be replaced
};

grus_folders *grus_folders_new(void)
{
    grus_folders *folders = calloc(1, sizeof *folders);
    if (folders && pthread_mutex_init(&folders->mutex, NULL) != 0) {
        free(folders);
        return NULL;
    }
    return folders;
}

void grus_folders_free(grus_folders *folders)
{
    if (!folders)
        return;
    for (size_t i = 0; i < KNOWN; i++)
        free(folders->known[i]);
    pthread_mutex_destroy(&folders->mutex);
    free(folders);
}

static bool is_known(grus_folders *folders, const char *path)
{
    bool known = false;
    if (!folders)
        return false;
    pthread_mutex_lock(&folders->mutex);
    for (size_t i = 0; i < KNOWN && !known; i++)
        known = folders->known[i] && strcmp(folders->known[i], path) == 0;
    pthread_mutex_unlock(&folders->mutex);
    return known;
}

// Takes path.
static void remember(grus_folders *folders, char *path)
{
    if (!folders) {
        free(path);
        return;
    }
    pthread_mutex_lock(&folders->mutex);
    free(folders->known[folders->next]);
    folders->known[folders->next] = path;
    folders->next = (folders->next + 1) % KNOWN;
    pthread_mutex_unlock(&folders->mutex);
}

static grus_status make_folder(const grus_folders_place *place, const char *path, grus_error *error)
{
    struct stat about;
    if (mkdirat(place->dir, path + place->below, 0777) != 0) {
        if (errno != EEXIST)
            return grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be made");
        if (fstatat(place->dir, path + place->below, &about, AT_SYMLINK_NOFOLLOW) != 0)
            return grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be examined");
        if (!S_ISDIR(about.st_mode))
            return grus_fail(error, GRUS_E_OUTPUT, path, NULL, "is not a directory, and outputs are to go into it");
    }
    // Also of one that is there: who made it may have been killed before that.
    return grus_dir_sync_of(path, error);
}

grus_status grus_folders_make(const grus_folders_place *place, const char *path, const char *stem, grus_error *error)
{
    size_t in_stem = (size_t)(grus_path_name(stem) - stem);
    if (in_stem == 0)
        return GRUS_OK;
    char *folder = grus_path_dir(path);
    if (!folder)
        return grus_fail_memory(error, strlen(path));
    grus_status status = GRUS_OK;
    if (is_known(place->known, folder)) {
        free(folder);
        return GRUS_OK;
    }
    char *at = folder + strlen(folder) + 1 - in_stem, end;
    do {
        at += strcspn(at, "/");
        end = *at;
        *at = '\0';
        status = make_folder(place, folder, error);
        *at = end;
        at += end != '\0';
    } while (!status && end);
    if (status)
        free(folder);
    else
        remember(place->known, folder);
    return status;
}
