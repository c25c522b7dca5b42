// thread.h: threads of the library's own, with stacks that do not hang on the limits of the process.
#ifndef GRUS_SCHEDULER_THREAD_H
#define GRUS_SCHEDULER_THREAD_H

#include <pthread.h>
#include <stdbool.h>

// As pthread_create, with a stack of at least GRUS_THREAD_STACK bytes. false: the system refuses it.
#define GRUS_THREAD_STACK ((size_t)1 << 20)
bool grus_thread_start(pthread_t *thread, void *(*function)(void *argument), void *argument);

// The calling thread's stack in bytes; SIZE_MAX where that is not known.
size_t grus_thread_stack(void);

#endif
