// plan.h: how many threads and slots a run has, how large a batch is, and the memory that all of it takes at most.
// Nothing settled here changes a byte of the output.
#ifndef GRUS_SCHEDULER_PLAN_H
#define GRUS_SCHEDULER_PLAN_H

#include "scheduler/batcher.h"

typedef struct grus_plan {
    size_t threads, slots, big_slots;
    grus_batch_bounds bounds;  // of its batches
    size_t checkpoint_records; // written since the last checkpoint that ask for the next; 0: none is taken
    size_t memory;             // bytes of the whole process, at most
} grus_plan;

// What the parts of a run take of memory, as functions, so that the arithmetic here needs no model.
typedef struct grus_plan_costs {
    const void *data; // what the functions are given
    size_t fixed;     // bytes: weights, input, output, parser, the program itself
    size_t (*workspace)(const void *data, const grus_slot_bounds *bounds); // a worker
    size_t (*output)(const void *data, const grus_slot_bounds *bounds);    // the text of a slot's results
    size_t tile, lanes;                                                    // of the engine
    size_t feature_dim;                                                    // 0 for token models
    const grus_config *config;                                             // of the model; NULL: one without a front
    bool targets;                                                          // records have forced targets
    size_t max_record;         // bytes of one line, and of what stands behind it
    size_t checkpoint_records; // that a worker may have done and not in a checkpoint; 0: any number
} grus_plan_costs;

// threads and batch_tokens are what is wanted. With max_memory not 0 big slots, wide batches, batches, slots and
// threads are reduced, in this order, until all fits; GRUS_E_USAGE tells the least that would do.
grus_status grus_plan_make(const grus_plan_costs *costs, size_t threads, size_t batch_tokens, size_t max_memory,
                           grus_plan *plan, grus_error *error);

#endif
