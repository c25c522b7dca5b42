// thread.c: attributes of threads.
#include "config.h"

#include "scheduler/thread.h"

#include <stdint.h>

bool grus_thread_start(pthread_t *thread, void *(*function)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    size_t size = 0;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    bool started = pthread_attr_getstacksize(&attributes, &size) == 0 &&
                   (size >= GRUS_THREAD_STACK || pthread_attr_setstacksize(&attributes, GRUS_THREAD_STACK) == 0) &&
                   pthread_create(thread, &attributes, function, argument) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

size_t grus_thread_stack(void)
{
    pthread_attr_t attributes;
    size_t size = SIZE_MAX;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return SIZE_MAX;
    if (pthread_attr_getstacksize(&attributes, &size) != 0)
        size = SIZE_MAX;
    pthread_attr_destroy(&attributes);
    return size;
}
