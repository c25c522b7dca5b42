// plan.h: how many threads and slots a run has, how large a batch is, and the memory that all of it takes at most.
// Nothing settled here changes a byte of the output.
#ifndef GRUS_SCHEDULER_PLAN_H
#define GRUS_SCHEDULER_PLAN_H

#include "scheduler/slot.h"

// Limits of a record, the same for every run: over one of them it is in error ("too_long").
#define GRUS_RECORD_POSITIONS 16384   // source positions and forced target tokens
#define GRUS_RECORD_CELLS (16u << 20) // attention weights, where they are asked for

// Limits of a batch of several records.
#define GRUS_BATCH_TOKENS 16384 // the default of --batch-tokens
#define GRUS_BATCH_RECORDS 4096
#define GRUS_BATCH_BYTES ((size_t)2 << 20)
#define GRUS_BATCH_CELLS ((size_t)1 << 20)
#define GRUS_LEAST_POSITIONS 1024 // a slot has room for as many, however small the batches

// A wide batch: where a sequence is so long that an ordinary batch cannot fill the lanes beside it.
#define GRUS_WIDE_FACTOR 4 // ordinary batches
#define GRUS_WIDE_TOKENS ((size_t)GRUS_WIDE_FACTOR * GRUS_BATCH_TOKENS)
#define GRUS_WIDE_RECORDS 8192

typedef struct grus_plan {
    size_t threads, slots, big_slots;
    size_t batch_tokens, wide_tokens; // of an ordinary batch, and of one in a big slot
    grus_slot_bounds slot, big;       // what an ordinary and a big slot may hold
    grus_slot_bounds ahead;           // what the reader holds of records that are in no batch yet
    size_t checkpoint_records;        // written since the last checkpoint that ask for the next; 0: none is taken
    size_t memory;                    // bytes of the whole process, at most
} grus_plan;

// What the parts of a run take of memory, as functions, so that the arithmetic here needs no model.
typedef struct grus_plan_costs {
    const void *context;
    size_t fixed; // bytes: weights, input, output, parser, the program itself
    size_t (*workspace)(const void *context, const grus_slot_bounds *bounds); // a worker
    size_t (*output)(const void *context, const grus_slot_bounds *bounds);    // the text of a slot's results
    size_t feature_dim;                                                       // 0 for token models
    bool targets;                                                             // records have forced targets
    size_t max_record;                                                        // bytes of one line
    size_t checkpoint_records; // that a worker may have done and not in a checkpoint; 0: any number
} grus_plan_costs;

// threads and batch_tokens are what is wanted. With max_memory not 0 big slots, wide batches, batches, slots and
// threads are reduced, in this order, until all fits; GRUS_E_USAGE tells the least that would do.
grus_status grus_plan_make(const grus_plan_costs *costs, size_t threads, size_t batch_tokens, size_t max_memory,
                           grus_plan *plan, grus_error *error);

#endif
