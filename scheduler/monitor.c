// monitor.c: a clock beside the work.
#include "config.h"

#include "scheduler/monitor.h"

#include <errno.h>

#include "scheduler/thread.h"

#define TICK_NANOSECONDS 100000000L

static struct timespec next_tick(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += TICK_NANOSECONDS;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    return at;
}

// Waits for the next tick; false when the monitor is to end.
static bool wait_tick(grus_monitor *monitor)
{
    struct timespec at = next_tick();
    pthread_mutex_lock(&monitor->lock);
    while (!monitor->ended && pthread_cond_timedwait(&monitor->wake, &monitor->lock, &at) != ETIMEDOUT)
        ;
    bool ended = monitor->ended;
    pthread_mutex_unlock(&monitor->lock);
    return !ended;
}

static void *monitor_main(void *argument)
{
    grus_monitor *monitor = argument;
    while (wait_tick(monitor)) {
        if (grus_shared_stopping(monitor->shared))
            grus_queue_stop(monitor->shared->queue);
        grus_shared_progress(monitor->shared, false);
    }
    return NULL;
}

bool grus_monitor_start(grus_monitor *monitor, grus_shared *shared)
{
    *monitor = (grus_monitor){.shared = shared};
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool made = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&monitor->wake, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    if (!made)
        return false;
    if (pthread_mutex_init(&monitor->lock, NULL) != 0)
        goto no_lock;
    if (!grus_thread_start(&monitor->thread, monitor_main, monitor))
        goto no_thread;
    return true;

no_thread:
    pthread_mutex_destroy(&monitor->lock);
no_lock:
    pthread_cond_destroy(&monitor->wake);
    return false;
}

void grus_monitor_end(grus_monitor *monitor)
{
    pthread_mutex_lock(&monitor->lock);
    monitor->ended = true;
    pthread_cond_signal(&monitor->wake);
    pthread_mutex_unlock(&monitor->lock);
    pthread_join(monitor->thread, NULL);
    pthread_mutex_destroy(&monitor->lock);
    pthread_cond_destroy(&monitor->wake);
}
