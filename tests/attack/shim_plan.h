// shim_plan.h: which calls the shim counts, what a plan may do to them, and the log of what changed the disk.
#ifndef GRUS_TESTS_ATTACK_SHIM_PLAN_H
#define GRUS_TESTS_ATTACK_SHIM_PLAN_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM __attribute__((visibility("default"))) // what stands in for the C library's

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

struct plan {
    uint64_t n; // 0: nothing is planned
    int how, when, error;
};

// The C library's own function of that name, as `real`.
#define REAL(name)                 \
    static __typeof__(&name) real; \
    if (!real)                     \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

// Whether a library lies there that takes no failure.
int shim_is_foreign(const void *caller);

// Counts a call. The plan that it meets, or NULL.
const struct plan *shim_planned(int class);
// The same: whether the call is to fail; errno is set.
int shim_refuse(int class);

// Whether a call of the class, now that it is counted, is to fall short.
int shim_falls_short(int class);

_Noreturn void shim_die(void);
// Before a change: whether it is to fail. *by_half (NULL where there is no doing it by half) is set where the process is
// to die of it half-done.
int shim_change(int class, int *by_half);
// After it.
void shim_changed(void);

int shim_has_log(void);
// A change and its line in the log are one, for all threads and for all processes that share the log. False where there
// is none.
int shim_lock_log(void);
void shim_unlock_log(int locked);
uint64_t shim_inode_of(int fd, const char *path);
// One line: operation, inode, number, lengths of two names and of the data; then these three, and a newline.
void shim_log_change(const char *operation, uint64_t inode, uint64_t number, const char *a, const char *b,
                     const void *data, size_t size);

#endif
