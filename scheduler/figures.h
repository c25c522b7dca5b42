// figures.h: what is counted while shards are run: of a slot, of a shard, of the whole run.
#ifndef GRUS_SCHEDULER_FIGURES_H
#define GRUS_SCHEDULER_FIGURES_H

#include "scheduler/slot.h"

typedef struct grus_figures {
    uint64_t records, records_failed, records_resumed; // of the records: in error; taken from an earlier run
    uint64_t tokens_in;                                // source positions
    uint64_t tokens_in_resumed, tokens_out_resumed, bytes_resumed; // of those here: of an earlier run
    uint64_t tokens_unknown;                                       // of them: <unk>
    uint64_t records_truncated;                                    // whose best hypothesis ended at its limit
    uint64_t bytes_in;                                             // of the files
    grus_infer_stats stats;
    uint64_t causes[GRUS_N_CAUSES];
    double read_seconds;    // reading, parsing, tokenizing
    double compute_seconds; // engine and formatting, of all workers together
    double write_seconds;   // compressing, writing, committing
} grus_figures;

void grus_figures_add(grus_figures *to, const grus_figures *from);

// Those of a slot that is done: of its records, and of the work on it.
grus_figures grus_figures_of_slot(const grus_slot *slot);

#endif
