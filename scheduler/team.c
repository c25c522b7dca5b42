// team.c: tries out a team's threads.
#include "config.h"

#include "scheduler/team.h"

#include <pthread.h>
#include <stdlib.h>

// What the threads wait for. Written by the caller of grus_team_is_granted, under lock.
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

bool grus_team_is_granted(size_t threads)
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
