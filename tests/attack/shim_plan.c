// shim_plan.c: reads the shim's environment, counts calls, and says what is to happen to each. What the calls are is
// shim.c's business.
#undef _FORTIFY_SOURCE
#include "config.h"

#include "tests/attack/shim_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct state {
    _Atomic uint64_t started; // main was reached
    _Atomic uint64_t fired;   // calls that the plan met
    _Atomic uint64_t count[N_CLASSES];
};

static struct plan plans[N_CLASSES];
static struct state *state; // NULL: nothing is counted
static int log_fd = -1;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    uintptr_t from, to;
} foreign[8]; // where libraries lie that take no failure
static int n_foreign;

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

int shim_is_foreign(const void *caller)
{
    for (int i = 0; i < n_foreign; i++)
        if ((uintptr_t)caller >= foreign[i].from && (uintptr_t)caller < foreign[i].to)
            return 1;
    return 0;
}

const struct plan *shim_planned(int class)
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

int shim_refuse(int class)
{
    const struct plan *plan = shim_planned(class);
    if (!plan || plan->how != FAIL)
        return 0;
    errno = plan->error;
    return 1;
}

int shim_falls_short(int class)
{
    const struct plan *plan = &plans[class];
    return state && plan->how == SHORT && plan->n && state->count[class] >= plan->n;
}

_Noreturn void shim_die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static __thread int dies_after;

int shim_change(int class, int *by_half)
{
    const struct plan *plan = shim_planned(CHANGE);
    if (plan && (plan->how == KILL_BEFORE || (plan->how == KILL_AMID && !by_half)))
        shim_die();
    dies_after = plan && plan->how == KILL_AFTER;
    if (plan && plan->how == KILL_AMID)
        *by_half = 1;
    return shim_refuse(class);
}

void shim_changed(void)
{
    if (dies_after)
        shim_die();
}

int shim_has_log(void)
{
    return log_fd >= 0;
}

int shim_lock_log(void)
{
    REAL(flock);
    return log_fd >= 0 && pthread_mutex_lock(&log_lock) == 0 && real(log_fd, LOCK_EX) == 0;
}

uint64_t shim_inode_of(int fd, const char *path)
{
    struct stat about;
    REAL(fstatat);
    int result = path ? real(AT_FDCWD, path, &about, AT_SYMLINK_NOFOLLOW) : real(fd, "", &about, AT_EMPTY_PATH);
    return result == 0 ? (uint64_t)about.st_ino : 0;
}

void shim_log_change(const char *operation, uint64_t inode, uint64_t number, const char *a, const char *b,
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

void shim_unlock_log(int locked)
{
    REAL(flock);
    if (!locked)
        return;
    real(log_fd, LOCK_UN);
    pthread_mutex_unlock(&log_lock);
}
