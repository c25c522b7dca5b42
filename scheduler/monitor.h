// monitor.h: the thread that tells the progress ten times a second and stops the queue when a stop was asked for.
#ifndef GRUS_SCHEDULER_MONITOR_H
#define GRUS_SCHEDULER_MONITOR_H

#include "scheduler/shared.h"

typedef struct grus_monitor {
    grus_shared *shared;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ended; // written by grus_monitor_end, read by the thread, under lock
} grus_monitor;

// false when the thread cannot be started.
bool grus_monitor_start(grus_monitor *monitor, grus_shared *shared);
// Ends and joins it.
void grus_monitor_end(grus_monitor *monitor);

#endif
