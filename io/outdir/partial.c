// partial.c: lists and sweeps temporary files. An owner is dead when its origin is this process's, its process is gone, and
// its lock on the file too. What another host, boot or pid namespace has written is never removed here: from afar nobody
// can tell, and a boot that is over cannot be told from another machine of the same name.
#include "config.h"

#include "io/outdir/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"
#include "io/file.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"
#include "io/outdir/process.h"
#include "io/outdir/temporary.h"

#define RANDOM_DIGITS 16

// Fills in what the name says; false for a name that grus_temp_open does not give.
static bool parse_name(grus_partial *partial)
{
    const char *name = partial->name, *at = strrchr(name, '@');
    if (!at || at - name < RANDOM_DIGITS + 4)
        return false;
    size_t host_length, origin_length = grus_origin_length(at + 1, &host_length);
    const char *end_of_origin = at + 1 + origin_length;
    partial->journal = strcmp(end_of_origin, GRUS_OUTDIR_JOURNAL_TAIL) == 0;
    if (origin_length == 0 || (*end_of_origin && !partial->journal))
        return false;
    memcpy(partial->host, at + 1, host_length);
    const char *random = at - RANDOM_DIGITS, *dot = random - 1;
    if (strspn(random, "0123456789abcdef") != RANDOM_DIGITS || *dot != '-')
        return false;
    while (dot > name && *dot != '.')
        dot--;
    char *end;
    errno = 0;
    partial->pid = strtol(dot + 1, &end, 10);
    partial->stem_length = (size_t)(dot - name);
    return dot > name && dot[1] >= '1' && dot[1] <= '9' && end == random - 1 && errno == 0;
}

// A file system without locks leaves it to the process number.
static bool is_locked(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno != ENOENT;
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return locked;
}

static grus_owner find_owner(int dir, const grus_partial *partial, const char *this_origin, time_t written)
{
    const char *origin = strrchr(partial->name, '@') + 1;
    if (!grus_origin_is(origin, strcspn(origin, "+"), this_origin))
        return GRUS_OWNER_ELSEWHERE;
    bool gone = grus_process_is_gone(partial->pid, written);
    return gone && !is_locked(dir, partial->name) ? GRUS_OWNER_DEAD : GRUS_OWNER_ALIVE;
}

static grus_status add(grus_partials *partials, int dir, const char *name, const char *this_origin, grus_error *error)
{
    struct stat about;
    grus_partial partial = {.name = strdup(name)};
    if (!partial.name)
        return grus_fail_memory(error, strlen(name));
    if (!parse_name(&partial) || fstatat(dir, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode)) {
        free(partial.name);
        return GRUS_OK;
    }
    time_t now = time(NULL);
    partial.age = now > about.st_mtime ? (uint64_t)(now - about.st_mtime) : 0;
    partial.owner = find_owner(dir, &partial, this_origin, about.st_mtime);
    partial.same_host = grus_origin_is(partial.host, strlen(partial.host), this_origin);
    void *list = partials->list;
    if (!grus_grow(&list, &partials->capacity, partials->n + 1, sizeof partial)) {
        free(partial.name);
        return grus_fail_memory(error, (partials->n + 1) * sizeof partial);
    }
    partials->list = list;
    partials->list[partials->n++] = partial;
    return GRUS_OK;
}

static grus_status read_dir(DIR *stream, const char *path, grus_partials *partials, grus_error *error)
{
    char origin[GRUS_ORIGIN_MAX];
    grus_status known = grus_origin_this(origin, error);
    if (known)
        return known;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry && errno != 0)
            return grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be read");
        if (!entry)
            return GRUS_OK;
        grus_status status = add(partials, dirfd(stream), entry->d_name, origin, error);
        if (status)
            return status;
    }
}

static grus_status list_dir(const char *path, grus_partials *partials, grus_error *error)
{
    *partials = (grus_partials){0};
    grus_status status = GRUS_OK;
    DIR *stream = grus_dir_open(path);
    if (stream) {
        status = read_dir(stream, path, partials, error);
        closedir(stream);
    } else if (errno != ENOENT) {
        status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be opened");
    }
    return status;
}

grus_status grus_partials_list(const char *outdir, grus_partials *partials, grus_error *error)
{
    *partials = (grus_partials){0};
    char *path = grus_outdir_partials(outdir);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    grus_status status = list_dir(path, partials, error);
    free(path);
    return status;
}

void grus_partials_free(grus_partials *partials)
{
    for (size_t i = 0; i < partials->n; i++)
        free(partials->list[i].name);
    free(partials->list);
    *partials = (grus_partials){0};
}

bool grus_partial_is_of(const grus_partial *partial, const char *stem)
{
    char flat[GRUS_TEMP_STEM_MAX + 1];
    grus_temp_stem(stem, flat);
    return partial->stem_length == strlen(flat) && memcmp(partial->name, flat, partial->stem_length) == 0;
}

// Of a path that is freed; NULL is allowed.
static void remove_file(char *path)
{
    if (path)
        unlink(path);
    free(path);
}

// A journal of a shard that is done.
static bool is_spent(const char *outdir, const grus_partial *partial, const char *suffix, const grus_cut_names *cut)
{
    if (partial->stem_length >= GRUS_TEMP_STEM_MAX)
        return cut && cut->is_spent(cut->run, partial);
    char *stem = strndup(partial->name, partial->stem_length);
    char *below = grus_temp_stem_of(partial->name, partial->stem_length);
    bool spent =
        stem && below && (grus_manifest_is_done(outdir, stem, suffix) || grus_manifest_is_done(outdir, below, suffix));
    free(below);
    free(stem);
    return spent;
}

void grus_partials_sweep(const char *outdir, const char *suffix, const grus_cut_names *cut)
{
    grus_partials partials;
    grus_error ignored;
    grus_partials_list(outdir, &partials, &ignored);
    for (size_t i = 0; i < partials.n; i++) {
        const grus_partial *partial = &partials.list[i];
        if (partial->owner == GRUS_OWNER_DEAD && (!partial->journal || is_spent(outdir, partial, suffix, cut)))
            remove_file(grus_outdir_partial(outdir, partial->name));
    }
    grus_partials_free(&partials);
}

void grus_partials_sweep_beside(const char *path)
{
    const char *name = grus_path_name(path);
    char *dir = grus_path_dir(path);
    grus_partials partials = {0};
    grus_error ignored;
    if (dir)
        list_dir(dir, &partials, &ignored);
    for (size_t i = 0; i < partials.n; i++)
        if (partials.list[i].owner == GRUS_OWNER_DEAD && grus_partial_is_of(&partials.list[i], name))
            remove_file(grus_path_join(dir, partials.list[i].name));
    grus_partials_free(&partials);
    free(dir);
}
