// queue.c: the ring of slots, one mutex, three conditions.
#include "config.h"

#include "scheduler/queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"

struct grus_queue {
    pthread_mutex_t lock;
    pthread_cond_t room;  // the reader waits: for written or big_in_use to change
    pthread_cond_t work;  // workers wait: for filled or ended to change
    pthread_cond_t ready; // the writer waits: for its slot's state or ended to change

    // Set before the threads start, never changed.
    size_t n_slots, n_big;
    grus_slot *slots; // (n_slots); which thread may touch one is told by its state

    // All of the rest is read and written under lock. Slot number i of the run lies in slots[i % n_slots];
    // written <= taken <= filled <= written + n_slots.
    uint64_t filled;   // written by the reader: slots filled so far
    uint64_t taken;    // written by workers
    uint64_t written;  // written by the writer
    size_t big_in_use; // raised by the reader, lowered by the writer
    size_t abandoned;  // written by the writer: the shard that failed last; GRUS_NO_SHARD at first
    bool ended;        // written by the reader
    bool stopped;      // written by anybody, never reset
};

grus_queue *grus_queue_new(size_t slots, size_t big_slots)
{
    grus_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->n_slots = slots;
    queue->n_big = big_slots;
    queue->abandoned = GRUS_NO_SHARD;
    queue->slots = calloc(slots, sizeof *queue->slots);
    if (!queue->slots)
        goto no_slots;
    if (pthread_mutex_init(&queue->lock, NULL) != 0)
        goto no_lock;
    if (pthread_cond_init(&queue->room, NULL) != 0)
        goto no_room;
    if (pthread_cond_init(&queue->work, NULL) != 0)
        goto no_work;
    if (pthread_cond_init(&queue->ready, NULL) != 0)
        goto no_ready;
    return queue;

no_ready:
    pthread_cond_destroy(&queue->work);
no_work:
    pthread_cond_destroy(&queue->room);
no_room:
    pthread_mutex_destroy(&queue->lock);
no_lock:
    free(queue->slots);
no_slots:
    free(queue);
    return NULL;
}

void grus_queue_free(grus_queue *queue)
{
    if (!queue)
        return;
    for (size_t i = 0; i < queue->n_slots; i++)
        grus_slot_free(&queue->slots[i]);
    pthread_cond_destroy(&queue->ready);
    pthread_cond_destroy(&queue->work);
    pthread_cond_destroy(&queue->room);
    pthread_mutex_destroy(&queue->lock);
    free(queue->slots);
    free(queue);
}

static grus_slot *slot_at(grus_queue *queue, uint64_t sequence)
{
    return &queue->slots[sequence % queue->n_slots];
}

grus_slot *grus_queue_reserve(grus_queue *queue)
{
    grus_slot *slot = NULL;
    pthread_mutex_lock(&queue->lock);
    while (!queue->stopped && queue->filled - queue->written == queue->n_slots)
        pthread_cond_wait(&queue->room, &queue->lock);
    if (!queue->stopped) {
        slot = slot_at(queue, queue->filled);
        GRUS_ASSERT(slot->state == GRUS_SLOT_EMPTY && !slot->big);
        slot->sequence = queue->filled;
    }
    pthread_mutex_unlock(&queue->lock);
    return slot;
}

bool grus_queue_big(grus_queue *queue, grus_slot *slot)
{
    pthread_mutex_lock(&queue->lock);
    GRUS_ASSERT(slot == slot_at(queue, queue->filled) && !slot->big);
    while (!queue->stopped && queue->big_in_use == queue->n_big)
        pthread_cond_wait(&queue->room, &queue->lock);
    bool granted = !queue->stopped;
    if (granted) {
        queue->big_in_use++;
        slot->big = true;
    }
    pthread_mutex_unlock(&queue->lock);
    return granted;
}

void grus_queue_fill(grus_queue *queue, grus_slot *slot)
{
    pthread_mutex_lock(&queue->lock);
    GRUS_ASSERT(slot == slot_at(queue, queue->filled) && slot->state == GRUS_SLOT_EMPTY && !queue->ended);
    slot->state = GRUS_SLOT_FILLED;
    queue->filled++;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
}

void grus_queue_end(grus_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->ended = true;
    pthread_cond_broadcast(&queue->work);
    pthread_cond_signal(&queue->ready);
    pthread_mutex_unlock(&queue->lock);
}

grus_slot *grus_queue_take(grus_queue *queue)
{
    grus_slot *slot = NULL;
    pthread_mutex_lock(&queue->lock);
    while (!queue->stopped && !queue->ended && queue->taken == queue->filled)
        pthread_cond_wait(&queue->work, &queue->lock);
    if (!queue->stopped && queue->taken < queue->filled) {
        slot = slot_at(queue, queue->taken++);
        GRUS_ASSERT(slot->state == GRUS_SLOT_FILLED);
        slot->state = GRUS_SLOT_WORKING;
        slot->skip = slot->shard == queue->abandoned;
    }
    pthread_mutex_unlock(&queue->lock);
    return slot;
}

void grus_queue_finish(grus_queue *queue, grus_slot *slot)
{
    pthread_mutex_lock(&queue->lock);
    GRUS_ASSERT(slot->state == GRUS_SLOT_WORKING);
    slot->state = GRUS_SLOT_DONE;
    if (slot->sequence == queue->written)
        pthread_cond_signal(&queue->ready);
    pthread_mutex_unlock(&queue->lock);
}

grus_slot *grus_queue_next(grus_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    grus_slot *slot = slot_at(queue, queue->written);
    while (!queue->stopped && slot->state != GRUS_SLOT_DONE && !(queue->ended && queue->written == queue->filled))
        pthread_cond_wait(&queue->ready, &queue->lock);
    if (queue->stopped || slot->state != GRUS_SLOT_DONE)
        slot = NULL;
    GRUS_ASSERT(!slot || slot->sequence == queue->written);
    pthread_mutex_unlock(&queue->lock);
    return slot;
}

grus_slot *grus_queue_next_done(grus_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    grus_slot *slot = slot_at(queue, queue->written);
    if (slot->state != GRUS_SLOT_DONE)
        slot = NULL;
    pthread_mutex_unlock(&queue->lock);
    return slot;
}

void grus_queue_release(grus_queue *queue, grus_slot *slot)
{
    pthread_mutex_lock(&queue->lock);
    GRUS_ASSERT(slot->state == GRUS_SLOT_DONE);
    slot->state = GRUS_SLOT_EMPTY;
    if (slot->big)
        queue->big_in_use--;
    slot->big = false;
    queue->written++;
    pthread_cond_signal(&queue->room);
    pthread_mutex_unlock(&queue->lock);
}

void grus_queue_abandon(grus_queue *queue, size_t shard)
{
    pthread_mutex_lock(&queue->lock);
    queue->abandoned = shard;
    pthread_mutex_unlock(&queue->lock);
}

bool grus_queue_is_stopped(grus_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool stopped = queue->stopped;
    pthread_mutex_unlock(&queue->lock);
    return stopped;
}

bool grus_queue_is_abandoned(grus_queue *queue, size_t shard)
{
    pthread_mutex_lock(&queue->lock);
    bool abandoned = queue->abandoned == shard;
    pthread_mutex_unlock(&queue->lock);
    return abandoned;
}

void grus_queue_stop(grus_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->stopped = true;
    pthread_cond_broadcast(&queue->room);
    pthread_cond_broadcast(&queue->work);
    pthread_cond_broadcast(&queue->ready);
    pthread_mutex_unlock(&queue->lock);
}
