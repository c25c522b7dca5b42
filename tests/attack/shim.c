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

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHIM __attribute__((visibility("default")))

// Their order is known to common.py.
enum call_class {
    ALLOC,         // malloc and its kin, mmap
    ALLOC_FOREIGN, // the same, called by BLIS, the OpenMP library or C++ (SentencePiece), which may end the process without it
    THREAD,
    THREAD_FOREIGN, // called by the OpenMP library
    OPEN,           // open, fopen, opendir, scandir
    READ,           // read, pread, readdir
    WRITE,
    SYNC, // fsync, fdatasync
    CLOSE,
    RENAME,
    RENAME_NEW, // renameat2, which does not replace
    LINK,
    UNLINK,
    TRUNCATE,
    MKDIR,
    STAT,
    SEEK,
    LOCK,
    POLL,
    CHANGE, // every call that changes what lies on the disk, or who holds it; beside its own class
    N_CLASSES,
};

enum how { FAIL, SHORT, KILL_BEFORE, KILL_AFTER, KILL_AMID };
enum when { ONCE, FROM_THEN_ON, EVERY_OTHER };

struct state {
    _Atomic uint64_t started; // main was reached
    _Atomic uint64_t fired;   // calls that the plan met
    _Atomic uint64_t count[N_CLASSES];
};

static struct plan {
    uint64_t n; // 0: nothing is planned
    int how, when, error;
} plans[N_CLASSES];
static struct state *state; // NULL: nothing is counted
static int log_fd = -1;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uintptr_t from, to;
} foreign[8]; // where libraries lie that take no failure
static int n_foreign;

#define REAL(name)                 \
    static __typeof__(&name) real; \
    if (!real)                     \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

// ---- start ----

static int find_foreign(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    static const char *const names[] = {"libblis", "libgomp", "libomp", "libsentencepiece", "libprotobuf", "libstdc++"};
    size_t at = 0;
    while (at < sizeof names / sizeof *names && !strstr(info->dlpi_name, names[at]))
        at++;
    if (at == sizeof names / sizeof *names)
        return 0;
    for (int i = 0; i < info->dlpi_phnum && n_foreign < 8; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        foreign[n_foreign].from = info->dlpi_addr + part->p_vaddr;
        foreign[n_foreign].to = foreign[n_foreign].from + part->p_memsz;
        n_foreign++;
    }
    return 0;
}

static void read_plans(const char *text)
{
    for (int length; *text; text += length + (text[length] == ';')) {
        struct plan plan;
        int class;
        if (sscanf(text, "%d,%lu,%d,%d,%d%n", &class, &plan.n, &plan.how, &plan.when, &plan.error, &length) != 5 ||
            class < 0 || class >= N_CLASSES)
            _exit(99);
        plans[class] = plan;
    }
}

static void start(void)
{
    const char *path = getenv("SHIM_STATE"), *wanted = getenv("SHIM_PLAN"), *log = getenv("SHIM_LOG");
    if (!path)
        return;
    dl_iterate_phdr(find_foreign, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, sizeof *state) != 0)
        _exit(99);
    struct state *mapped = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        _exit(99);
    if (wanted)
        read_plans(wanted);
    mapped->started = 1;
    state = mapped;
    if (log)
        log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
}

static int (*program_main)(int, char **, char **);

static int begin(int argc, char **argv, char **environment)
{
    start();
    return program_main(argc, argv, environment);
}

SHIM int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                           void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

SHIM int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                           void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    REAL(__libc_start_main);
    program_main = main;
    return real(begin, argc, argv, init, fini, rtld_fini, stack_end);
}

// ---- the plan ----

static int is_foreign(const void *caller)
{
    for (int i = 0; i < n_foreign; i++)
        if ((uintptr_t)caller >= foreign[i].from && (uintptr_t)caller < foreign[i].to)
            return 1;
    return 0;
}

// The plan that this call meets, or NULL.
static const struct plan *planned(int class)
{
    if (!state)
        return NULL;
    uint64_t n = ++state->count[class];
    const struct plan *plan = &plans[class];
    if (plan->n == 0 || n < plan->n)
        return NULL;
    int meets = n == plan->n || plan->when == FROM_THEN_ON || (plan->when == EVERY_OTHER && (n - plan->n) % 2 == 0);
    if (!meets)
        return NULL;
    state->fired++;
    return plan;
}

// Whether this call is to fail; errno is set.
static int refuse(int class)
{
    const struct plan *plan = planned(class);
    if (!plan || plan->how != FAIL)
        return 0;
    errno = plan->error;
    return 1;
}

static _Noreturn void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static __thread int dies_after;

// Before a change: whether it is to fail. *by_half (NULL where there is no doing it by half) is set where the process is
// to die of it half-done.
static int change(int class, int *by_half)
{
    const struct plan *plan = planned(CHANGE);
    if (plan && (plan->how == KILL_BEFORE || (plan->how == KILL_AMID && !by_half)))
        die();
    dies_after = plan && plan->how == KILL_AFTER;
    if (plan && plan->how == KILL_AMID)
        *by_half = 1;
    return refuse(class);
}

// After it.
static void changed(void)
{
    if (dies_after)
        die();
}

// A change and its line in the log are one, for all threads and for all processes that share the log.
static int lock_log(void)
{
    REAL(flock);
    return log_fd >= 0 && pthread_mutex_lock(&log_lock) == 0 && real(log_fd, LOCK_EX) == 0;
}

static uint64_t inode_of(int fd, const char *path)
{
    struct stat about;
    REAL(fstatat);
    int result = path ? real(AT_FDCWD, path, &about, AT_SYMLINK_NOFOLLOW) : real(fd, "", &about, AT_EMPTY_PATH);
    return result == 0 ? (uint64_t)about.st_ino : 0;
}

// One line: operation, inode, number, lengths of two names and of the data; then these three, and a newline.
static void log_change(const char *operation, uint64_t inode, uint64_t number, const char *a, const char *b,
                       const void *data, size_t size)
{
    REAL(writev);
    char head[128];
    int length = snprintf(head, sizeof head, "%s %lu %lu %zu %zu %zu\n", operation, inode, number, a ? strlen(a) : 0,
                          b ? strlen(b) : 0, size);
    struct iovec parts[] = {
        {head, (size_t)length},
        {(void *)(uintptr_t)a, a ? strlen(a) : 0},
        {(void *)(uintptr_t)b, b ? strlen(b) : 0},
        {(void *)(uintptr_t)data, size},
        {(char[]){'\n'}, 1},
    };
    int kept = errno;
    if (real(log_fd, parts, 5) < 0)
        _exit(99);
    errno = kept;
}

static void unlock_log(int locked)
{
    REAL(flock);
    if (!locked)
        return;
    real(log_fd, LOCK_UN);
    pthread_mutex_unlock(&log_lock);
}

// ---- memory and threads ----

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static int refuse_memory(const void *caller)
{
    if (!state)
        return 0;
    return refuse(is_foreign(caller) ? ALLOC_FOREIGN : ALLOC);
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
    if (refuse(is_foreign(__builtin_return_address(0)) ? THREAD_FOREIGN : THREAD))
        return errno;
    return real(thread, attributes, function, argument);
}

// ---- opening and closing ----

static int open_logged(int dir, const char *path, int flags, mode_t mode)
{
    REAL(openat);
    if (!(flags & (O_CREAT | O_TRUNC)))
        return refuse(OPEN) ? -1 : real(dir, path, flags, mode);
    if (change(OPEN, NULL))
        return -1;
    int locked = lock_log();
    uint64_t before = locked ? inode_of(-1, path) : 0;
    int fd = real(dir, path, flags, mode);
    if (locked && fd >= 0 && (!before || flags & O_TRUNC))
        log_change(before ? "truncate" : "create", inode_of(fd, NULL), 0, path, NULL, NULL, 0);
    unlock_log(locked);
    changed();
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
    return refuse(OPEN) ? NULL : real(path, mode);
}

SHIM DIR *opendir(const char *path)
{
    REAL(opendir);
    return refuse(OPEN) ? NULL : real(path);
}

SHIM int scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *),
                 int (*order)(const struct dirent **, const struct dirent **))
{
    REAL(scandir);
    return refuse(OPEN) ? -1 : real(path, names, wanted, order);
}

SHIM int close(int fd)
{
    REAL(close);
    int refused = change(CLOSE, NULL), error = errno;
    int result = real(fd); // it is closed in every case, as Linux does
    if (refused) {
        errno = error;
        return -1;
    }
    changed();
    return result;
}

// ---- content ----

static int refuse_reading(size_t *size)
{
    const struct plan *plan = planned(READ);
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
    if (change(WRITE, &by_half))
        return -1;
    int falls_short = state && plans[WRITE].how == SHORT && plans[WRITE].n && state->count[WRITE] >= plans[WRITE].n;
    if ((by_half || falls_short) && size > 1)
        size /= 2;
    int locked = lock_log();
    off_t at = has_offset ? offset : locked ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = has_offset ? real(fd, data, size, offset) : real_write(fd, data, size);
    if (by_half)
        die();
    if (locked && done > 0)
        log_change("write", inode_of(fd, NULL), (uint64_t)at, NULL, NULL, data, (size_t)done);
    unlock_log(locked);
    changed();
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
#define LOGGED_CHANGE(class, call, operation, number, a, b, inode)       \
    if (change(class, NULL))                                             \
        return -1;                                                       \
    int locked = lock_log();                                             \
    int result = call;                                                   \
    if (locked && result == 0)                                           \
        log_change(operation, inode, (uint64_t)(number), a, b, NULL, 0); \
    unlock_log(locked);                                                  \
    changed();                                                           \
    return result;

SHIM int fsync(int fd)
{
    REAL(fsync);
    LOGGED_CHANGE(SYNC, real(fd), "sync", 0, NULL, NULL, inode_of(fd, NULL))
}

SHIM int fdatasync(int fd)
{
    REAL(fdatasync);
    LOGGED_CHANGE(SYNC, real(fd), "sync", 0, NULL, NULL, inode_of(fd, NULL))
}

SHIM int ftruncate(int fd, off_t length)
{
    REAL(ftruncate);
    LOGGED_CHANGE(TRUNCATE, real(fd, length), "truncate", length, NULL, NULL, inode_of(fd, NULL))
}

SHIM int truncate(const char *path, off_t length)
{
    REAL(truncate);
    LOGGED_CHANGE(TRUNCATE, real(path, length), "truncate", length, NULL, NULL, inode_of(-1, path))
}

// ---- names ----

SHIM int rename(const char *from, const char *to)
{
    REAL(rename);
    LOGGED_CHANGE(RENAME, real(from, to), "rename", 0, from, to, inode_of(-1, to))
}

SHIM int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    REAL(renameat2);
    LOGGED_CHANGE(RENAME_NEW, real(from_dir, from, to_dir, to, flags), "rename", 0, from, to, inode_of(-1, to))
}

SHIM int link(const char *from, const char *to)
{
    REAL(link);
    LOGGED_CHANGE(LINK, real(from, to), "link", 0, from, to, inode_of(-1, to))
}

SHIM int unlink(const char *path)
{
    REAL(unlink);
    LOGGED_CHANGE(UNLINK, real(path), "unlink", 0, path, NULL, 0)
}

SHIM int unlinkat(int dir, const char *path, int flags)
{
    REAL(unlinkat);
    char full[4096], link_name[64];
    const char *name = path;
    // The log has whole paths.
    if (log_fd >= 0 && dir != AT_FDCWD && path[0] != '/') {
        snprintf(link_name, sizeof link_name, "/proc/self/fd/%d", dir);
        ssize_t length = readlink(link_name, full, sizeof full - 1);
        if (length > 0 && (size_t)length + strlen(path) + 2 < sizeof full) {
            full[length] = '/';
            strcpy(full + length + 1, path);
            name = full;
        }
    }
    LOGGED_CHANGE(UNLINK, real(dir, path, flags), "unlink", 0, name, NULL, 0)
}

SHIM int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    LOGGED_CHANGE(MKDIR, real(path, mode), "mkdir", 0, path, NULL, inode_of(-1, path))
}

SHIM int flock(int fd, int operation)
{
    REAL(flock);
    return refuse(LOCK) ? -1 : real(fd, operation);
}

// ---- looking ----

SHIM int fstat(int fd, struct stat *about)
{
    REAL(fstat);
    return refuse(STAT) ? -1 : real(fd, about);
}

SHIM int stat(const char *path, struct stat *about)
{
    REAL(stat);
    return refuse(STAT) ? -1 : real(path, about);
}

SHIM int lstat(const char *path, struct stat *about)
{
    REAL(lstat);
    return refuse(STAT) ? -1 : real(path, about);
}

SHIM int fstatat(int dir, const char *path, struct stat *about, int flags)
{
    REAL(fstatat);
    return refuse(STAT) ? -1 : real(dir, path, about, flags);
}

SHIM off_t lseek(int fd, off_t offset, int whence)
{
    REAL(lseek);
    return refuse(SEEK) ? -1 : real(fd, offset, whence);
}

SHIM int poll(struct pollfd *list, nfds_t n, int milliseconds)
{
    REAL(poll);
    return refuse(POLL) ? -1 : real(list, n, milliseconds);
}
