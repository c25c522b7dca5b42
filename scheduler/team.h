// team.h: a team of OpenMP's threads, each free to run on all CPUs of the process, whatever places the environment names.
#ifndef GRUS_SCHEDULER_TEAM_H
#define GRUS_SCHEDULER_TEAM_H

#include <stddef.h>

#include "grus.h"

// Threads that OpenMP gives a team at most, by OMP_THREAD_LIMIT.
size_t grus_team_most(void);

// Calls work(argument, number) in so many threads at once, numbers from 0; the calling thread is one of them.
// GRUS_E_MEMORY, with nothing called: the system refuses a thread, for which OpenMP itself would end the process, or OpenMP
// gives its threads stacks that are too small.
grus_status grus_team_run(size_t threads, void (*work)(void *argument, size_t number), void *argument,
                          grus_error *error);

#endif
