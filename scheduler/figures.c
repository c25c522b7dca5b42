// figures.c: the sums.
#include "config.h"

#include "scheduler/figures.h"

void grus_figures_add(grus_figures *to, const grus_figures *from)
{
    to->records += from->records;
    to->records_failed += from->records_failed;
    to->records_resumed += from->records_resumed;
    to->tokens_in += from->tokens_in;
    to->tokens_in_resumed += from->tokens_in_resumed;
    to->tokens_out_resumed += from->tokens_out_resumed;
    to->bytes_resumed += from->bytes_resumed;
    to->tokens_unknown += from->tokens_unknown;
    to->records_truncated += from->records_truncated;
    to->bytes_in += from->bytes_in;
    grus_infer_stats_add(&to->stats, &from->stats);
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        to->causes[i] += from->causes[i];
    to->read_seconds += from->read_seconds;
    to->compute_seconds += from->compute_seconds;
    to->write_seconds += from->write_seconds;
}

grus_figures grus_figures_of_slot(const grus_slot *slot)
{
    grus_figures figures = {
        .records = slot->n_records,
        .records_failed = grus_slot_records_failed(slot),
        .tokens_in = slot->n_positions,
        .tokens_unknown = slot->n_unknown,
        .records_truncated = slot->n_truncated,
        .stats = slot->stats,
    };
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        figures.causes[i] = slot->causes[i];
    return figures;
}
