// stack.c: where the limit is low, a thread with a stack of its own, and as much for the threads that others start.
#include "config.h"

#include "cli/stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "cli/message.h"

#define LEAST ((rlim_t)1 << 20) // bytes of stack that are enough
#define USUAL ((size_t)8 << 20) // and what a thread gets instead

typedef struct call {
    int (*main)(int argc, char **argv);
    int argc;
    char **argv;
    int code;
} call;

static void *run(void *argument)
{
    call *it = argument;
    it->code = it->main(it->argc, it->argv);
    return NULL;
}

// A thread with the usual stack, as all that come behind it have. Signals are for those: the stack here is too small for them.
static bool start(pthread_t *thread, call *it)
{
    pthread_attr_t attributes;
    sigset_t all;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    bool started = pthread_attr_setstacksize(&attributes, USUAL) == 0 && pthread_setattr_default_np(&attributes) == 0 &&
                   pthread_create(thread, &attributes, run, it) == 0;
    pthread_attr_destroy(&attributes);
    sigfillset(&all);
    if (started)
        pthread_sigmask(SIG_SETMASK, &all, NULL);
    return started;
}

int grus_stack_call(int (*main)(int argc, char **argv), int argc, char **argv)
{
    struct rlimit limit;
    pthread_t thread;
    call it = {.main = main, .argc = argc, .argv = argv};
    if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= LEAST)
        return main(argc, argv);
    if (!start(&thread, &it)) {
        grus_usage_error("the stack is limited to %llu bytes and the system refused another; raise it by ulimit -s",
                         (unsigned long long)limit.rlim_cur);
        return GRUS_E_FAILED;
    }
    pthread_join(thread, NULL);
    return it.code;
}
