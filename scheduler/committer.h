// committer.h: threads that commit shards side by side. A commit waits for the disk four times and computes nothing; a file
// system brings what many ask for to the disk in one go. What a commit is, is the caller's business.
#ifndef GRUS_SCHEDULER_COMMITTER_H
#define GRUS_SCHEDULER_COMMITTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define GRUS_COMMITTERS 16

// Called by one of the threads; takes commit.
typedef void grus_commit_fn(void *commit);

typedef struct grus_committer {
    grus_commit_fn *function;
    pthread_t threads[GRUS_COMMITTERS]; // (n_threads) started by the one thread that puts, and known to it alone
    size_t n_threads;
    pthread_mutex_t lock;
    pthread_cond_t put, taken;
    void *waiting; // under lock: what was put and not taken, or NULL
    bool ended;    // under lock
} grus_committer;

// false when a mutex or condition cannot be made.
bool grus_committer_init(grus_committer *committer, grus_commit_fn *function);
// Waits until a thread is free, or starts one. false where there is none and none can be started: commit is still the caller's.
bool grus_committer_put(grus_committer *committer, void *commit);
// Waits until all that was put is done.
void grus_committer_end(grus_committer *committer);

#endif
