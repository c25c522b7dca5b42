// temporary.c: temporary files and their durable renaming.
#include "config.h"

#include "io/outdir/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/path.h"
#include "io/file.h"
#include "io/outdir/origin.h"

#define SLASH "%2F" // in a flat stem

static grus_status refused(grus_error *error, const char *path, const char *what)
{
    return grus_fail_errno(error, GRUS_E_OUTPUT, path, what);
}

uint64_t grus_temp_random(void)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) == (ssize_t)sizeof number)
        return number;
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&number;
}

void grus_temp_stem(const char *stem, char flat[GRUS_TEMP_STEM_MAX + 1])
{
    size_t used = 0, length = 0, skipped = 0; // bytes written; of the whole; of it that there is no room for
    if (!strchr(stem, '/')) {
        snprintf(flat, GRUS_TEMP_STEM_MAX + 1, "%s", stem);
        return;
    }
    for (const char *at = stem; *at; at++)
        length += *at == '/' ? strlen(SLASH) : 1;
    if (length > GRUS_TEMP_STEM_MAX) {
        used = (size_t)sprintf(flat, "%016" PRIx64, (uint64_t)XXH64(stem, strlen(stem), 0));
        skipped = length - (GRUS_TEMP_STEM_MAX - used);
    }
    size_t passed = 0;
    for (; *stem; stem++) {
        const char plain[] = {*stem, '\0'};
        for (const char *from = *stem == '/' ? SLASH : plain; *from; from++)
            if (passed++ >= skipped)
                flat[used++] = *from;
    }
    flat[used] = '\0';
}

char *grus_temp_stem_of(const char *flat, size_t length)
{
    char *stem = strndup(flat, length);
    if (!stem)
        return NULL;
    char *to = stem;
    for (const char *from = stem; *from; to++) {
        bool slash = strncmp(from, SLASH, strlen(SLASH)) == 0;
        *to = slash ? '/' : *from;
        from += slash ? strlen(SLASH) : 1;
    }
    *to = '\0';
    return stem;
}

grus_status grus_temp_open(const char *dir, const char *stem, const char *tail, grus_temp *temp, grus_error *error)
{
    char origin[GRUS_ORIGIN_MAX], flat[GRUS_TEMP_STEM_MAX + 1];
    grus_temp_stem(stem, flat);
    *temp = (grus_temp){.fd = -1, .target = AT_FDCWD};
    grus_status status = grus_origin_this(origin, error);
    if (status)
        return status;
    for (int attempt = 0; attempt < 8; attempt++) {
        if (asprintf(&temp->path, "%s/%s.%ld-%016" PRIx64 "@%s%s", dir, flat, (long)getpid(), grus_temp_random(),
                     origin, tail) < 0) {
            temp->path = NULL;
            return grus_fail_memory(error, strlen(dir) + strlen(stem));
        }
        do
            temp->fd = open(temp->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        while (temp->fd < 0 && errno == EINTR);
        if (temp->fd >= 0) {
            flock(temp->fd, LOCK_EX | LOCK_NB); // tells grus_partials_sweep that the owner lives
            return GRUS_OK;
        }
        if (errno != EEXIST)
            break;
        free(temp->path);
        temp->path = NULL;
    }
    status = refused(error, temp->path ? temp->path : dir, "cannot be created");
    free(temp->path);
    temp->path = NULL;
    return status;
}

// After a successful fsync an interrupted close has nothing left to lose.
static bool close_fails(int fd)
{
    return close(fd) != 0 && errno != EINTR && errno != EINPROGRESS;
}

grus_status grus_temp_sync(grus_temp *temp, grus_error *error)
{
    if (!grus_fd_sync(temp->fd))
        return refused(error, temp->path, "cannot be brought to the disk (fsync)");
    int fd = temp->fd;
    temp->fd = -1;
    return close_fails(fd) ? refused(error, temp->path, "cannot be closed") : GRUS_OK;
}

// What file systems say to what they cannot do at all: BeeGFS links inside one directory alone, exFAT, CIFS and those of
// object stores never.
static bool is_unknown(int reason)
{
    return reason == EINVAL || reason == ENOSYS || reason == ENOTSUP || reason == ENOTTY;
}

static bool is_without_links(int reason)
{
    return is_unknown(reason) || reason == EPERM || reason == EACCES || reason == EXDEV || reason == EMLINK;
}

static int rename_after_look(int from_dir, const char *from, int dir, const char *to)
{
    struct stat about;
    if (fstatat(dir, to, &about, AT_SYMLINK_NOFOLLOW) == 0)
        return EEXIST;
    if (errno != ENOENT)
        return errno;
    return renameat(from_dir, from, dir, to) == 0 ? 0 : errno;
}

int grus_rename_new(int from_dir, const char *from, int dir, const char *to, bool *unsure)
{
    if (renameat2(from_dir, from, dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (!is_unknown(errno))
        return errno;
    if (linkat(from_dir, from, dir, to, 0) == 0) {
        unlinkat(from_dir, from, 0);
        return 0;
    }
    if (!is_without_links(errno))
        return errno;
    if (unsure)
        *unsure = true;
    return rename_after_look(from_dir, from, dir, to);
}

static void forget(grus_temp *temp)
{
    free(temp->path);
    *temp = (grus_temp){.fd = -1, .unsure = temp->unsure};
}

grus_status grus_temp_place(grus_temp *temp, const char *path, bool *exists, grus_error *error)
{
    int reason = 0;
    GRUS_ASSERT(temp->fd < 0 && temp->path); // on the disk before it has its name
    if (exists)
        reason = grus_rename_new(AT_FDCWD, temp->path, temp->target, path + temp->below, &temp->unsure);
    else if (renameat(AT_FDCWD, temp->path, temp->target, path + temp->below) != 0)
        reason = errno;
    if (exists)
        *exists = reason == EEXIST;
    if (reason == EEXIST && exists)
        return GRUS_OK;
    if (reason != 0) {
        errno = reason;
        return refused(error, path, "cannot be put in its place (rename)");
    }
    forget(temp);
    return grus_dir_sync_of(path, error);
}

void grus_temp_discard(grus_temp *temp)
{
    if (temp->fd >= 0)
        close(temp->fd);
    if (temp->path)
        unlink(temp->path);
    forget(temp);
}

// name is what errors tell of.
static grus_status fill(grus_temp *temp, const char *name, const char *data, size_t size, grus_error *error)
{
    if (!grus_fd_write(temp->fd, data, size))
        return refused(error, name, "cannot be written");
    return grus_temp_sync(temp, error);
}

grus_status grus_temp_write(const char *dir, const char *stem, const char *data, size_t size, grus_temp *temp,
                            grus_error *error)
{
    grus_status status = grus_temp_open(dir, stem, "", temp, error);
    if (status)
        return status;
    status = fill(temp, temp->path, data, size, error);
    if (status)
        grus_temp_discard(temp);
    return status;
}

grus_status grus_temp_replace(const char *path, const char *data, size_t size, grus_error *error)
{
    char *dir = grus_path_dir(path);
    if (!dir)
        return grus_fail_memory(error, strlen(path));
    grus_temp temp;
    grus_status status = grus_temp_open(dir, grus_path_name(path), "", &temp, error);
    free(dir);
    if (status)
        return status;
    status = fill(&temp, path, data, size, error);
    if (!status)
        status = grus_temp_place(&temp, path, NULL, error);
    grus_temp_discard(&temp);
    return status;
}
