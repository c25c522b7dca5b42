// limits.h: how much a record and a batch may hold. The same for every run.
#ifndef GRUS_SCHEDULER_LIMITS_H
#define GRUS_SCHEDULER_LIMITS_H

#include <stddef.h>

// Of a record: over one of them it is in error ("too_long").
#define GRUS_RECORD_POSITIONS 16384   // source positions and forced target tokens
#define GRUS_RECORD_CELLS (16u << 20) // attention weights, where they are asked for

// Of a batch of several records.
#define GRUS_BATCH_TOKENS 16384 // the default of --batch-tokens
#define GRUS_BATCH_STATES 4096  // the same where each of them has a row of numbers as its result
#define GRUS_BATCH_RECORDS 4096
#define GRUS_BATCH_BYTES ((size_t)2 << 20)
#define GRUS_BATCH_CELLS ((size_t)1 << 20)
#define GRUS_LEAST_POSITIONS 1024 // a slot has room for as many, however small the batches

// Of a wide batch: where a sequence is so long that an ordinary batch cannot fill the lanes beside it.
#define GRUS_WIDE_FACTOR 4 // ordinary batches
#define GRUS_WIDE_TOKENS ((size_t)GRUS_WIDE_FACTOR * GRUS_BATCH_TOKENS)
#define GRUS_WIDE_RECORDS 8192

#endif
