// outcome.c: shards and records, counted at the end.
#include "config.h"

#include "scheduler/outcome.h"

#include <inttypes.h>

#include "base/error.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"

// What is known of the records of this process's shards.
typedef struct grus_tally {
    uint64_t records;
    bool has_result; // one of them is not in error, or may not be
} grus_tally;

// One manifest that has a result settles it; the rest is then not read.
static grus_status tally_manifests(const grus_shared *shared, grus_tally *tally, grus_error *error)
{
    const grus_run_options *options = shared->job->options;
    for (size_t i = options->rank; i < shared->shards->n && !tally->has_result; i += options->world_size) {
        grus_manifest manifest;
        bool exists;
        grus_status status =
            grus_manifest_read(shared->outdir, shared->shards->list[i].stem, &manifest, &exists, error);
        if (status == GRUS_E_MEMORY)
            return status;
        tally->records += manifest.records_in;
        tally->has_result = status != GRUS_OK || !exists || manifest.records_failed < manifest.records_in;
        grus_manifest_free(&manifest);
    }
    return GRUS_OK;
}

// The most frequent cause in what this process has run; "" where it ran nothing.
static void describe_cause(grus_shared *shared, char *text, size_t size)
{
    grus_figures figures;
    int most = 0;
    grus_shared_account(shared, NULL, &figures);
    for (int i = 1; i < GRUS_N_CAUSES; i++)
        if (figures.causes[i] > figures.causes[most])
            most = i;
    *text = '\0';
    if (figures.causes[most])
        snprintf(text, size, ", most often, %" PRIu64 " of %" PRIu64 ": %s", figures.causes[most], figures.records,
                 grus_cause_words((grus_cause)most));
}

static grus_status judge_records(grus_shared *shared, grus_error *error)
{
    grus_tally tally = {0};
    if (grus_outdir_is_stdout(shared->outdir)) {
        grus_figures figures;
        grus_shared_account(shared, NULL, &figures);
        tally = (grus_tally){figures.records, figures.records_failed < figures.records};
    } else {
        grus_status status = tally_manifests(shared, &tally, error);
        if (status != GRUS_OK)
            return status;
    }
    if (tally.has_result || tally.records == 0)
        return GRUS_OK;
    char cause[192];
    describe_cause(shared, cause, sizeof cause);
    if (tally.records == 1)
        return grus_fail(error, GRUS_E_FAILED, NULL, NULL, "the only record is in error; its output says why%s", cause);
    return grus_fail(error, GRUS_E_FAILED, NULL, NULL, "all %" PRIu64 " records are in error; their output says why%s",
                     tally.records, cause);
}

grus_status grus_outcome(grus_shared *shared, grus_error *error)
{
    const grus_progress *progress = &shared->progress;
    if (progress->shards_done + progress->shards_failed + progress->shards_skipped < progress->shards)
        return grus_fail(error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped with %zu of %zu shards done",
                         progress->shards_done + progress->shards_skipped, progress->shards);
    if (progress->shards_failed)
        return grus_fail(error, GRUS_E_FAILED, NULL, NULL, "%zu of %zu shards failed", progress->shards_failed,
                         progress->shards);
    return judge_records(shared, error);
}
