// benchmark_work.h: what `grus bench` measures its parts on: batches held in memory, from shards or made up.
#ifndef GRUS_API_BENCHMARK_WORK_H
#define GRUS_API_BENCHMARK_WORK_H

#include "scheduler/job.h"
#include "scheduler/plan.h"
#include "scheduler/shards.h"

// Zero-initialised but for job and plan, and for the batcher's bounds, which are the plan's.
typedef struct grus_benchmark_work {
    const grus_job *job;
    grus_plan plan;
    grus_batcher batcher;
    grus_shards shards;     // none where the work is made up
    grus_slot *slots;       // (n_slots) filled as the reader of a run would
    grus_shard_kind *kinds; // (n_slots) of their shards
    size_t n_slots, slots_capacity, kinds_capacity;
    uint64_t records, positions, bytes; // of all of them; bytes of the lines
} grus_benchmark_work;

// Reads at most `records` records of the inputs. GRUS_E_INPUT where one of them cannot be read.
grus_status grus_benchmark_read(grus_benchmark_work *work, const char *const *inputs, size_t n_inputs, size_t records,
                                grus_error *error);
// Makes up as many: log-normal lengths, ids of the vocabulary, features that are noise. For a forced target too.
grus_status grus_benchmark_invent(grus_benchmark_work *work, size_t records, grus_error *error);
// Bytes of all slots' `out`.
uint64_t grus_benchmark_output_bytes(const grus_benchmark_work *work);
void grus_benchmark_work_free(grus_benchmark_work *work);

#endif
