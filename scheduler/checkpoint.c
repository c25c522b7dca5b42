// checkpoint.c: figures to the counters of a checkpoint and back.
#include "config.h"

#include "scheduler/checkpoint.h"

#include <string.h>

#include "io/outdir/outdir.h"

enum counter {
    COUNTER_LENGTHS,
    COUNTER_TOKENS_IN,
    COUNTER_TOKENS_OUT,
    COUNTER_POSITIONS,
    COUNTER_POSITIONS_COMPUTED,
    COUNTER_ROWS,
    COUNTER_ROWS_COMPUTED,
    COUNTER_CAUSES, // and as many behind it as there are causes
};
// Behind the causes, of which there may come more.
#define COUNTER_TOKENS_UNKNOWN (GRUS_CHECKPOINT_COUNTERS - 2)
#define COUNTER_RECORDS_TRUNCATED (GRUS_CHECKPOINT_COUNTERS - 1)
_Static_assert(COUNTER_CAUSES + GRUS_N_CAUSES <= COUNTER_TOKENS_UNKNOWN, "room for every counter");

bool grus_checkpoint_possible(const grus_shared *shared, const grus_shard *shard)
{
    return !grus_outdir_is_stdout(shared->outdir) && !grus_shard_is_stdin(shard) && shard->bytes > 0;
}

grus_journal_key grus_checkpoint_key(const grus_shared *shared, const grus_shard *shard)
{
    return (grus_journal_key){
        .outdir = shared->outdir,
        .stem = shard->stem,
        .run = shared->run_id,
        .input = shard->name,
        .input_bytes = shard->bytes,
    };
}

grus_checkpoint grus_checkpoint_make(const grus_figures *done, const grus_slot_mark *mark)
{
    const grus_infer_stats *stats = &done->stats;
    grus_checkpoint checkpoint = {
        .records = done->records,
        .input_bytes = mark->bytes,
        .input_xxh64 = mark->xxh64,
        .counters =
            {
                [COUNTER_LENGTHS] = mark->lengths,
                [COUNTER_TOKENS_IN] = done->tokens_in,
                [COUNTER_TOKENS_OUT] = stats->tokens_out,
                [COUNTER_POSITIONS] = stats->positions,
                [COUNTER_POSITIONS_COMPUTED] = stats->positions_computed,
                [COUNTER_ROWS] = stats->rows,
                [COUNTER_ROWS_COMPUTED] = stats->rows_computed,
                [COUNTER_TOKENS_UNKNOWN] = done->tokens_unknown,
                [COUNTER_RECORDS_TRUNCATED] = done->records_truncated,
            },
    };
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        checkpoint.counters[COUNTER_CAUSES + i] = done->causes[i];
    return checkpoint;
}

void grus_checkpoint_take(const grus_checkpoint *checkpoint, grus_figures *done, grus_slot_mark *mark)
{
    const uint64_t *counters = checkpoint->counters;
    *mark = (grus_slot_mark){
        .bytes = checkpoint->input_bytes,
        .xxh64 = checkpoint->input_xxh64,
        .lengths = counters[COUNTER_LENGTHS],
    };
    *done = (grus_figures){
        .records = checkpoint->records,
        .records_resumed = checkpoint->records,
        .tokens_in = counters[COUNTER_TOKENS_IN],
        .tokens_in_resumed = counters[COUNTER_TOKENS_IN],
        .tokens_out_resumed = counters[COUNTER_TOKENS_OUT],
        .tokens_unknown = counters[COUNTER_TOKENS_UNKNOWN],
        .records_truncated = counters[COUNTER_RECORDS_TRUNCATED],
        .stats =
            {
                .tokens_out = counters[COUNTER_TOKENS_OUT],
                .positions = counters[COUNTER_POSITIONS],
                .positions_computed = counters[COUNTER_POSITIONS_COMPUTED],
                .rows = counters[COUNTER_ROWS],
                .rows_computed = counters[COUNTER_ROWS_COMPUTED],
            },
    };
    for (int i = 0; i < GRUS_N_CAUSES; i++) {
        done->causes[i] = counters[COUNTER_CAUSES + i];
        done->records_failed += done->causes[i];
    }
}
