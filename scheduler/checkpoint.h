// checkpoint.h: what a run writes into the journals of its shards (io/outdir/journal.h), and takes out of them.
#ifndef GRUS_SCHEDULER_CHECKPOINT_H
#define GRUS_SCHEDULER_CHECKPOINT_H

#include "scheduler/shared.h"

// Whether a shard can be gone on with: only what can be read again from its beginning.
bool grus_checkpoint_possible(const grus_shared *shared, const grus_shard *shard);

// Valid for as long as shared and shard are.
grus_journal_key grus_checkpoint_key(const grus_shared *shared, const grus_shard *shard);

// done: the figures of the shard so far. mark: behind its last record.
grus_checkpoint grus_checkpoint_make(const grus_figures *done, const grus_slot_mark *mark);
void grus_checkpoint_take(const grus_checkpoint *checkpoint, grus_figures *done, grus_slot_mark *mark);

#endif
