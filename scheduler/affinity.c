// affinity.c: masks of CPUs, of any size.
#include "config.h"

#include "scheduler/affinity.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>

#define LEAST_CPUS 1024
#define MOST_CPUS 65536

// The calling thread's mask; no set where it cannot be had.
static void read_own(grus_affinity *mask)
{
    for (size_t cpus = LEAST_CPUS; cpus <= MOST_CPUS; cpus *= 2) {
        *mask = (grus_affinity){CPU_ALLOC(cpus), CPU_ALLOC_SIZE(cpus)};
        if (!mask->set || sched_getaffinity(0, mask->bytes, mask->set) == 0)
            return;
        bool too_small = errno == EINVAL;
        grus_affinity_free(mask);
        if (!too_small)
            return;
    }
}

static void add_place(grus_affinity *mask, int place)
{
    int n = omp_get_place_num_procs(place);
    int *cpus = n > 0 ? calloc((size_t)n, sizeof *cpus) : NULL;
    if (!cpus)
        return;
    omp_get_place_proc_ids(place, cpus);
    for (int i = 0; i < n; i++)
        if (cpus[i] >= 0 && (size_t)cpus[i] < 8 * mask->bytes)
            CPU_SET_S((size_t)cpus[i], mask->bytes, mask->set);
    free(cpus);
}

void grus_affinity_find(grus_affinity *all)
{
    read_own(all);
    if (all->set)
        for (int i = 0, n = omp_get_num_places(); i < n; i++)
            add_place(all, i);
}

size_t grus_affinity_cpus(const grus_affinity *all)
{
    int count = all->set ? CPU_COUNT_S(all->bytes, all->set) : 0;
    return count > 0 ? (size_t)count : 1;
}

void grus_affinity_free(grus_affinity *mask)
{
    if (mask->set)
        CPU_FREE(mask->set);
    *mask = (grus_affinity){0};
}

void grus_affinity_enter(const grus_affinity *all, grus_affinity *before)
{
    *before = (grus_affinity){0};
    if (!all->set)
        return;
    read_own(before);
    bool same = before->set && before->bytes == all->bytes && CPU_EQUAL_S(all->bytes, all->set, before->set);
    if (same || sched_setaffinity(0, all->bytes, all->set) != 0)
        grus_affinity_free(before);
}

void grus_affinity_leave(grus_affinity *before)
{
    if (before->set)
        sched_setaffinity(0, before->bytes, before->set);
    grus_affinity_free(before);
}
