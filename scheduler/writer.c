// writer.c: slots to output shards.
#include "config.h"

#include "scheduler/writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "io/outdir/failure.h"
#include "io/outdir/input.h"
#include "io/outdir/outdir.h"
#include "io/outdir/output.h"
#include "io/shard/codec.h"
#include "io/shard/npy.h"
#include "scheduler/checkpoint.h"
#include "scheduler/clock.h"
#include "scheduler/committer.h"
#include "scheduler/feature_output.h"

typedef struct grus_writer {
    grus_shared *shared;
    grus_output *output;   // of the shard being written; NULL between shards and after a failure
    grus_journal *journal; // of the same; NULL where no checkpoints are taken
    bool failed;           // this shard has
    bool interrupted;      // the engine gave up a batch because the run is to stop
    grus_figures done;     // of this shard, with what was done of it before
    grus_slot_mark mark;   // behind its last record that was written
    uint64_t unsaved;      // records since the last checkpoint
    uint64_t counted;      // bytes of this shard
    bool had_failures;     // outdir may have causes of failures
    bool handed;           // the shard is committed by another thread
    grus_committer committer;
} grus_writer;

// A shard that is written, for its commit.
typedef struct grus_commit {
    grus_shared *shared;
    const grus_shard *shard;
    grus_output *output; // NULL once it is committed, or has failed
    grus_manifest manifest;
    grus_figures done;
    grus_error note;   // what the commit found in the output's place
    bool had_failures; // outdir may have a cause of an earlier failure
} grus_commit;

static grus_status take_checkpoint(grus_writer *writer, grus_error *error)
{
    grus_checkpoint checkpoint = grus_checkpoint_make(&writer->done, &writer->mark);
    writer->unsaved = 0;
    return grus_journal_checkpoint(writer->journal, &checkpoint, error);
}

// Gives up the output of a shard that is not done. save: what was written of it is worth a checkpoint.
static void leave_shard(grus_writer *writer, bool save)
{
    grus_error ignored;
    if (writer->output)
        grus_output_discard(writer->output);
    writer->output = NULL;
    if (save && writer->journal && writer->unsaved > 0)
        take_checkpoint(writer, &ignored);
    grus_journal_close(writer->journal, false);
    writer->journal = NULL;
}

// Keeps the cause in the directory. Where that fails it has been told all the same.
static void keep_cause(const grus_shared *shared, const grus_shard *shard, const grus_error *error)
{
    grus_error ignored;
    if (!shared->hold || !shard->stem)
        return;
    grus_failure failure = {.input = shard->name, .error = *error, .rank = shared->job->options->rank};
    grus_failure_write(shared->hold, shard->stem, &failure, &ignored);
}

// An error of the output ends the run, any other one is the shard's.
static void tell_failure(grus_shared *shared, const grus_shard *shard, const grus_error *error)
{
    if (error->status == GRUS_E_OUTPUT) {
        grus_shared_end(shared, error);
        return;
    }
    keep_cause(shared, shard, error);
    grus_shared_shard_error(shared, shard, error);
}

static void fail_shard(grus_writer *writer, const grus_slot *slot, const grus_error *error)
{
    leave_shard(writer, error->status != GRUS_E_OUTPUT);
    writer->failed = true;
    grus_queue_abandon(writer->shared->queue, slot->shard);
    if (error->status == GRUS_E_INTERRUPTED) {
        writer->interrupted = true;
        grus_queue_stop(writer->shared->queue);
        return;
    }
    writer->had_failures = writer->had_failures || error->status != GRUS_E_OUTPUT;
    tell_failure(writer->shared, &writer->shared->shards->list[slot->shard], error);
}

static grus_status open_output(grus_writer *writer, const grus_shard *shard, grus_error *error)
{
    const grus_job *job = writer->shared->job;
    const char *outdir = writer->shared->outdir;
    char suffix[32];
    size_t length = strlen(job->suffix);
    // Standard output is not compressed.
    if (grus_outdir_is_stdout(outdir))
        length -= strlen(grus_codec_of_name(job->suffix)->suffix);
    memcpy(suffix, job->suffix, length);
    suffix[length] = '\0';
    grus_status status = writer->shared->hold ? grus_hold_check(writer->shared->hold, error) : GRUS_OK;
    if (status == GRUS_OK)
        status = grus_output_open(outdir, shard->stem, suffix, job->options->level, &writer->output, error);
    if (status == GRUS_OK && writer->shared->hold) {
        grus_output_guard(writer->output, writer->shared->hold);
    }
    if (status == GRUS_OK && job->options->format == GRUS_FORMAT_SAFETENSORS)
        status = grus_output_spool(writer->output, error);
    if (status != GRUS_OK || job->options->format != GRUS_FORMAT_NPY)
        return status;
    char header[GRUS_NPY_HEADER_BYTES];
    grus_npy_header(header, 0, job->columns);
    return grus_output_write(writer->output, header, sizeof header, error);
}

// Opens the journal, and writes what was done of the shard before.
static grus_status go_on(grus_writer *writer, const grus_shard *shard, grus_resume *resume, grus_error *error)
{
    grus_status status = GRUS_OK;
    if (writer->shared->plan->checkpoint_records && grus_checkpoint_possible(writer->shared, shard)) {
        grus_journal_key key = grus_checkpoint_key(writer->shared, shard);
        status = grus_journal_open(&key, resume, &writer->journal, error);
    }
    if (status != GRUS_OK || !resume)
        return status;
    status = grus_resume_replay(resume, writer->output, error);
    if (status != GRUS_OK)
        return status;
    grus_checkpoint_take(grus_resume_checkpoint(resume), &writer->done, &writer->mark);
    grus_shared_add(writer->shared, &writer->done);
    return GRUS_OK;
}

// Only now the number of rows is known.
static grus_status finish(grus_writer *writer, grus_error *error)
{
    const grus_job *job = writer->shared->job;
    if (job->options->format == GRUS_FORMAT_SAFETENSORS)
        return grus_feature_output_finish(writer->output, writer->done.records, job->columns, writer->shared->stop,
                                          error);
    if (job->options->format != GRUS_FORMAT_NPY)
        return GRUS_OK;
    char header[GRUS_NPY_HEADER_BYTES];
    grus_npy_header(header, writer->done.records, job->columns);
    return grus_output_rewrite_head(writer->output, header, sizeof header, error);
}

// The causes of the shard's errors, for its manifest.
static void list_errors(const grus_figures *done, grus_manifest *manifest)
{
    _Static_assert(GRUS_N_CAUSES <= GRUS_MANIFEST_ERRORS, "room for every cause");
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        if (done->causes[i]) {
            grus_manifest_error *error = &manifest->errors[manifest->n_errors++];
            snprintf(error->name, sizeof error->name, "%s", grus_cause_name((grus_cause)i));
            error->n = done->causes[i];
        }
}

// All of a commit but the output, which stays the writer's.
static grus_status make_commit(grus_writer *writer, const grus_shard *shard, const grus_slot *slot, grus_commit *commit,
                               grus_error *error)
{
    *commit = (grus_commit){
        .shared = writer->shared, .shard = shard, .done = writer->done, .had_failures = writer->had_failures};
    commit->manifest = (grus_manifest){
        .input = strdup(shard->name),
        .input_file = slot->input.file,
        .input_bytes = slot->input.bytes_in,
        .input_xxh64 = slot->input.xxh64,
        .records_in = writer->done.records,
        .records_out = writer->done.records,
        .records_failed = writer->done.records_failed,
        .kernel = writer->shared->job->model->facts.kernel,
        .version = PACKAGE_VERSION,
    };
    grus_manifest *manifest = &commit->manifest;
    list_errors(&writer->done, manifest);
    memcpy(manifest->run, writer->shared->run, strlen(writer->shared->run) + 1);
    grus_status status = manifest->input ? GRUS_OK : grus_fail_memory(error, strlen(shard->name) + 1);
    if (!status && !grus_shard_is_stdin(shard))
        status = grus_input_whole_path(shard->path, &manifest->input_path, error);
    if (status)
        grus_manifest_free(manifest);
    return status;
}

// Takes the output and the manifest.
static grus_status run_commit(grus_commit *commit, grus_error *error)
{
    grus_shared *shared = commit->shared;
    if (shared->hold)
        grus_output_on_done(commit->output, (grus_on_changed)shared->job->options->on_changed, &commit->note);
    grus_status status = grus_output_commit(commit->output, &commit->manifest, error);
    commit->output = NULL;
    grus_manifest_free(&commit->manifest);
    if (commit->note.file[0]) {
        char text[sizeof(grus_error)];
        grus_shared_warning(shared, grus_error_text(&commit->note, text, sizeof text));
    }
    return status;
}

// Away with what the directory has of attempts at a shard that is done.
static void clear_attempts(const grus_commit *commit)
{
    if (grus_checkpoint_possible(commit->shared, commit->shard))
        grus_journals_drop(commit->shared->outdir, commit->shard->stem);
    if (commit->had_failures && commit->shard->stem)
        grus_failure_drop(commit->shared->outdir, commit->shard->stem);
}

static grus_status commit_here(grus_writer *writer, grus_commit *commit, grus_error *error)
{
    commit->output = writer->output;
    writer->output = NULL;
    grus_status status = run_commit(commit, error);
    if (status != GRUS_OK)
        return status;
    grus_journal_close(writer->journal, true);
    writer->journal = NULL;
    clear_attempts(commit);
    return GRUS_OK;
}

// On a thread of the committer.
static void commit_there(void *argument)
{
    grus_commit *commit = argument;
    grus_error error;
    grus_status status = run_commit(commit, &error);
    if (status == GRUS_OK)
        clear_attempts(commit);
    else
        tell_failure(commit->shared, commit->shard, &error);
    grus_shared_add_shard(commit->shared, status != GRUS_OK);
    if (status == GRUS_OK)
        grus_shared_shard_event(commit->shared, commit->shard, GRUS_SHARD_DONE, &commit->done);
    free(commit);
}

// Where the run has more shards to do meanwhile. A checkpoint may be due when a commit fails, and what lies in the output's
// place is compared with it, which takes the memory that writing took: these commits are the writer's own.
static bool may_hand_over(const grus_writer *writer)
{
    return writer->shared->hold && writer->shared->n_todo > 1 && !writer->journal && grus_output_is_new(writer->output);
}

static grus_status hand_over(grus_writer *writer, const grus_commit *made, grus_error *error)
{
    grus_status status = grus_output_end(writer->output, error);
    if (status != GRUS_OK)
        return status;
    grus_commit *commit = malloc(sizeof *commit);
    if (!commit)
        return grus_fail_memory(error, sizeof *commit);
    *commit = *made;
    commit->output = writer->output;
    writer->handed = grus_committer_put(&writer->committer, commit);
    if (writer->handed)
        writer->output = NULL;
    else
        free(commit);
    return GRUS_OK;
}

static grus_status commit(grus_writer *writer, const grus_shard *shard, const grus_slot *slot, grus_error *error)
{
    grus_commit made;
    grus_status status = make_commit(writer, shard, slot, &made, error);
    if (status != GRUS_OK)
        return status;
    if (may_hand_over(writer)) {
        status = hand_over(writer, &made, error);
        if (status != GRUS_OK)
            grus_manifest_free(&made.manifest);
        if (status != GRUS_OK || writer->handed)
            return status;
    }
    return commit_here(writer, &made, error);
}

static grus_status write_results(grus_writer *writer, const grus_slot *slot, grus_error *error)
{
    grus_status status = GRUS_OK;
    if (slot->out.size)
        status = grus_output_write(writer->output, slot->out.data, slot->out.size, error);
    if (status == GRUS_OK)
        status = grus_output_flush(writer->output, error);
    if (status == GRUS_OK && slot->out.size && writer->journal)
        status = grus_journal_write(writer->journal, slot->out.data, slot->out.size, error);
    if (status != GRUS_OK)
        return status;
    grus_figures figures = grus_figures_of_slot(slot);
    grus_figures_add(&writer->done, &figures);
    writer->unsaved += slot->n_records;
    if (slot->n_records)
        writer->mark = slot->mark;
    return GRUS_OK;
}

// Whether the shard may have as many records in error as it has; last: these are all.
static grus_status check_errors(const grus_writer *writer, const grus_shard *shard, bool last, grus_error *error)
{
    const grus_run_options *options = writer->shared->job->options;
    const grus_figures *done = &writer->done;
    if (done->records_failed > options->max_errors)
        return grus_fail(error, GRUS_E_FAILED, shard->path, NULL,
                         "more than %" PRIu64 " of its records are in error, which run.max_errors allows",
                         options->max_errors);
    if (last && 100 * (double)done->records_failed > options->max_errors_percent * (double)done->records)
        return grus_fail(error, GRUS_E_FAILED, shard->path, NULL,
                         "%" PRIu64 " of its %" PRIu64
                         " records are in error, more than the %g %% that run.max_errors allows",
                         done->records_failed, done->records, options->max_errors_percent);
    return GRUS_OK;
}

static grus_status write_slot(grus_writer *writer, const grus_slot *slot, grus_error *error)
{
    const grus_shard *shard = &writer->shared->shards->list[slot->shard];
    grus_status status = GRUS_OK;
    if (slot->failed) {
        *error = slot->error;
        return error->status;
    }
    GRUS_ASSERT(slot->first == !writer->output); // a shard is committed or left before the next begins
    if (slot->first)
        status = open_output(writer, shard, error);
    if (slot->first && status == GRUS_OK)
        status = go_on(writer, shard, slot->resume, error);
    if (status == GRUS_OK)
        status = write_results(writer, slot, error);
    if (status == GRUS_OK)
        status = check_errors(writer, shard, slot->last, error);
    if (status != GRUS_OK)
        return status;
    if (!slot->last)
        return writer->journal && writer->unsaved >= writer->shared->plan->checkpoint_records
                   ? take_checkpoint(writer, error)
                   : GRUS_OK;
    status = finish(writer, error);
    return status == GRUS_OK ? commit(writer, shard, slot, error) : status;
}

// wanted: the slot's records are part of an output; else its bytes alone count, as done.
static void count(grus_writer *writer, const grus_slot *slot, bool wanted, double seconds)
{
    grus_figures figures = wanted ? grus_figures_of_slot(slot) : (grus_figures){0};
    // What is not read of a shard that has failed is done with too.
    uint64_t size = writer->shared->shards->list[slot->shard].bytes, bytes = slot->bytes_in;
    if (slot->last && writer->failed && size > writer->counted + bytes)
        bytes = size - writer->counted;
    writer->counted += bytes;
    figures.bytes_in = bytes;
    figures.compute_seconds = slot->seconds;
    figures.write_seconds = seconds;
    grus_shared_add(writer->shared, &figures);
}

static void take_slot(grus_writer *writer, grus_slot *slot)
{
    grus_error error;
    double from = grus_seconds();
    if (slot->first) {
        writer->failed = writer->handed = false;
        writer->done = (grus_figures){0};
        writer->unsaved = writer->counted = 0;
    }
    bool wanted = !writer->failed;
    if (wanted && write_slot(writer, slot, &error) != GRUS_OK)
        fail_shard(writer, slot, &error);
    grus_resume_close(slot->resume);
    slot->resume = NULL;
    count(writer, slot, wanted, grus_seconds() - from);
    if (slot->last && !writer->interrupted && !writer->handed) {
        grus_shared_add_shard(writer->shared, writer->failed);
        if (!writer->failed)
            grus_shared_shard_event(writer->shared, &writer->shared->shards->list[slot->shard], GRUS_SHARD_DONE,
                                    &writer->done);
    }
}

void *grus_writer_main(void *argument)
{
    grus_shared *shared = argument;
    grus_writer writer = {.shared = shared, .had_failures = shared->had_failures};
    if (!grus_committer_init(&writer.committer, commit_there)) {
        grus_error error;
        grus_shared_end(shared, (grus_fail_memory(&error, sizeof writer), &error));
        return NULL;
    }
    for (grus_slot *slot; (slot = grus_queue_next(shared->queue)) != NULL;) {
        take_slot(&writer, slot);
        if (slot->big)
            grus_slot_shed(slot); // before another may be big
        grus_queue_release(shared->queue, slot);
    }
    // After a stop, what the workers have done already.
    for (grus_slot *slot; !writer.interrupted && !grus_shared_is_ended(shared) &&
                          (slot = grus_queue_next_done(shared->queue)) != NULL;) {
        take_slot(&writer, slot);
        grus_queue_release(shared->queue, slot);
    }
    leave_shard(&writer, !grus_shared_is_ended(shared));
    grus_committer_end(&writer.committer);
    return NULL;
}
