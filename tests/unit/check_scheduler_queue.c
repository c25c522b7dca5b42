// check_scheduler_queue.c: the queue under threads: its order, shards that are abandoned, and the stop.
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "scheduler/committer.h"
#include "scheduler/queue.h"
#include "tests/unit/check_scheduler.h"

#define MOST_WORKERS 8

// A run of `slots` numbered slots through the queue. The reader writes a slot's number into first_number and length, a
// worker its square into n_positions, the writer checks the order and both.
typedef struct flow {
    grus_queue *queue;
    size_t slots, n_slots, n_big;
    unsigned seed;
    pthread_mutex_t lock;
    size_t in_flight, most_in_flight, big, most_big; // under lock
    size_t written, skipped;                         // the writer's, read after it has ended
    size_t abandon_at;                               // the writer abandons shard 0 behind so many slots
    size_t stop_at;                                  // and stops the queue behind so many
} flow;

static void pause_a_little(unsigned *seed)
{
    if (rand_r(seed) % 4 == 0)
        usleep((useconds_t)(rand_r(seed) % 300));
}

static void *flow_reader(void *argument)
{
    flow *run = argument;
    unsigned seed = run->seed;
    for (size_t i = 0; i < run->slots; i++) {
        grus_slot *slot = grus_queue_reserve(run->queue);
        if (!slot)
            break;
        bool big = i % 5 == 0;
        if (big && !grus_queue_big(run->queue, slot))
            break;
        slot->shard = i < run->slots / 2 ? 0 : 1;
        slot->first_number = i;
        slot->n_positions = 0;
        pthread_mutex_lock(&run->lock);
        run->most_in_flight = ++run->in_flight > run->most_in_flight ? run->in_flight : run->most_in_flight;
        run->big += big;
        run->most_big = run->big > run->most_big ? run->big : run->most_big;
        pthread_mutex_unlock(&run->lock);
        grus_queue_fill(run->queue, slot);
        pause_a_little(&seed);
    }
    grus_queue_end(run->queue);
    return NULL;
}

static void *flow_worker(void *argument)
{
    flow *run = argument;
    unsigned seed = run->seed + 17;
    for (grus_slot *slot; (slot = grus_queue_take(run->queue)) != NULL;) {
        pause_a_little(&seed);
        slot->n_positions = (size_t)(slot->first_number * slot->first_number);
        grus_queue_finish(run->queue, slot);
    }
    return NULL;
}

static void *flow_writer(void *argument)
{
    flow *run = argument;
    unsigned seed = run->seed + 31;
    for (grus_slot *slot; (slot = grus_queue_next(run->queue)) != NULL;) {
        ck_assert_uint_eq(slot->first_number, run->written);
        ck_assert_uint_eq(slot->n_positions, run->written * run->written);
        run->skipped += slot->skip;
        run->written++;
        pause_a_little(&seed);
        pthread_mutex_lock(&run->lock);
        run->in_flight--;
        run->big -= slot->big;
        pthread_mutex_unlock(&run->lock);
        if (run->written == run->abandon_at)
            grus_queue_abandon(run->queue, 0);
        grus_queue_release(run->queue, slot);
        if (run->written == run->stop_at)
            grus_queue_stop(run->queue);
    }
    return NULL;
}

static void run_flow(flow *run, size_t workers)
{
    pthread_t reader, writer, team[MOST_WORKERS];
    pthread_mutex_init(&run->lock, NULL);
    run->queue = grus_queue_new(run->n_slots, run->n_big);
    ck_assert_ptr_nonnull(run->queue);
    ck_assert_int_eq(pthread_create(&writer, NULL, flow_writer, run), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, flow_reader, run), 0);
    for (size_t i = 0; i < workers; i++)
        ck_assert_int_eq(pthread_create(&team[i], NULL, flow_worker, run), 0);
    pthread_join(reader, NULL);
    for (size_t i = 0; i < workers; i++)
        pthread_join(team[i], NULL);
    pthread_join(writer, NULL);
    grus_queue_free(run->queue);
    pthread_mutex_destroy(&run->lock);
}

static const size_t team_sizes[] = {1, 2, 3, 8};

START_TEST(queue_keeps_the_order)
{
    size_t workers = team_sizes[_i];
    for (size_t n_slots = 1; n_slots <= 2 * workers + 2; n_slots += workers)
        for (unsigned seed = 0; seed < 3; seed++) {
            flow run = {.slots = 400, .n_slots = n_slots, .n_big = 1 + seed, .seed = seed};
            run_flow(&run, workers);
            ck_assert_uint_eq(run.written, 400);
            ck_assert_uint_le(run.most_in_flight, n_slots);
            ck_assert_uint_le(run.most_big, 1 + seed);
            ck_assert_uint_eq(run.skipped, 0);
        }
}
END_TEST

START_TEST(queue_skips_an_abandoned_shard)
{
    flow run = {.slots = 200, .n_slots = 6, .n_big = 2, .abandon_at = 10};
    run_flow(&run, team_sizes[_i]);
    ck_assert_uint_eq(run.written, 200);
    ck_assert_uint_ge(run.skipped, 100 - 10 - 6);
    ck_assert_uint_le(run.skipped, 100 - 10);
}
END_TEST

START_TEST(queue_stop_wakes_everybody)
{
    for (size_t stop_at = 1; stop_at < 40; stop_at += 3) {
        flow run = {.slots = 100000, .n_slots = 4, .n_big = 1, .stop_at = stop_at, .seed = (unsigned)stop_at};
        run_flow(&run, team_sizes[_i]);
        ck_assert_uint_eq(run.written, stop_at);
    }
}
END_TEST

START_TEST(queue_of_nothing_ends)
{
    flow run = {.slots = 0, .n_slots = 3, .n_big = 1};
    run_flow(&run, 3);
    ck_assert_uint_eq(run.written, 0);
}
END_TEST

// ---- commits ----

// Under its lock.
typedef struct commits {
    pthread_mutex_t lock;
    pthread_cond_t all;
    size_t begun, done;
} commits;

static commits running = {.lock = PTHREAD_MUTEX_INITIALIZER, .all = PTHREAD_COND_INITIALIZER};

// None ends before as many have begun as may go side by side.
static void wait_for_others(void *commit)
{
    pthread_mutex_lock(&running.lock);
    running.begun++;
    pthread_cond_broadcast(&running.all);
    while (running.begun < GRUS_COMMITTERS)
        pthread_cond_wait(&running.all, &running.lock);
    running.done++;
    ++*(int *)commit;
    pthread_mutex_unlock(&running.lock);
}

START_TEST(commits_go_side_by_side)
{
    grus_committer committer;
    int times[5 * GRUS_COMMITTERS] = {0};
    size_t n = sizeof times / sizeof *times;
    ck_assert(grus_committer_init(&committer, wait_for_others));
    for (size_t i = 0; i < n; i++)
        ck_assert(grus_committer_put(&committer, &times[i]));
    grus_committer_end(&committer);
    ck_assert_uint_eq(running.done, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(times[i], 1);
    ck_assert(grus_committer_init(&committer, wait_for_others));
    grus_committer_end(&committer); // of nothing
}
END_TEST

TCase *queue_case(void)
{
    TCase *queue = tcase_create("queue");
    int teams = (int)(sizeof team_sizes / sizeof *team_sizes);
    tcase_add_loop_test(queue, queue_keeps_the_order, 0, teams);
    tcase_add_loop_test(queue, queue_skips_an_abandoned_shard, 0, teams);
    tcase_add_loop_test(queue, queue_stop_wakes_everybody, 0, teams);
    tcase_add_test(queue, queue_of_nothing_ends);
    tcase_add_test(queue, commits_go_side_by_side);
    return queue;
}
