// shared.c: the figures of a run under their lock, and its events.
#include "config.h"

#include "scheduler/shared.h"

#include "scheduler/clock.h"

bool grus_shared_init(grus_shared *shared)
{
    if (pthread_mutex_init(&shared->lock, NULL) != 0)
        return false;
    if (pthread_mutex_init(&shared->events_lock, NULL) == 0)
        return true;
    pthread_mutex_destroy(&shared->lock);
    return false;
}

void grus_shared_destroy(grus_shared *shared)
{
    pthread_mutex_destroy(&shared->events_lock);
    pthread_mutex_destroy(&shared->lock);
}

static void fill_progress(const grus_figures *figures, grus_progress *progress)
{
    progress->records = figures->records;
    progress->records_failed = figures->records_failed;
    progress->records_resumed = figures->records_resumed;
    progress->tokens_in_resumed = figures->tokens_in_resumed;
    progress->tokens_out_resumed = figures->tokens_out_resumed;
    progress->bytes_resumed = figures->bytes_resumed;
    progress->tokens_in = figures->tokens_in;
    progress->tokens_unknown = figures->tokens_unknown;
    progress->records_truncated = figures->records_truncated;
    progress->bytes_in = figures->bytes_in;
    progress->tokens_out = figures->stats.tokens_out;
    progress->positions = figures->stats.positions;
    progress->positions_computed = figures->stats.positions_computed;
    progress->rows = figures->stats.rows;
    progress->rows_computed = figures->stats.rows_computed;
    progress->flops = figures->stats.flops;
}

void grus_shared_account(grus_shared *shared, grus_progress *progress, grus_figures *figures)
{
    pthread_mutex_lock(&shared->lock);
    grus_figures copy = shared->figures;
    if (progress)
        *progress = shared->progress;
    pthread_mutex_unlock(&shared->lock);
    if (progress) {
        fill_progress(&copy, progress);
        progress->seconds = grus_seconds() - shared->started;
    }
    if (figures)
        *figures = copy;
}

void grus_shared_add_read(grus_shared *shared, double seconds)
{
    const grus_figures figures = {.read_seconds = seconds};
    grus_shared_add(shared, &figures);
}

void grus_shared_add(grus_shared *shared, const grus_figures *figures)
{
    pthread_mutex_lock(&shared->lock);
    grus_figures_add(&shared->figures, figures);
    pthread_mutex_unlock(&shared->lock);
}

void grus_shared_add_shard(grus_shared *shared, bool failed)
{
    pthread_mutex_lock(&shared->lock);
    if (failed)
        shared->progress.shards_failed++;
    else
        shared->progress.shards_done++;
    pthread_mutex_unlock(&shared->lock);
}

void grus_shared_end(grus_shared *shared, const grus_error *error)
{
    pthread_mutex_lock(&shared->lock);
    if (!shared->has_fatal)
        shared->fatal = *error;
    shared->has_fatal = true;
    pthread_mutex_unlock(&shared->lock);
    grus_queue_stop(shared->queue);
}

bool grus_shared_is_ended(grus_shared *shared)
{
    pthread_mutex_lock(&shared->lock);
    bool ended = shared->has_fatal;
    pthread_mutex_unlock(&shared->lock);
    return ended;
}

bool grus_shared_stopping(const grus_shared *shared)
{
    return grus_stop_asked(shared->stop);
}

void grus_shared_warning(grus_shared *shared, const char *text)
{
    const grus_run_events *events = shared->events;
    if (!events || !events->on_warning)
        return;
    pthread_mutex_lock(&shared->events_lock);
    events->on_warning(events->context, text);
    pthread_mutex_unlock(&shared->events_lock);
}

// Under events_lock.
static void tell_shard(const grus_run_events *events, const grus_shard *shard, grus_shard_event *event)
{
    event->size = sizeof *event;
    event->path = shard->path;
    event->name = shard->name;
    if (events->on_shard)
        events->on_shard(events->context, event);
}

void grus_shared_shard_error(grus_shared *shared, const grus_shard *shard, const grus_error *error)
{
    const grus_run_events *events = shared->events;
    if (!events)
        return;
    pthread_mutex_lock(&shared->events_lock);
    if (events->on_shard_error)
        events->on_shard_error(events->context, error);
    tell_shard(events, shard, &(grus_shard_event){.kind = GRUS_SHARD_FAILED, .error = error});
    pthread_mutex_unlock(&shared->events_lock);
}

void grus_shared_shard_event(grus_shared *shared, const grus_shard *shard, grus_shard_event_kind kind,
                             const grus_figures *figures)
{
    if (!shared->events)
        return;
    grus_shard_event event = {.kind = kind,
                              .records = figures->records,
                              .records_failed = figures->records_failed,
                              .records_resumed = figures->records_resumed};
    pthread_mutex_lock(&shared->events_lock);
    tell_shard(shared->events, shard, &event);
    pthread_mutex_unlock(&shared->events_lock);
}

void grus_shared_progress(grus_shared *shared, bool final)
{
    const grus_run_events *events = shared->events;
    if (!events || !events->on_progress)
        return;
    grus_progress progress;
    grus_shared_account(shared, &progress, NULL);
    pthread_mutex_lock(&shared->events_lock);
    events->on_progress(events->context, &progress, final);
    pthread_mutex_unlock(&shared->events_lock);
}
