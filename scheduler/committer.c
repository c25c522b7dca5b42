// committer.c: one place to hand a commit over; threads are started as they are needed.
#include "config.h"

#include "scheduler/committer.h"

#include "scheduler/thread.h"

bool grus_committer_init(grus_committer *committer, grus_commit_fn *function)
{
    *committer = (grus_committer){.function = function};
    if (pthread_mutex_init(&committer->lock, NULL) != 0)
        return false;
    if (pthread_cond_init(&committer->put, NULL) == 0) {
        if (pthread_cond_init(&committer->taken, NULL) == 0)
            return true;
        pthread_cond_destroy(&committer->put);
    }
    pthread_mutex_destroy(&committer->lock);
    return false;
}

static void *work(void *argument)
{
    grus_committer *committer = argument;
    pthread_mutex_lock(&committer->lock);
    for (;;) {
        while (!committer->waiting && !committer->ended)
            pthread_cond_wait(&committer->put, &committer->lock);
        void *commit = committer->waiting;
        if (!commit)
            break;
        committer->waiting = NULL;
        pthread_cond_signal(&committer->taken);
        pthread_mutex_unlock(&committer->lock);
        committer->function(commit);
        pthread_mutex_lock(&committer->lock);
    }
    pthread_mutex_unlock(&committer->lock);
    return NULL;
}

bool grus_committer_put(grus_committer *committer, void *commit)
{
    size_t n = committer->n_threads;
    if (n < GRUS_COMMITTERS && grus_thread_start(&committer->threads[n], work, committer))
        committer->n_threads++;
    if (committer->n_threads == 0)
        return false;
    pthread_mutex_lock(&committer->lock);
    while (committer->waiting)
        pthread_cond_wait(&committer->taken, &committer->lock);
    committer->waiting = commit;
    pthread_cond_signal(&committer->put);
    pthread_mutex_unlock(&committer->lock);
    return true;
}

void grus_committer_end(grus_committer *committer)
{
    pthread_mutex_lock(&committer->lock);
    committer->ended = true;
    pthread_cond_broadcast(&committer->put);
    pthread_mutex_unlock(&committer->lock);
    for (size_t i = 0; i < committer->n_threads; i++)
        pthread_join(committer->threads[i], NULL);
    pthread_cond_destroy(&committer->taken);
    pthread_cond_destroy(&committer->put);
    pthread_mutex_destroy(&committer->lock);
}
