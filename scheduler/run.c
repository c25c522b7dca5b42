// run.c: grus_run from beginning to end: settle, list, plan, claim, start the threads, join them, report.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "io/outdir/aside.h"
#include "io/outdir/claim.h"
#include "io/outdir/outdir.h"
#include "io/outdir/output.h"
#include "io/outdir/partial.h"
#include "io/outdir/temporary.h"
#include "scheduler/changed.h"
#include "scheduler/clock.h"
#include "scheduler/costs.h"
#include "scheduler/cpus.h"
#include "scheduler/monitor.h"
#include "scheduler/reader.h"
#include "scheduler/report.h"
#include "scheduler/run_options.h"
#include "scheduler/stop.h"
#include "scheduler/team.h"
#include "scheduler/worker.h"
#include "scheduler/writer.h"

// ---- before the threads ----

typedef struct grus_run_state {
    grus_run_settings settings; // the caller's, rank and world size as the run has them
    grus_run_events events;
    grus_job job;
    grus_plan plan;
    grus_shards shards;
    size_t *todo;
    char run[GRUS_RUN_IDENTITY]; // the identity of the run that has outdir
    grus_hold hold;
    grus_shared shared;
} grus_run_state;

static bool to_stdout(const char *outdir)
{
    return strcmp(outdir, "-") == 0;
}

static grus_status check_places(const grus_shards *shards, const char *outdir, grus_format format, grus_error *error)
{
    if (!outdir || !*outdir)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.outdir", "no output directory is given");
    if (to_stdout(outdir) && !(shards->n == 1 && grus_shard_is_stdin(&shards->list[0])))
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.outdir",
                         "standard output takes the records of standard input alone");
    if (to_stdout(outdir) && format == GRUS_FORMAT_NPY)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.format", "npy needs an output directory, not standard output");
    return GRUS_OK;
}

// An output that would take the name of its own input could not be committed after all the work.
static grus_status check_overlap(const grus_shard *shard, const char *outdir, const char *suffix, grus_error *error)
{
    struct stat facts;
    char *path = grus_outdir_output(outdir, shard->stem, suffix);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    bool same =
        !shard->fault && stat(path, &facts) == 0 && facts.st_dev == shard->device && facts.st_ino == shard->inode;
    free(path);
    if (!same)
        return GRUS_OK;
    return grus_fail(error, GRUS_E_USAGE, shard->path, NULL, "is input and output at once; choose another directory");
}

static void warn(const grus_run_state *state, const char *text)
{
    const grus_run_events *events = state->shared.events;
    if (events && events->on_warning)
        events->on_warning(events->context, text);
}

// What a launcher tells of ranks is read as the run's first process has laid it down.
static grus_status place_in_run(grus_run_state *state, const char *outdir, const grus_claim *claim, grus_error *error)
{
    grus_run_options *options = &state->settings.run;
    const grus_array_place *array = &options->array;
    size_t rank = options->rank;
    if (array->tasks) {
        if (array->id < claim->array_first || (array->id - claim->array_first) % claim->array_step != 0)
            return grus_fail(error, GRUS_E_USAGE, outdir, NULL,
                             "element %zu of the job array has no part in this run, whose array began at %zu in steps "
                             "of %zu; give run.rank and run.world_size",
                             array->id, claim->array_first, claim->array_step);
        size_t element = (array->id - claim->array_first) / claim->array_step;
        bool in_element = array->task < claim->array_tasks && grus_mul(element, claim->array_tasks, &rank);
        rank = in_element ? rank + array->task : SIZE_MAX;
    }
    if (rank == options->rank && claim->world_size == options->world_size)
        return GRUS_OK;
    char text[256];
    if (rank < claim->world_size)
        snprintf(text, sizeof text, "the run has %zu parts, as its run.json says; this is number %zu",
                 claim->world_size, rank);
    else
        snprintf(text, sizeof text, "the run has %zu parts, as its run.json says; none of them is for this process",
                 claim->world_size);
    warn(state, text);
    options->rank = rank;
    options->world_size = claim->world_size;
    return GRUS_OK;
}

static grus_status settle_rank(grus_run_state *state, const char *outdir, grus_error *error)
{
    const grus_run_options *options = &state->settings.run;
    if (!options->launched || to_stdout(outdir))
        return GRUS_OK;
    grus_claim claim;
    bool exists;
    grus_status status = grus_claim_find(outdir, &claim, &exists, error);
    if (status == GRUS_OK && exists)
        status = place_in_run(state, outdir, &claim, error);
    else if (status == GRUS_OK && options->rank >= options->world_size)
        status = grus_fail(error, GRUS_E_USAGE, NULL, NULL,
                           "element %zu of the job array would be number %zu of %zu; give run.rank and run.world_size",
                           options->array.id, options->rank, options->world_size);
    grus_claim_free(&claim);
    return status;
}

static void warn_of_kept(const grus_run_state *state, size_t kept, const grus_shard *first)
{
    char text[1024];
    if (kept == 0)
        return;
    snprintf(text, sizeof text, "%zu %s kept whose %s changed since %s done, %s", kept,
             kept == 1 ? "shard is" : "shards are", kept == 1 ? "input" : "inputs", kept == 1 ? "it was" : "they were",
             first->path);
    warn(state, kept == 1 ? text : strcat(text, " the first"));
}

// What is to be done of shard i of this process, which is counted. What came from standard input cannot be told to be the
// same: it is always run, and the commit compares it with what is there.
static grus_status judge_shard(grus_run_state *state, const char *outdir, size_t i, grus_done_kind *kind,
                               grus_error *error)
{
    grus_shard *shard = &state->shards.list[i];
    grus_progress *progress = &state->shared.progress;
    grus_status status = GRUS_OK;
    *kind = GRUS_DONE_NOT;
    progress->shards++;
    if (!to_stdout(outdir) && !grus_shard_is_stdin(shard) && shard->stem) {
        status = check_overlap(shard, outdir, state->job.suffix, error);
        if (status == GRUS_OK)
            status = grus_changed_judge(&state->shared, shard, kind, error);
    }
    shard->redo = *kind == GRUS_DONE_REDO;
    progress->shards_skipped += *kind == GRUS_DONE_STAYS || *kind == GRUS_DONE_KEPT;
    progress->shards_failed += *kind == GRUS_DONE_FAILS;
    return status;
}

// Fills todo with the shards of this process that are not done, and counts.
static grus_status select_shards(grus_run_state *state, const char *outdir, grus_error *error)
{
    const grus_run_options *options = state->job.options;
    grus_progress *progress = &state->shared.progress;
    progress->shards = progress->shards_skipped = progress->shards_failed = 0;
    progress->bytes_total = 0;
    state->shared.n_todo = 0;
    free(state->todo);
    state->todo = calloc(grus_max(state->shards.n, 1), sizeof *state->todo);
    if (!state->todo)
        return grus_fail_memory(error, state->shards.n * sizeof *state->todo);
    bool unknown = false;
    size_t kept = 0;
    const grus_shard *first_kept = NULL;
    for (size_t i = 0; i < state->shards.n; i++) {
        const grus_shard *shard = &state->shards.list[i];
        grus_done_kind kind;
        if (!grus_shard_is_mine(i, options->rank, options->world_size))
            continue;
        grus_status status = judge_shard(state, outdir, i, &kind, error);
        if (status != GRUS_OK)
            return status;
        if (kind == GRUS_DONE_KEPT && kept++ == 0)
            first_kept = shard;
        if (kind != GRUS_DONE_NOT && kind != GRUS_DONE_REDO)
            continue;
        state->todo[state->shared.n_todo++] = i;
        progress->bytes_total += shard->bytes;
        unknown = unknown || (shard->bytes == 0 && grus_shard_is_stdin(shard));
    }
    if (unknown)
        progress->bytes_total = 0;
    warn_of_kept(state, kept, first_kept);
    return GRUS_OK;
}

// What is passed over in a directory is told, or with strict refused.
static grus_status tell_others(const grus_run_state *state, grus_error *error)
{
    char text[sizeof(grus_error)];
    if (grus_shards_others(&state->shards, error) == GRUS_OK)
        return GRUS_OK;
    if (state->settings.run.strict)
        return error->status;
    warn(state, grus_error_text(error, text, sizeof text));
    return GRUS_OK;
}

// Faulty shards are told even when none is left to run.
static grus_status list_shards(grus_run_state *state, const char *const *inputs, size_t n_inputs, grus_error *error)
{
    grus_status status = grus_shards_list(&state->shards, inputs, n_inputs, error);
    if (status == GRUS_E_INPUT && state->shards.n > 1)
        for (size_t i = 0; i < state->shards.n; i++) {
            grus_error fault;
            grus_shard_fault(&state->shards.list[i], &fault);
            grus_shared_shard_error(&state->shared, &fault);
        }
    return status == GRUS_OK ? tell_others(state, error) : status;
}

// In a fresh string; NULL when memory is short.
static char *report_path(const grus_run_options *options, const char *outdir)
{
    return options->report ? strdup(options->report) : grus_outdir_report(outdir, options->rank, options->world_size);
}

// What processes that were killed have left.
static void sweep(const grus_run_state *state, const char *outdir)
{
    char *report = report_path(&state->settings.run, outdir);
    grus_partials_sweep(outdir, state->job.suffix);
    if (report)
        grus_partials_sweep_beside(report);
    free(report);
}

static void name_run(grus_shared *shared, const grus_buffer *claim)
{
    snprintf(shared->run_id, sizeof shared->run_id, "%016" PRIx64 " %s %s",
             (uint64_t)XXH64(claim->data, claim->size, 0), grus_version(), grus_kernel_name());
}

static grus_status claim(grus_run_state *state, const char *outdir, grus_error *error)
{
    if (to_stdout(outdir))
        return GRUS_OK;
    grus_status status = grus_outdir_prepare(outdir, error);
    if (status != GRUS_OK)
        return status;
    grus_buffer text = {0}, same = {0};
    char fresh[GRUS_RUN_IDENTITY];
    grus_hold_new_identity(fresh);
    grus_claim_text(&state->job, &state->shards, fresh, &text);
    grus_buffer_byte(&text, '\0');
    grus_claim_text(&state->job, &state->shards, NULL, &same);
    status =
        text.failed || same.failed ? grus_fail_memory(error, text.size) : grus_claim_take(outdir, text.data, error);
    if (status == GRUS_OK)
        status = grus_hold_take(outdir, &state->hold, error);
    if (status == GRUS_OK) {
        name_run(&state->shared, &same);
        memcpy(state->run, state->hold.run, sizeof state->run);
        state->shared.hold = &state->hold;
    }
    grus_buffer_free(&same);
    grus_buffer_free(&text);
    if (status == GRUS_OK)
        sweep(state, outdir);
    return status;
}

// Outputs that are to be made anew, out of their way.
static grus_status set_aside(const grus_run_state *state, const char *outdir, grus_error *error)
{
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < state->shards.n && status == GRUS_OK; i++)
        if (state->shards.list[i].redo)
            status = grus_aside_move(outdir, state->shards.list[i].stem, state->job.suffix, error);
    return status;
}

// From the rank to the shards to be done, with the directory claimed for the run.
static grus_status take_part(grus_run_state *state, const char *outdir, grus_error *error)
{
    grus_status status = settle_rank(state, outdir, error);
    if (status == GRUS_OK && !to_stdout(outdir))
        status = grus_claim_identity(outdir, state->run, error);
    if (status == GRUS_OK)
        status = select_shards(state, outdir, error);
    if (status == GRUS_OK && !state->settings.run.dry_run)
        status = claim(state, outdir, error);
    if (status == GRUS_OK && !state->settings.run.dry_run)
        status = set_aside(state, outdir, error);
    return status;
}

static grus_status make_plan(grus_run_state *state, grus_error *error)
{
    const grus_run_options *options = state->job.options;
    size_t threads = options->threads ? options->threads : grus_cpus();
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

static void work(grus_shared *shared)
{
#pragma omp parallel num_threads((int)shared->plan->threads)
    grus_worker_run(shared);
}

// Signals are for the threads of the caller.
static bool start_thread(pthread_t *thread, void *(*function)(void *), grus_shared *shared)
{
    return pthread_create(thread, NULL, function, shared) == 0;
}

static grus_status run_threads(grus_shared *shared, grus_error *error)
{
    sigset_t all, before;
    pthread_t reader, writer;
    grus_monitor monitor;
    grus_status status = GRUS_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool has_monitor = grus_monitor_start(&monitor, shared);
    bool has_writer = has_monitor && start_thread(&writer, grus_writer_main, shared);
    bool has_reader = has_writer && start_thread(&reader, grus_reader_main, shared);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (has_reader && grus_team_is_granted(shared->plan->threads)) {
        work(shared);
    } else {
        status = no_thread(error);
        grus_queue_stop(shared->queue);
    }
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
    const grus_progress *progress = &shared->progress;
    if (shared->has_fatal) {
        *error = shared->fatal;
        return error->status;
    }
    if (progress->shards_done + progress->shards_failed + progress->shards_skipped < progress->shards)
        return grus_fail(error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped with %zu of %zu shards done",
                         progress->shards_done + progress->shards_skipped, progress->shards);
    if (progress->shards_failed)
        return grus_fail(error, GRUS_E_FAILED, NULL, NULL, "%zu of %zu shards failed", progress->shards_failed,
                         progress->shards);
    return GRUS_OK;
}

static grus_status execute(grus_run_state *state, grus_error *error)
{
    grus_shared *shared = &state->shared;
    shared->queue = grus_queue_new(state->plan.slots, state->plan.big_slots);
    if (!shared->queue)
        return grus_fail_memory(error, state->plan.slots * sizeof(grus_slot));
    grus_status status = run_threads(shared, error);
    grus_queue_free(shared->queue);
    return status == GRUS_OK ? conclude(shared, error) : status;
}

// ---- after them ----

static grus_status write_report(grus_run_state *state, const char *outdir, grus_status outcome, grus_error *error)
{
    const grus_run_options *options = state->job.options;
    grus_error lost;
    if (!options->report && (to_stdout(outdir) || grus_hold_check(state->shared.hold, &lost) != GRUS_OK))
        return GRUS_OK; // the directory is another run's
    char *path = report_path(options, outdir);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    grus_buffer text = {0};
    grus_progress progress;
    grus_figures figures;
    grus_shared_account(&state->shared, &progress, &figures);
    grus_report_text(&state->shared, &progress, &figures, outcome, &text);
    grus_status status =
        text.failed ? grus_fail_memory(error, text.size) : grus_temp_replace(path, text.data, text.size, error);
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
    grus_status status = list_shards(state, options->inputs, options->n_inputs, error);
    if (status == GRUS_OK)
        status = check_places(&state->shards, outdir, options->format, error);
    if (status == GRUS_OK)
        status = make_plan(state, error);
    if (status == GRUS_OK)
        status = take_part(state, outdir, error);
    // Another process may have claimed the directory meanwhile, for another number of parts.
    if (status == GRUS_E_USAGE && options->launched) {
        size_t world_size = options->world_size;
        grus_error second;
        if (settle_rank(state, outdir, &second) == GRUS_OK && options->world_size != world_size)
            status = take_part(state, outdir, error);
    }
    if (status != GRUS_OK)
        return status;
    tell_plan(state);
    if (options->dry_run)
        return GRUS_OK;
    if (shared->n_todo == 0)
        return conclude(shared, error);

    shared->todo = state->todo;
    status = execute(state, error);
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
    shared->run = state->run;
    state->hold.dir = -1;
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
    grus_hold_release(&state->hold);
    grus_shards_free(&state->shards);
    free(state->todo);
    free(state);
    return status;
}
