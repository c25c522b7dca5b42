// queue.h: the ordered queue of slots between one reader, many workers and one writer.
//
// A ring: the reader reserves the slot before the work on it starts, workers take slots in order and finish them in
// any, the writer gets them back in order. The number of slots bounds the memory and how far the reader runs ahead. A
// few slots at a time may be big (grus_slot). Nothing here knows what a slot holds.
#ifndef GRUS_SCHEDULER_QUEUE_H
#define GRUS_SCHEDULER_QUEUE_H

#include "scheduler/slot.h"

typedef struct grus_queue grus_queue;

#define GRUS_NO_SHARD SIZE_MAX

// NULL when memory is short. slots and big_slots are at least 1.
grus_queue *grus_queue_new(size_t slots, size_t big_slots);
// When no thread uses it any more. Frees the slots too.
void grus_queue_free(grus_queue *queue);

// The reader's. Reserve waits for an empty slot; big waits until the slot may be a big one (it is marked so). Both
// give up after a stop: NULL, false. A reserved slot is filled before the next is reserved.
grus_slot *grus_queue_reserve(grus_queue *queue);
bool grus_queue_big(grus_queue *queue, grus_slot *slot);
void grus_queue_fill(grus_queue *queue, grus_slot *slot);
void grus_queue_end(grus_queue *queue); // no more slots will be filled

// The workers'. NULL when nothing more comes, or after a stop.
grus_slot *grus_queue_take(grus_queue *queue);
void grus_queue_finish(grus_queue *queue, grus_slot *slot);

// The writer's: the next slot in order, waited for. NULL after the last one, or after a stop. Abandon: the shard has
// failed; slots of it that no worker has taken yet come out of take marked skip.
grus_slot *grus_queue_next(grus_queue *queue);
// Next_done does not wait, and gives what is done after a stop as well.
grus_slot *grus_queue_next_done(grus_queue *queue);
void grus_queue_release(grus_queue *queue, grus_slot *slot);
void grus_queue_abandon(grus_queue *queue, size_t shard);

// Anybody's.
bool grus_queue_is_stopped(grus_queue *queue);
bool grus_queue_is_abandoned(grus_queue *queue, size_t shard);
void grus_queue_stop(grus_queue *queue); // wakes all who wait; those that wait then give up

#endif
