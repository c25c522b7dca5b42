// shim.c: a library to be preloaded (LD_PRELOAD), which stands between the command and the C library: it counts calls by
// class, lets chosen ones fail, be interrupted or fall short, kills the process beside a chosen one, and writes down what
// was done to files. What for, and what follows from it, is faults.py's and crash.py's business.
//
// Environment:
//   SHIM_STATE=FILE   counters, shared with whoever started the process: see struct state
//   SHIM_PLAN=CLASS,N,HOW,WHEN,ERRNO;…   numbers: of enum call_class, the call (from 1), enum how, enum when, errno; one
//                     plan for a class
//   SHIM_LOG=FILE     what was done to files, appended: see log_change
//
// Only calls that pass through a symbol are seen: what the C library does for itself (the reads behind fread, the mmap
// behind malloc) is not, so that the function that was called for it is counted instead. Nothing is counted before main.
#undef _FORTIFY_SOURCE
#include "config.h"

#include "tests/attack/shim_plan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- memory and threads ----

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static int refuse_memory(const void *caller)
{
    return shim_refuse(shim_is_foreign(caller) ? ALLOC_FOREIGN : ALLOC);
}

SHIM void *malloc(size_t size)
{
    return refuse_memory(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

SHIM void *calloc(size_t count, size_t size)
{
    return refuse_memory(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

SHIM void *realloc(void *memory, size_t size)
{
    return refuse_memory(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

SHIM void *reallocarray(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (refuse_memory(__builtin_return_address(0)) || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return __libc_realloc(memory, bytes);
}

SHIM void *aligned_alloc(size_t alignment, size_t size)
{
    return refuse_memory(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

SHIM void *memalign(size_t alignment, size_t size);

SHIM void *memalign(size_t alignment, size_t size)
{
    return refuse_memory(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

SHIM int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (refuse_memory(__builtin_return_address(0)))
        return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

SHIM void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    REAL(mmap);
    return refuse_memory(__builtin_return_address(0)) ? MAP_FAILED
                                                      : real(address, length, protection, flags, fd, offset);
}

SHIM int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument)
{
    REAL(pthread_create);
    if (shim_refuse(shim_is_foreign(__builtin_return_address(0)) ? THREAD_FOREIGN : THREAD))
        return errno;
    return real(thread, attributes, function, argument);
}

// ---- opening and closing ----

static int open_logged(int dir, const char *path, int flags, mode_t mode)
{
    REAL(openat);
    if (!(flags & (O_CREAT | O_TRUNC)))
        return shim_refuse(OPEN) ? -1 : real(dir, path, flags, mode);
    if (shim_change(OPEN, NULL))
        return -1;
    int locked = shim_lock_log();
    uint64_t before = locked ? shim_inode_of(-1, path) : 0;
    int fd = real(dir, path, flags, mode);
    if (locked && fd >= 0 && (!before || flags & O_TRUNC))
        shim_log_change(before ? "truncate" : "create", shim_inode_of(fd, NULL), 0, path, NULL, NULL, 0);
    shim_unlock_log(locked);
    shim_changed();
    return fd;
}

#define MODE(last)                        \
    mode_t mode = 0;                      \
    if (flags & O_CREAT) {                \
        va_list arguments;                \
        va_start(arguments, last);        \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments);                \
    }

SHIM int open(const char *path, int flags, ...)
{
    MODE(flags)
    return open_logged(AT_FDCWD, path, flags, mode);
}

SHIM int openat(int dir, const char *path, int flags, ...)
{
    MODE(flags)
    return open_logged(dir, path, flags, mode);
}

// The names that calls have where they were compiled with _FORTIFY_SOURCE.
SHIM int __open_2(const char *path, int flags);
SHIM int __openat_2(int dir, const char *path, int flags);
SHIM ssize_t __read_chk(int fd, void *data, size_t size, size_t room);

SHIM int __open_2(const char *path, int flags)
{
    return open_logged(AT_FDCWD, path, flags, 0);
}

SHIM int __openat_2(int dir, const char *path, int flags)
{
    return open_logged(dir, path, flags, 0);
}

SHIM FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen);
    return shim_refuse(OPEN) ? NULL : real(path, mode);
}

SHIM DIR *opendir(const char *path)
{
    REAL(opendir);
    return shim_refuse(OPEN) ? NULL : real(path);
}

SHIM int scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *),
                 int (*order)(const struct dirent **, const struct dirent **))
{
    REAL(scandir);
    return shim_refuse(OPEN) ? -1 : real(path, names, wanted, order);
}

SHIM int close(int fd)
{
    REAL(close);
    int refused = shim_change(CLOSE, NULL), error = errno;
    int result = real(fd); // it is closed in every case, as Linux does
    if (refused) {
        errno = error;
        return -1;
    }
    shim_changed();
    return result;
}

// ---- content ----

static int refuse_reading(size_t *size)
{
    const struct plan *plan = shim_planned(READ);
    if (plan && plan->how == SHORT && *size > 1)
        *size /= 2;
    if (!plan || plan->how != FAIL)
        return 0;
    errno = plan->error;
    return 1;
}

SHIM ssize_t read(int fd, void *data, size_t size)
{
    REAL(read);
    if (refuse_reading(&size))
        return -1;
    return real(fd, data, size);
}

SHIM ssize_t __read_chk(int fd, void *data, size_t size, size_t room)
{
    if (size > room)
        abort();
    return read(fd, data, size);
}

SHIM ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    REAL(pread);
    if (refuse_reading(&size))
        return -1;
    return real(fd, data, size, offset);
}

SHIM struct dirent *readdir(DIR *stream)
{
    REAL(readdir);
    size_t unused = 0;
    int kept = errno;
    if (refuse_reading(&unused)) {
        if (errno != EINTR) // it knows none
            return NULL;
        errno = kept;
    }
    return real(stream);
}

static ssize_t write_logged(int fd, const void *data, size_t size, off_t offset, int has_offset)
{
    REAL(pwrite);
    static ssize_t (*real_write)(int, const void *, size_t);
    if (!real_write)
        *(void **)&real_write = dlsym(RTLD_NEXT, "write");
    int by_half = 0;
    if (shim_change(WRITE, &by_half))
        return -1;
    int falls_short = shim_falls_short(WRITE);
    if ((by_half || falls_short) && size > 1)
        size /= 2;
    int locked = shim_lock_log();
    off_t at = has_offset ? offset : locked ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = has_offset ? real(fd, data, size, offset) : real_write(fd, data, size);
    if (by_half)
        shim_die();
    if (locked && done > 0)
        shim_log_change("write", shim_inode_of(fd, NULL), (uint64_t)at, NULL, NULL, data, (size_t)done);
    shim_unlock_log(locked);
    shim_changed();
    return done;
}

SHIM ssize_t write(int fd, const void *data, size_t size)
{
    return write_logged(fd, data, size, 0, 0);
}

SHIM ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return write_logged(fd, data, size, offset, 1);
}

// A change of one descriptor or of one name, or of two.
#define LOGGED_CHANGE(class, call, operation, number, a, b, inode)            \
    if (shim_change(class, NULL))                                             \
        return -1;                                                            \
    int locked = shim_lock_log();                                             \
    int result = call;                                                        \
    if (locked && result == 0)                                                \
        shim_log_change(operation, inode, (uint64_t)(number), a, b, NULL, 0); \
    shim_unlock_log(locked);                                                  \
    shim_changed();                                                           \
    return result;

SHIM int fsync(int fd)
{
    REAL(fsync);
    LOGGED_CHANGE(SYNC, real(fd), "sync", 0, NULL, NULL, shim_inode_of(fd, NULL))
}

SHIM int fdatasync(int fd)
{
    REAL(fdatasync);
    LOGGED_CHANGE(SYNC, real(fd), "sync", 0, NULL, NULL, shim_inode_of(fd, NULL))
}

SHIM int ftruncate(int fd, off_t length)
{
    REAL(ftruncate);
    LOGGED_CHANGE(TRUNCATE, real(fd, length), "truncate", length, NULL, NULL, shim_inode_of(fd, NULL))
}

SHIM int truncate(const char *path, off_t length)
{
    REAL(truncate);
    LOGGED_CHANGE(TRUNCATE, real(path, length), "truncate", length, NULL, NULL, shim_inode_of(-1, path))
}

// ---- names ----

SHIM int rename(const char *from, const char *to)
{
    REAL(rename);
    LOGGED_CHANGE(RENAME, real(from, to), "rename", 0, from, to, shim_inode_of(-1, to))
}

// The path of a name below an open directory, for the log, in `full`; else the name itself.
static const char *whole_path(int dir, const char *path, char full[4096])
{
    char link_name[64];
    if (!shim_has_log() || dir == AT_FDCWD || path[0] == '/')
        return path;
    snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", dir);
    ssize_t length = readlink(link_name, full, 4095);
    if (length <= 0 || (size_t)length + strlen(path) + 2 >= 4096)
        return path;
    full[length] = '/';
    strcpy(full + length + 1, path);
    return full;
}

SHIM int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    REAL(renameat);
    char full[4096];
    const char *name = whole_path(to_dir, to, full);
    LOGGED_CHANGE(RENAME, real(from_dir, from, to_dir, to), "rename", 0, from, name, shim_inode_of(-1, name))
}

SHIM int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    REAL(renameat2);
    char full[4096];
    const char *name = whole_path(to_dir, to, full);
    LOGGED_CHANGE(RENAME_NEW, real(from_dir, from, to_dir, to, flags), "rename", 0, from, name, shim_inode_of(-1, name))
}

SHIM int link(const char *from, const char *to)
{
    REAL(link);
    LOGGED_CHANGE(LINK, real(from, to), "link", 0, from, to, shim_inode_of(-1, to))
}

SHIM int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    REAL(linkat);
    char full[4096];
    const char *name = whole_path(to_dir, to, full);
    LOGGED_CHANGE(LINK, real(from_dir, from, to_dir, to, flags), "link", 0, from, name, shim_inode_of(-1, name))
}

SHIM int unlink(const char *path)
{
    REAL(unlink);
    LOGGED_CHANGE(UNLINK, real(path), "unlink", 0, path, NULL, 0)
}

SHIM int unlinkat(int dir, const char *path, int flags)
{
    REAL(unlinkat);
    char full[4096];
    const char *name = whole_path(dir, path, full);
    LOGGED_CHANGE(UNLINK, real(dir, path, flags), "unlink", 0, name, NULL, 0)
}

SHIM int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    LOGGED_CHANGE(MKDIR, real(path, mode), "mkdir", 0, path, NULL, shim_inode_of(-1, path))
}

SHIM int mkdirat(int dir, const char *path, mode_t mode)
{
    REAL(mkdirat);
    char full[4096];
    const char *name = whole_path(dir, path, full);
    LOGGED_CHANGE(MKDIR, real(dir, path, mode), "mkdir", 0, name, NULL, shim_inode_of(-1, name))
}

SHIM int flock(int fd, int operation)
{
    REAL(flock);
    return shim_refuse(LOCK) ? -1 : real(fd, operation);
}

// ---- looking ----

SHIM int fstat(int fd, struct stat *about)
{
    REAL(fstat);
    return shim_refuse(STAT) ? -1 : real(fd, about);
}

SHIM int stat(const char *path, struct stat *about)
{
    REAL(stat);
    return shim_refuse(STAT) ? -1 : real(path, about);
}

SHIM int lstat(const char *path, struct stat *about)
{
    REAL(lstat);
    return shim_refuse(STAT) ? -1 : real(path, about);
}

SHIM int fstatat(int dir, const char *path, struct stat *about, int flags)
{
    REAL(fstatat);
    return shim_refuse(STAT) ? -1 : real(dir, path, about, flags);
}

SHIM off_t lseek(int fd, off_t offset, int whence)
{
    REAL(lseek);
    return shim_refuse(SEEK) ? -1 : real(fd, offset, whence);
}

SHIM int poll(struct pollfd *list, nfds_t n, int milliseconds)
{
    REAL(poll);
    return shim_refuse(POLL) ? -1 : real(list, n, milliseconds);
}
