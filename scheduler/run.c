// run.c: grus_run from beginning to end: settle, list, plan, take a portion, start the threads, join them, report.
#include "config.h"

#include "grus.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "io/outdir/outdir.h"
#include "io/outdir/temporary.h"
#include "scheduler/affinity.h"
#include "scheduler/clock.h"
#include "scheduler/costs.h"
#include "scheduler/cpus.h"
#include "scheduler/inputs.h"
#include "scheduler/monitor.h"
#include "scheduler/outcome.h"
#include "scheduler/places.h"
#include "scheduler/portion.h"
#include "scheduler/reader.h"
#include "scheduler/remarks.h"
#include "scheduler/report.h"
#include "scheduler/run_options.h"
#include "scheduler/stop.h"
#include "scheduler/team.h"
#include "scheduler/thread.h"
#include "scheduler/worker.h"
#include "scheduler/writer.h"

// ---- before the threads ----

typedef struct grus_run_state {
    grus_run_settings settings; // the caller's, rank and world size as the run has them
    grus_run_events events;
    grus_job job;
    grus_plan plan;
    grus_shards shards;
    grus_portion portion;
    grus_shared shared;
} grus_run_state;

// A prefix is a field of a record, which lines of text and rows of numbers have not.
static grus_status check_prefixes(const grus_run_state *state, grus_error *error)
{
    const grus_shards *shards = &state->shards;
    for (size_t i = 0; i < shards->n && state->job.prefixed; i++)
        if (!shards->list[i].fault && shards->list[i].kind != GRUS_SHARD_JSONL)
            return grus_fail(error, GRUS_E_USAGE, shards->list[i].path, NULL,
                             "holds no fields, of which run.prefix_key names one; take JSONL");
    return GRUS_OK;
}

// Faulty shards are told even when none is left to run.
static grus_status list_shards(grus_run_state *state, grus_error *error)
{
    static const grus_shard_kind kinds[] = {
        [GRUS_INPUT_JSONL] = GRUS_SHARD_JSONL, [GRUS_INPUT_TXT] = GRUS_SHARD_TXT, [GRUS_INPUT_TSV] = GRUS_SHARD_TSV};
    grus_status status = grus_inputs_of_run(&state->shards, &state->settings.run, error);
    uint8_t type = state->settings.run.input_type;
    if (!grus_shards_type_stdin(&state->shards, kinds[type]) && type != GRUS_INPUT_JSONL && status == GRUS_OK)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.input_type",
                         "is that of standard input, which is no input here");
    if (status == GRUS_E_INPUT && state->shards.n > 1)
        for (size_t i = 0; i < state->shards.n; i++) {
            grus_error fault;
            grus_shard_fault(&state->shards.list[i], &fault);
            grus_shared_shard_error(&state->shared, &state->shards.list[i], &fault);
        }
    if (status == GRUS_OK)
        status = check_prefixes(state, error);
    return status == GRUS_OK ? grus_remark_others(&state->shared, error) : status;
}

static grus_status make_plan(grus_run_state *state, grus_error *error)
{
    const grus_run_options *options = state->job.options;
    size_t threads = grus_min(options->threads ? options->threads : grus_cpus(), grus_team_most());
    for (size_t i = 0; i < state->shards.n; i++)
        state->job.feature_shards |= state->shards.list[i].kind == GRUS_SHARD_SAFETENSORS;
    grus_status status = grus_costs_plan(&state->job, threads, &state->plan, error);
    if (status != GRUS_OK)
        return status;
    grus_progress *progress = &state->shared.progress;
    progress->memory = state->plan.memory;
    progress->threads = state->plan.threads;
    progress->slots = state->plan.slots;
    progress->batch_tokens = state->plan.bounds.batch_tokens;
    return GRUS_OK;
}

static void tell_plan(const grus_run_state *state)
{
    const grus_run_events *events = state->shared.events;
    if (events && events->on_plan)
        events->on_plan(events->context, &state->shared.progress);
}

// ---- the threads ----

static grus_status no_thread(grus_error *error)
{
    return grus_fail(error, GRUS_E_MEMORY, NULL, NULL, "the system refused a thread; run.threads asks for fewer");
}

static void work(void *shared, size_t number)
{
    (void)number;
    grus_worker_run(shared);
}

// Signals are for the threads of the caller.
static bool start_thread(pthread_t *thread, void *(*function)(void *), grus_shared *shared)
{
    return grus_thread_start(thread, function, shared);
}

static grus_status run_threads(grus_shared *shared, grus_error *error)
{
    sigset_t all, before;
    pthread_t reader, writer;
    grus_monitor monitor;
    grus_status status;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool has_monitor = grus_monitor_start(&monitor, shared);
    bool has_writer = has_monitor && start_thread(&writer, grus_writer_main, shared);
    bool has_reader = has_writer && start_thread(&reader, grus_reader_main, shared);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    status = has_reader ? grus_team_run(shared->plan->threads, work, shared, error) : no_thread(error);
    if (status != GRUS_OK)
        grus_queue_stop(shared->queue);
    if (has_reader)
        pthread_join(reader, NULL);
    if (has_writer)
        pthread_join(writer, NULL);
    if (has_monitor)
        grus_monitor_end(&monitor);
    return status;
}

static grus_status conclude(grus_shared *shared, grus_error *error)
{
    if (shared->has_fatal) {
        *error = shared->fatal;
        return error->status;
    }
    return grus_outcome(shared, error);
}

static grus_status execute(grus_run_state *state, grus_error *error)
{
    grus_shared *shared = &state->shared;
    shared->queue = grus_queue_new(state->plan.slots, state->plan.big_slots);
    if (!shared->queue)
        return grus_fail_memory(error, state->plan.slots * sizeof(grus_slot));
    grus_affinity all, before; // the threads that are started here inherit the mask
    grus_affinity_find(&all);
    grus_affinity_enter(&all, &before);
    grus_status status = run_threads(shared, error);
    grus_affinity_leave(&before);
    grus_affinity_free(&all);
    grus_queue_free(shared->queue);
    return status == GRUS_OK ? conclude(shared, error) : status;
}

// ---- after them ----

static grus_status write_report(grus_run_state *state, const char *outdir, grus_status outcome, grus_error *error)
{
    const grus_run_options *options = state->job.options;
    grus_error lost;
    if (!options->report && (grus_outdir_is_stdout(outdir) || grus_hold_check(state->shared.hold, &lost) != GRUS_OK))
        return GRUS_OK; // the directory is another run's
    char *path = grus_report_path(options);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    grus_buffer text = {0};
    grus_progress progress;
    grus_figures figures;
    grus_shared_account(&state->shared, &progress, &figures);
    grus_report_text(&state->shared, &progress, &figures, outcome, &text);
    grus_status status = text.failed ? grus_fail_memory(error, text.size) : grus_report_write(path, &text, error);
    grus_buffer_free(&text);
    free(path);
    return status;
}

// From the settled job on; figures of the threads are the result in every case.
static grus_status run(grus_run_state *state, grus_error *error)
{
    const grus_run_options *options = &state->settings.run;
    const char *outdir = options->outdir;
    grus_shared *shared = &state->shared;
    grus_status status = list_shards(state, error);
    if (status == GRUS_OK)
        status = grus_places_check(options, &state->shards, state->job.suffix, error);
    if (status == GRUS_OK)
        status = make_plan(state, error);
    if (status == GRUS_OK)
        status = grus_portion_take(&state->portion, error);
    if (status != GRUS_OK)
        return status;
    tell_plan(state);
    if (options->dry_run)
        return GRUS_OK;
    if (shared->n_todo == 0)
        return conclude(shared, error);

    shared->todo = state->portion.todo;
    status = execute(state, error);
    grus_remark_figures(shared);
    grus_error unwritten;
    if (write_report(state, outdir, status, &unwritten) != GRUS_OK && status == GRUS_OK) {
        *error = unwritten;
        status = unwritten.status;
    }
    return status;
}

static grus_status read_events(grus_run_state *state, const grus_run_events *events, grus_error *error)
{
    return events ? grus_sized_read(&state->events, sizeof state->events, events, "events", error) : GRUS_OK;
}

static grus_status settle(grus_run_state *state, const grus_model *model, const grus_run_options *options,
                          const grus_run_events *events, grus_error *error)
{
    grus_shared *shared = &state->shared;
    const grus_run_options *run = &state->settings.run;
    grus_status status = read_events(state, events, error);
    if (status == GRUS_OK)
        status = grus_run_settings_read(&state->settings, model, options, error);
    if (status == GRUS_OK)
        status = grus_job_settle(&state->job, model, run, error);
    shared->job = &state->job;
    shared->plan = &state->plan;
    shared->shards = &state->shards;
    shared->outdir = run->outdir;
    state->portion = (grus_portion){.options = &state->settings.run, .shared = shared, .shards = &state->shards};
    state->portion.hold.dir = -1;
    shared->run = state->portion.run;
    shared->events = &state->events;
    shared->stop = grus_stop_flag(run->stop);
    shared->progress.size = sizeof shared->progress;
    return status;
}

grus_status grus_run(const grus_model *model, const grus_run_options *options, const grus_run_events *events,
                     grus_progress *last, grus_error *error)
{
    static const grus_progress nothing;
    grus_error unseen;
    if (!error)
        error = &unseen;
    if (last)
        grus_sized_fill(last, &nothing, sizeof nothing);
    grus_run_state *state = calloc(1, sizeof *state);
    if (!state)
        return grus_fail_memory(error, sizeof *state);
    grus_shared *shared = &state->shared;
    shared->started = grus_seconds();
    grus_status status = settle(state, model, options, events, error);
    if (status == GRUS_OK && !grus_shared_init(shared))
        status = no_thread(error);
    else if (status == GRUS_OK) {
        status = run(state, error);
        if (!state->settings.run.dry_run)
            grus_shared_progress(shared, true);
        grus_progress progress;
        grus_shared_account(shared, &progress, NULL);
        if (last)
            grus_sized_fill(last, &progress, sizeof progress);
        grus_shared_destroy(shared);
    }
    grus_portion_free(&state->portion);
    grus_job_free(&state->job);
    grus_shards_free(&state->shards);
    free(state);
    return status;
}
