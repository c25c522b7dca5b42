// portion.c: the process's portion of a run; see portion.h.
#include "config.h"

#include "scheduler/portion.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/outdir/aside.h"
#include "io/outdir/claim.h"
#include "io/outdir/failure.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"
#include "io/outdir/partial.h"
#include "scheduler/changed.h"
#include "scheduler/report.h"

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

// What a launcher tells of ranks is read as the run's first process has laid it down.
static grus_status place_in_run(grus_portion *portion, const char *outdir, const grus_claim *claim, grus_error *error)
{
    grus_run_options *options = portion->options;
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
    bool is_element = array->tasks && rank < claim->world_size; // an array of some elements alone has another size
    if (rank < claim->world_size)
        snprintf(text, sizeof text, "the run has %zu parts, as its run.json says; this is number %zu",
                 claim->world_size, rank);
    else
        snprintf(text, sizeof text, "the run has %zu parts, as its run.json says; none of them is for this process",
                 claim->world_size);
    if (!is_element)
        grus_shared_warning(portion->shared, text);
    options->rank = rank;
    options->world_size = claim->world_size;
    return GRUS_OK;
}

static grus_status settle_rank(grus_portion *portion, const char *outdir, grus_error *error)
{
    const grus_run_options *options = portion->options;
    if (!options->launched || grus_outdir_is_stdout(outdir))
        return GRUS_OK;
    grus_claim claim;
    bool exists;
    grus_status status = grus_claim_find(outdir, &claim, &exists, error);
    if (status == GRUS_OK && exists)
        status = place_in_run(portion, outdir, &claim, error);
    else if (status == GRUS_OK && options->rank >= options->world_size)
        status = grus_fail(error, GRUS_E_USAGE, NULL, NULL,
                           "element %zu of the job array would be number %zu of %zu; give run.rank and run.world_size",
                           options->array.id, options->rank, options->world_size);
    grus_claim_free(&claim);
    return status;
}

static void warn_of_kept(const grus_portion *portion, size_t kept, const grus_shard *first)
{
    char text[1024];
    if (kept == 0)
        return;
    snprintf(text, sizeof text, "%zu %s kept whose %s changed since %s done, %s", kept,
             kept == 1 ? "shard is" : "shards are", kept == 1 ? "input" : "inputs", kept == 1 ? "it was" : "they were",
             first->path);
    grus_shared_warning(portion->shared, kept == 1 ? text : strcat(text, " the first"));
}

// What is to be done of shard i of this process, which is counted. What came from standard input cannot be told to be the
// same: it is always run, and the commit compares it with what is there.
static grus_status judge_shard(grus_portion *portion, const char *outdir, size_t i, grus_done_kind *kind,
                               grus_error *error)
{
    grus_shard *shard = &portion->shards->list[i];
    grus_progress *progress = &portion->shared->progress;
    grus_status status = GRUS_OK;
    *kind = GRUS_DONE_NOT;
    progress->shards++;
    if (!grus_outdir_is_stdout(outdir) && !grus_shard_is_stdin(shard) && shard->stem) {
        status = check_overlap(shard, outdir, portion->shared->job->suffix, error);
        if (status == GRUS_OK)
            status = grus_changed_judge(portion->shared, shard, kind, error);
    }
    if (status == GRUS_OK && *kind == GRUS_DONE_FAILS) {
        free(shard->failure); // of a first look, where this is the second
        shard->failure = malloc(sizeof *shard->failure);
        if (!shard->failure)
            return grus_fail_memory(error, sizeof *shard->failure);
        *shard->failure = *error;
    }
    shard->redo = *kind == GRUS_DONE_REDO;
    progress->shards_skipped += *kind == GRUS_DONE_STAYS || *kind == GRUS_DONE_KEPT;
    progress->shards_failed += *kind == GRUS_DONE_FAILS;
    return status;
}

// Fills todo with the shards of this process that are not done, and counts.
static grus_status select_shards(grus_portion *portion, const char *outdir, grus_error *error)
{
    const grus_run_options *options = portion->options;
    grus_progress *progress = &portion->shared->progress;
    progress->shards = progress->shards_skipped = progress->shards_failed = 0;
    progress->bytes_total = 0;
    progress->rank = options->rank;
    progress->world_size = options->world_size;
    portion->shared->n_todo = 0;
    free(portion->todo);
    portion->todo = calloc(grus_max(portion->shards->n, 1), sizeof *portion->todo);
    if (!portion->todo)
        return grus_fail_memory(error, portion->shards->n * sizeof *portion->todo);
    bool unknown = false;
    size_t kept = 0;
    const grus_shard *first_kept = NULL;
    for (size_t i = 0; i < portion->shards->n; i++) {
        const grus_shard *shard = &portion->shards->list[i];
        grus_done_kind kind;
        if (!grus_shard_is_mine(i, options->rank, options->world_size))
            continue;
        grus_status status = judge_shard(portion, outdir, i, &kind, error);
        if (status != GRUS_OK)
            return status;
        if (kind == GRUS_DONE_KEPT && kept++ == 0)
            first_kept = shard;
        if (kind != GRUS_DONE_NOT && kind != GRUS_DONE_REDO)
            continue;
        portion->todo[portion->shared->n_todo++] = i;
        progress->bytes_total += shard->bytes;
        unknown = unknown || (shard->bytes == 0 && grus_shard_is_stdin(shard));
    }
    if (unknown)
        progress->bytes_total = 0;
    warn_of_kept(portion, kept, first_kept);
    return GRUS_OK;
}

// run: the portion.
static bool is_spent(const void *run, const grus_partial *journal)
{
    const grus_portion *portion = run;
    for (size_t i = 0; i < portion->shards->n; i++) {
        const char *stem = portion->shards->list[i].stem;
        if (stem && grus_partial_is_of(journal, stem) &&
            grus_manifest_is_done(portion->options->outdir, stem, portion->shared->job->suffix))
            return true;
    }
    return false;
}

// What processes that were killed have left.
static void sweep(const grus_portion *portion, const char *outdir)
{
    char *report = grus_report_path(portion->options);
    const grus_cut_names cut = {is_spent, portion};
    grus_partials_sweep(outdir, portion->shared->job->suffix, &cut);
    if (report)
        grus_partials_sweep_beside(report);
    free(report);
}

static void name_run(grus_shared *shared, const grus_buffer *claim)
{
    snprintf(shared->run_id, sizeof shared->run_id, "%016" PRIx64 " %s", (uint64_t)XXH64(claim->data, claim->size, 0),
             PACKAGE_VERSION);
}

// The identity that is held is of the run.json that was found; whether that is this run's is to be seen.
static grus_status hold(grus_portion *portion, const char *outdir, const char *text, grus_error *error)
{
    grus_status status = grus_hold_take(outdir, &portion->hold, error);
    if (status != GRUS_OK)
        return status;
    status = grus_claim_check(outdir, text, error);
    if (status == GRUS_OK)
        status = grus_hold_check(&portion->hold, error);
    if (status != GRUS_OK)
        grus_hold_release(&portion->hold);
    return status;
}

static grus_status claim(grus_portion *portion, const char *outdir, grus_error *error)
{
    if (grus_outdir_is_stdout(outdir))
        return GRUS_OK;
    grus_status status = grus_outdir_prepare(outdir, error);
    if (status != GRUS_OK)
        return status;
    grus_buffer text = {0}, same = {0};
    char fresh[GRUS_RUN_IDENTITY];
    grus_hold_new_identity(fresh);
    grus_claim_text(portion->shared->job, portion->shards, fresh, &text);
    grus_buffer_byte(&text, '\0');
    grus_claim_text(portion->shared->job, portion->shards, NULL, &same);
    status = text.failed || same.failed ? grus_fail_memory(error, text.size)
                                        : grus_claim_take(outdir, text.data, portion->options->grow, error);
    if (status == GRUS_OK)
        status = hold(portion, outdir, text.data, error);
    if (status == GRUS_OK) {
        name_run(portion->shared, &same);
        memcpy(portion->run, portion->hold.run, sizeof portion->run);
        portion->shared->hold = &portion->hold;
    }
    grus_buffer_free(&same);
    grus_buffer_free(&text);
    if (status == GRUS_OK)
        sweep(portion, outdir);
    return status;
}

// Outputs that are to be made anew, out of their way.
static grus_status set_aside(const grus_portion *portion, const char *outdir, grus_error *error)
{
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < portion->shards->n && status == GRUS_OK; i++)
        if (portion->shards->list[i].redo)
            status = grus_aside_move(outdir, portion->shards->list[i].stem, portion->shared->job->suffix,
                                     portion->shared->hold, error);
    return status;
}

// Keeps the causes of the shards that have failed already, and drops those of the shards that are done.
static void settle_failures(grus_portion *portion, const char *outdir)
{
    grus_shared *shared = portion->shared;
    if (!shared->hold)
        return;
    shared->had_failures = grus_failure_possible(outdir);
    size_t next = 0; // in todo
    for (size_t i = shared->progress.rank; i < portion->shards->n; i += shared->progress.world_size) {
        const grus_shard *shard = &portion->shards->list[i];
        grus_failure failure = {.input = shard->name, .rank = shared->progress.rank};
        grus_error ignored;
        bool todo = next < shared->n_todo && portion->todo[next] == i;
        next += todo;
        if (shard->failure) {
            failure.error = *shard->failure;
            grus_failure_write(shared->hold, shard->stem, &failure, &ignored);
        } else if (!todo && shared->had_failures) {
            grus_failure_drop(outdir, shard->stem);
        }
    }
}

static grus_status take_once(grus_portion *portion, const char *outdir, grus_error *error)
{
    grus_status status = settle_rank(portion, outdir, error);
    if (status == GRUS_OK && !grus_outdir_is_stdout(outdir))
        status = grus_claim_identity(outdir, portion->run, error);
    if (status == GRUS_OK)
        status = select_shards(portion, outdir, error);
    if (status == GRUS_OK && !portion->options->dry_run)
        status = claim(portion, outdir, error);
    if (status == GRUS_OK && !portion->options->dry_run)
        status = set_aside(portion, outdir, error);
    if (status == GRUS_OK && !portion->options->dry_run)
        settle_failures(portion, outdir);
    return status;
}

grus_status grus_portion_take(grus_portion *portion, grus_error *error)
{
    const grus_run_options *options = portion->options;
    const char *outdir = options->outdir;
    size_t world_size = options->world_size;
    grus_status status = take_once(portion, outdir, error);
    // Another process may have claimed the directory meanwhile, for another number of parts.
    if (status == GRUS_E_USAGE && options->launched) {
        grus_error second;
        if (settle_rank(portion, outdir, &second) == GRUS_OK && options->world_size != world_size)
            status = take_once(portion, outdir, error);
    }
    return status;
}

void grus_portion_free(grus_portion *portion)
{
    grus_hold_release(&portion->hold);
    free(portion->todo);
    portion->todo = NULL;
}
