// team.c: tries out a team's threads, then starts it.
#include "config.h"

#include "scheduler/team.h"

#include <omp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "scheduler/affinity.h"
#include "scheduler/thread.h"

#define LEAST_STACK ((size_t)48 << 10) // bytes, twice what the deepest calls of a worker were seen to take

// What the threads wait for. Written by is_granted, under lock.
typedef struct grus_gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_open;
} grus_gate;

static void *wait_at(void *argument)
{
    grus_gate *gate = argument;
    pthread_mutex_lock(&gate->lock);
    while (!gate->is_open)
        pthread_cond_wait(&gate->opened, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    return NULL;
}

// Whether as many threads as a team needs beside the caller can be there at once.
static bool is_granted(size_t threads)
{
    grus_gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};
    size_t wanted = threads - 1, started = 0;
    pthread_t *list = calloc(wanted + 1, sizeof *list);
    if (!list)
        return false;
    while (started < wanted && pthread_create(&list[started], NULL, wait_at, &gate) == 0)
        started++;
    pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.opened);
    pthread_mutex_unlock(&gate.lock);
    for (size_t i = 0; i < started; i++)
        pthread_join(list[i], NULL);
    free(list);
    pthread_cond_destroy(&gate.opened);
    pthread_mutex_destroy(&gate.lock);
    return started == wanted;
}

// Of those that OpenMP gives its threads; the calling thread has its own.
static size_t least_stack(size_t threads)
{
    size_t least = SIZE_MAX;
#pragma omp parallel num_threads((int)threads) reduction(min : least)
    if (omp_get_thread_num() > 0)
        least = grus_thread_stack();
    return least;
}

size_t grus_team_most(void)
{
    int most = omp_get_thread_limit();
    return most > 0 ? (size_t)most : 1;
}

static grus_status run_team(size_t threads, void (*work)(void *argument, size_t number), void *argument,
                            grus_error *error)
{
    size_t stack = least_stack(threads);
    if (stack < LEAST_STACK)
        return grus_fail(
            error, GRUS_E_MEMORY, NULL, NULL,
            "OpenMP's threads have stacks of %zu kB, which is too little; OMP_STACKSIZE=1M gives them more",
            stack >> 10);
    grus_affinity all;
    grus_affinity_find(&all);
#pragma omp parallel num_threads((int)threads)
    {
        grus_affinity before;
        grus_affinity_enter(&all, &before);
        work(argument, (size_t)omp_get_thread_num());
        grus_affinity_leave(&before);
    }
    grus_affinity_free(&all);
    return GRUS_OK;
}

grus_status grus_team_run(size_t threads, void (*work)(void *argument, size_t number), void *argument,
                          grus_error *error)
{
    if (!is_granted(threads))
        return grus_fail(error, GRUS_E_MEMORY, NULL, NULL, "the system refused a thread; run.threads asks for fewer");
    // By the load of the machine (OMP_DYNAMIC) the team would be smaller than was planned.
    int dynamic = omp_get_dynamic();
    omp_set_dynamic(0);
    grus_status status = run_team(threads, work, argument, error);
    omp_set_dynamic(dynamic);
    return status;
}
