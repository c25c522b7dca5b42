// poor_files.c: a library to be preloaded (LD_PRELOAD), which makes of the file system one that lacks what others have.
//
// Environment, errno values as numbers; what is not set works:
//   POOR_FLAGS=ERRNO     renaming without replacing is refused
//   POOR_LINK=ERRNO      so are links; 0: those from one directory to another alone, with EPERM
//   POOR_DIRSYNC=ERRNO   so is fsync of a directory
//   POOR_SLOW=SECONDS    a plain rename takes that long
//   POOR_OPEN=ERRNO      files whose path ends as POOR_OPEN_END says cannot be opened for reading
#undef _FORTIFY_SOURCE
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define REAL(name)                               \
    __extension__ static __typeof__(name) *real; \
    if (!real)                                   \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

// Sets errno to what a variable says; false where it is not set.
static bool refused(const char *name)
{
    const char *value = getenv(name);
    if (value)
        errno = (int)strtol(value, NULL, 10);
    return value != NULL;
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    REAL(renameat2);
    return flags && refused("POOR_FLAGS") ? -1 : real(from_dir, from, to_dir, to, flags);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    REAL(renameat);
    const char *slow = getenv("POOR_SLOW");
    if (slow)
        usleep((useconds_t)(1e6 * strtod(slow, NULL)));
    return real(from_dir, from, to_dir, to);
}

static bool ends_so(const char *path, const char *end)
{
    size_t length = strlen(path), tail = end ? strlen(end) : 0;
    return end && length >= tail && strcmp(path + length - tail, end) == 0;
}

static bool is_refused_reading(const char *path, int flags)
{
    return (flags & O_ACCMODE) == O_RDONLY && ends_so(path, getenv("POOR_OPEN_END")) && refused("POOR_OPEN");
}

EXPORT int open(const char *path, int flags, ...)
{
    REAL(open);
    unsigned mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, unsigned);
        va_end(arguments);
    }
    return is_refused_reading(path, flags) ? -1 : real(path, flags, mode);
}

// What _FORTIFY_SOURCE makes of an open whose flags are no constant.
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open_2(const char *path, int flags)
{
    REAL(__open_2);
    return is_refused_reading(path, flags) ? -1 : real(path, flags);
}

static size_t directory_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

static bool is_refused_link(const char *from, const char *to)
{
    if (!refused("POOR_LINK"))
        return false;
    if (errno != 0)
        return true;
    errno = EPERM;
    return directory_bytes(from) != directory_bytes(to) || strncmp(from, to, directory_bytes(from)) != 0;
}

EXPORT int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    REAL(linkat);
    return is_refused_link(from, to) ? -1 : real(from_dir, from, to_dir, to, flags);
}

EXPORT int fsync(int fd)
{
    REAL(fsync);
    struct stat about;
    if (fstat(fd, &about) == 0 && S_ISDIR(about.st_mode) && refused("POOR_DIRSYNC"))
        return -1;
    return real(fd);
}
