// context.c: the figures of a run and its events.
#include "config.h"

#include "scheduler/context.h"

#include "scheduler/clock.h"

bool grus_context_init(grus_context *context)
{
    if (pthread_mutex_init(&context->lock, NULL) != 0)
        return false;
    if (pthread_mutex_init(&context->events_lock, NULL) == 0)
        return true;
    pthread_mutex_destroy(&context->lock);
    return false;
}

void grus_context_destroy(grus_context *context)
{
    pthread_mutex_destroy(&context->events_lock);
    pthread_mutex_destroy(&context->lock);
}

grus_figures grus_context_figures(grus_context *context)
{
    pthread_mutex_lock(&context->lock);
    grus_figures figures = context->figures;
    pthread_mutex_unlock(&context->lock);
    figures.progress.seconds = grus_seconds() - context->started;
    return figures;
}

void grus_context_add_read(grus_context *context, double seconds)
{
    pthread_mutex_lock(&context->lock);
    context->figures.read_seconds += seconds;
    pthread_mutex_unlock(&context->lock);
}

void grus_figures_add_slot(grus_figures *figures, const grus_slot *slot)
{
    grus_progress *progress = &figures->progress;
    progress->records += slot->n_records;
    progress->records_failed += grus_slot_records_failed(slot);
    progress->tokens_in += slot->n_positions;
    progress->tokens_out += slot->stats.tokens_out;
    progress->positions += slot->stats.positions;
    progress->positions_computed += slot->stats.positions_computed;
    progress->rows += slot->stats.rows;
    progress->rows_computed += slot->stats.rows_computed;
    progress->flops += slot->stats.flops;
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        figures->causes[i] += slot->causes[i];
}

void grus_context_add_resumed(grus_context *context, const grus_figures *done)
{
    const grus_progress *from = &done->progress;
    pthread_mutex_lock(&context->lock);
    grus_progress *to = &context->figures.progress;
    to->records += from->records;
    to->records_failed += from->records_failed;
    to->records_resumed += from->records_resumed;
    to->tokens_in += from->tokens_in;
    to->tokens_out += from->tokens_out;
    to->positions += from->positions;
    to->positions_computed += from->positions_computed;
    to->rows += from->rows;
    to->rows_computed += from->rows_computed;
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        context->figures.causes[i] += done->causes[i];
    pthread_mutex_unlock(&context->lock);
}

void grus_context_add_slot(grus_context *context, const grus_slot *slot, bool wanted, double write_seconds)
{
    pthread_mutex_lock(&context->lock);
    grus_figures *figures = &context->figures;
    if (wanted)
        grus_figures_add_slot(figures, slot);
    figures->progress.bytes_in += slot->bytes_in;
    figures->compute_seconds += slot->seconds;
    figures->write_seconds += write_seconds;
    pthread_mutex_unlock(&context->lock);
}

void grus_context_add_shard(grus_context *context, bool failed)
{
    pthread_mutex_lock(&context->lock);
    if (failed)
        context->figures.progress.shards_failed++;
    else
        context->figures.progress.shards_done++;
    pthread_mutex_unlock(&context->lock);
}

bool grus_context_stopping(const grus_context *context)
{
    return __atomic_load_n(context->stop, __ATOMIC_RELAXED);
}

void grus_context_shard_error(grus_context *context, const grus_error *error)
{
    const grus_run_events *events = context->events;
    if (!events || !events->on_shard_error)
        return;
    pthread_mutex_lock(&context->events_lock);
    events->on_shard_error(events->context, error);
    pthread_mutex_unlock(&context->events_lock);
}

void grus_context_progress(grus_context *context, bool final)
{
    const grus_run_events *events = context->events;
    if (!events || !events->on_progress)
        return;
    grus_figures figures = grus_context_figures(context);
    pthread_mutex_lock(&context->events_lock);
    events->on_progress(events->context, &figures.progress, final);
    pthread_mutex_unlock(&context->events_lock);
}
