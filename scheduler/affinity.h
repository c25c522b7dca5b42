// affinity.h: the CPUs that the threads of a run may use. OpenMP binds the thread that starts it, and those of its teams,
// to places (OMP_PLACES, OMP_PROC_BIND); a run counts and uses what the process has.
#ifndef GRUS_SCHEDULER_AFFINITY_H
#define GRUS_SCHEDULER_AFFINITY_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct grus_affinity {
    cpu_set_t *set; // NULL: not known, and nothing is changed by it
    size_t bytes;
} grus_affinity;

// The calling thread's mask, and the CPUs of all of OpenMP's places. Free it in every case.
void grus_affinity_find(grus_affinity *all);
// At least 1.
size_t grus_affinity_cpus(const grus_affinity *all);
void grus_affinity_free(grus_affinity *mask);

// Lets the calling thread run on all of these; before gets the mask that it had, or nothing where that was the same.
void grus_affinity_enter(const grus_affinity *all, grus_affinity *before);
// Gives it back the mask, and frees that.
void grus_affinity_leave(grus_affinity *before);

#endif
