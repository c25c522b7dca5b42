// watch.c: the events of a run to those who watch it.
#include "config.h"

#include "cli/watch.h"

#include <string.h>

#include "cli/fields.h"
#include "cli/message.h"

// A message that may name fields of the library's options.
static void log_message(grus_log *log, const char *key, const char *message)
{
    char shown[sizeof(grus_error)];
    grus_fields_to_flags(message, shown, sizeof shown);
    grus_log_text(log, key, shown);
}

static void log_error(grus_log *log, const grus_error *error)
{
    char text[sizeof(grus_error)];
    log_message(log, "error", grus_error_text(error, text, sizeof text));
}

static void log_counts(grus_log *log, const grus_progress *progress)
{
    double left;
    grus_log_count(log, "shards", progress->shards);
    grus_log_count(log, "shards_done", progress->shards_done);
    grus_log_count(log, "shards_skipped", progress->shards_skipped);
    grus_log_count(log, "shards_failed", progress->shards_failed);
    grus_log_count(log, "records", progress->records);
    grus_log_count(log, "records_failed", progress->records_failed);
    grus_log_count(log, "records_resumed", progress->records_resumed);
    grus_log_count(log, "tokens_in", progress->tokens_in);
    grus_log_count(log, "tokens_out", progress->tokens_out);
    grus_log_count(log, "bytes_in", progress->bytes_in);
    grus_log_count(log, "bytes_total", progress->bytes_total);
    grus_log_real(log, "seconds", progress->seconds);
    grus_log_real(log, "records_per_second", grus_progress_rate(progress));
    if (grus_progress_left(progress, &left))
        grus_log_real(log, "seconds_left", left);
}

static void on_plan(void *context, const grus_progress *plan)
{
    grus_watch *watch = context;
    grus_display_plan(&watch->display, plan);
    watch->log.rank = plan->rank;
    grus_log_begin(&watch->log, "info", "start");
    grus_log_count(&watch->log, "world_size", plan->world_size);
    if (*watch->display.source)
        grus_log_text(&watch->log, "launcher", watch->display.source);
    grus_log_count(&watch->log, "shards", plan->shards);
    grus_log_count(&watch->log, "shards_skipped", plan->shards_skipped);
    grus_log_count(&watch->log, "bytes_total", plan->bytes_total);
    grus_log_count(&watch->log, "threads", plan->threads);
    grus_log_count(&watch->log, "memory", plan->memory);
    grus_log_text(&watch->log, "kernel", watch->display.kernel);
    grus_log_text(&watch->log, "version", grus_version());
    grus_log_end(&watch->log);
    grus_metrics_write(&watch->metrics, plan, -1);
}

static void on_progress(void *context, const grus_progress *progress, bool final)
{
    grus_watch *watch = context;
    if (final) {
        grus_display_clear(&watch->display);
        return;
    }
    grus_display_progress(&watch->display, progress);
    if (progress->seconds - watch->told < watch->interval)
        return;
    watch->told = progress->seconds;
    grus_log_begin(&watch->log, "info", "progress");
    log_counts(&watch->log, progress);
    grus_log_end(&watch->log);
    grus_metrics_write(&watch->metrics, progress, -1);
}

static void on_shard_error(void *context, const grus_error *error)
{
    grus_watch *watch = context;
    grus_display_clear(&watch->display);
    grus_print_error(error);
}

static void on_warning(void *context, const char *text)
{
    grus_watch *watch = context;
    grus_display_clear(&watch->display);
    grus_print_warning(NULL, text);
    grus_log_begin(&watch->log, "warning", "warning");
    log_message(&watch->log, "message", text);
    grus_log_end(&watch->log);
}

static void on_shard(void *context, const grus_shard_event *event)
{
    static const char *const names[] = {
        [GRUS_SHARD_BEGUN] = "shard_begun", [GRUS_SHARD_DONE] = "shard_done", [GRUS_SHARD_FAILED] = "shard_failed"};
    grus_watch *watch = context;
    grus_log_begin(&watch->log, event->error ? "error" : "info", names[event->kind]);
    grus_log_text(&watch->log, "shard", event->name);
    grus_log_text(&watch->log, "path", event->path);
    if (event->kind == GRUS_SHARD_DONE) {
        grus_log_count(&watch->log, "records", event->records);
        grus_log_count(&watch->log, "records_failed", event->records_failed);
        grus_log_count(&watch->log, "records_resumed", event->records_resumed);
    }
    if (event->error)
        log_error(&watch->log, event->error);
    grus_log_end(&watch->log);
}

void grus_watch_events(grus_watch *watch, grus_run_events *events)
{
    events->context = watch;
    events->on_plan = on_plan;
    events->on_progress = on_progress;
    events->on_shard_error = on_shard_error;
    events->on_warning = on_warning;
    events->on_shard = on_shard;
}

void grus_watch_end(grus_watch *watch, const grus_progress *last, const char *outdir, const grus_error *error,
                    int exit_code)
{
    grus_display_clear(&watch->display);
    bool ran = !error || error->status == GRUS_E_FAILED || last->records > 0;
    if (ran && last->shards)
        grus_display_summary(&watch->display, last, outdir);
    if (error)
        grus_print_error(error);
    grus_log_begin(&watch->log, exit_code ? "error" : "info", "end");
    grus_log_count(&watch->log, "exit_code", (uint64_t)exit_code);
    log_counts(&watch->log, last);
    if (error)
        log_error(&watch->log, error);
    grus_log_end(&watch->log);
    grus_metrics_write(&watch->metrics, last, exit_code);
}
