// status.c: what a run has done and what is missing, by what its directory holds; nothing is read but manifests and
// reports. Whether the outputs are what the manifests say is verify.c's business.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/json/tree.h"
#include "io/outdir/claim.h"
#include "io/outdir/failure.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"
#include "io/outdir/partial.h"

#define REPORT_MAX ((size_t)1 << 20) // bytes; one that we wrote has a few thousand
#define STALE_SECONDS ((uint64_t)7 * 24 * 3600)

// The public result and what it points into.
typedef struct grus_overview_memory {
    grus_overview overview;
    grus_claim claim;
    grus_partials partials;
    grus_shard_overview *shards;      // (claim.n)
    const grus_shard_overview **list; // (claim.n) of shards
    const char **stale;               // (n_stale)
    char **causes;                    // (2 claim.n) the texts of cause and cause_time of each, or NULL
    void **errors;                    // (claim.n) of each shard, or NULL
    size_t *undone;                   // (n_ranks) shards of each rank that are not done
    size_t n_ranks;                   // that have shards
    grus_buffer retry;
} grus_overview_memory;

// ---- one shard ----

// The list, the counts and their names are one piece of memory, which *kept gets.
static grus_status take_errors(const grus_manifest *manifest, grus_shard_overview *shard, void **kept,
                               grus_error *error)
{
    size_t n = manifest->n_errors;
    const size_t each = sizeof(grus_survey_count *) + sizeof(grus_survey_count) + sizeof *manifest->errors;
    if (n == 0)
        return GRUS_OK;
    const grus_survey_count **list = calloc(n, each);
    if (!list)
        return grus_fail_memory(error, n * each);
    grus_survey_count *counts = (void *)(list + n);
    grus_manifest_error *texts = (void *)(counts + n);
    for (size_t i = 0; i < n; i++) {
        texts[i] = manifest->errors[i];
        counts[i] = (grus_survey_count){.size = sizeof *counts, .text = texts[i].name, .n = texts[i].n};
        list[i] = &counts[i];
    }
    *kept = list;
    shard->errors = list;
    shard->n_errors = n;
    return GRUS_OK;
}

static grus_status take_done(const grus_manifest *manifest, grus_shard_overview *shard, void **errors,
                             grus_error *error)
{
    shard->state = GRUS_STATE_DONE;
    shard->records = manifest->records_out;
    shard->records_failed = manifest->records_failed;
    shard->input_bytes = manifest->input_bytes;
    shard->output_bytes = manifest->output_bytes;
    return take_errors(manifest, shard, errors, error);
}

static void take_broken(grus_shard_overview *shard, const char *detail)
{
    shard->state = GRUS_STATE_BROKEN;
    snprintf(shard->detail, sizeof shard->detail, "%s", detail);
}

static void take_partial(const grus_partials *partials, const char *stem, grus_shard_overview *shard)
{
    shard->state = GRUS_STATE_MISSING;
    for (size_t i = 0; i < partials->n; i++) {
        const grus_partial *partial = &partials->list[i];
        if (!grus_partial_is_of(partial, stem))
            continue;
        bool dead = partial->owner == GRUS_OWNER_DEAD;
        bool other_boot = partial->owner == GRUS_OWNER_ELSEWHERE && partial->same_host;
        snprintf(shard->detail, sizeof shard->detail, "%s %ld on %s%s, %" PRIu64 " s ago",
                 dead ? "given up by process" : "process", partial->pid, partial->host,
                 other_boot ? " in another boot or pid namespace" : "", partial->age);
        if (!dead) {
            shard->state = GRUS_STATE_PARTIAL;
            return;
        }
    }
}

static grus_status examine_shard(const char *outdir, grus_overview_memory *memory, size_t i, grus_shard_overview *shard,
                                 grus_error *error)
{
    const char *stem = memory->claim.stems[i];
    char *output = grus_outdir_output(outdir, stem, memory->claim.suffix);
    if (!output)
        return grus_fail_memory(error, strlen(stem));
    struct stat about;
    grus_manifest manifest;
    bool has_manifest;
    // First the manifest: where it is, the output was there before it.
    grus_status status = grus_manifest_read(outdir, stem, &manifest, &has_manifest, error);
    bool has_output = lstat(output, &about) == 0;
    if (status == GRUS_E_OUTPUT) {
        take_broken(shard, "the manifest cannot be read or is damaged");
        status = GRUS_OK;
    } else if (!status && has_manifest && strcmp(manifest.run, memory->claim.run) != 0) {
        take_broken(shard, "the manifest is another run's");
    } else if (!status && has_output && has_manifest) {
        if (S_ISREG(about.st_mode) && (uint64_t)about.st_size == manifest.output_bytes)
            status = take_done(&manifest, shard, &memory->errors[i], error);
        else
            take_broken(shard, "the output has another size than its manifest says");
    } else if (!status && has_manifest) {
        take_broken(shard, "the manifest has no output");
    } else if (!status) {
        take_partial(&memory->partials, stem, shard);
        if (has_output && shard->state != GRUS_STATE_PARTIAL) // else it is being committed
            take_broken(shard, "the output has no manifest");
    }
    grus_manifest_free(&manifest);
    free(output);
    return status;
}

static grus_status examine_failure(const char *outdir, grus_overview_memory *memory, size_t i,
                                   grus_shard_overview *shard, grus_error *error)
{
    grus_failure failure;
    char text[sizeof(grus_error)];
    if (!grus_failure_read(outdir, memory->claim.stems[i], memory->claim.run, &failure))
        return GRUS_OK;
    shard->cause = memory->causes[2 * i] = strdup(grus_error_text(&failure.error, text, sizeof text));
    shard->cause_time = memory->causes[2 * i + 1] = strdup(failure.time);
    return shard->cause && shard->cause_time ? GRUS_OK : grus_fail_memory(error, sizeof failure);
}

static grus_status examine_shards(const char *outdir, grus_overview_memory *memory, grus_overview *overview,
                                  grus_error *error)
{
    const grus_claim *claim = &memory->claim;
    size_t counts[4] = {0};
    bool may_have_failed = grus_failure_possible(outdir);
    for (size_t i = 0; i < claim->n; i++) {
        grus_shard_overview *shard = &memory->shards[i];
        memory->list[i] = shard;
        shard->size = sizeof *shard;
        shard->input = claim->inputs[i];
        shard->rank = i % claim->world_size;
        grus_status status = examine_shard(outdir, memory, i, shard, error);
        if (!status && may_have_failed)
            status = examine_failure(outdir, memory, i, shard, error);
        if (status)
            return status;
        counts[shard->state]++;
        overview->failed += shard->cause != NULL;
        overview->records += shard->records;
        overview->records_failed += shard->records_failed;
        memory->undone[shard->rank] += shard->state != GRUS_STATE_DONE;
    }
    overview->done = counts[GRUS_STATE_DONE];
    overview->partial = counts[GRUS_STATE_PARTIAL];
    overview->broken = counts[GRUS_STATE_BROKEN];
    overview->missing = counts[GRUS_STATE_MISSING];
    return GRUS_OK;
}

// ---- ranks ----

// Of the last run of this rank; 0 where it left no report.
static size_t read_failed(const char *path)
{
    json_t *report;
    grus_error ignored;
    grus_json_read_file(path, REPORT_MAX, GRUS_E_OUTPUT, &report, &ignored);
    json_int_t failed = json_integer_value(json_object_get(json_object_get(report, "shards"), "failed"));
    json_decref(report);
    return failed > 0 ? (size_t)failed : 0;
}

static grus_status count_failed(const char *outdir, const grus_overview_memory *memory, grus_overview *overview,
                                grus_error *error)
{
    size_t failed = 0;
    for (size_t rank = 0; rank < memory->n_ranks; rank++) {
        if (memory->undone[rank] == 0)
            continue;
        char *path = grus_outdir_report(outdir, rank, memory->claim.world_size);
        if (!path)
            return grus_fail_memory(error, strlen(outdir));
        failed += grus_min(read_failed(path), memory->undone[rank]);
        free(path);
    }
    overview->failed = grus_max(overview->failed, failed);
    return GRUS_OK;
}

// The elements of the run's array with something to do, as Slurm's --array takes them: 0,3-5,9. Where the run began in
// no array, its ranks are the elements.
static void put_elements(const grus_claim *claim, const bool *undone, size_t n, grus_buffer *text)
{
    size_t step = claim->array_step;
    for (size_t first = 0, end; first < n; first = end + 1) {
        for (end = first; end < n && undone[end]; end++)
            ;
        if (end == first)
            continue;
        grus_buffer_printf(text, "%s%zu", text->size ? "," : "", claim->array_first + step * first);
        if (end > first + 1)
            grus_buffer_printf(text, "-%zu", claim->array_first + step * (end - 1));
        if (end > first + 1 && step > 1)
            grus_buffer_printf(text, ":%zu", step);
    }
}

static grus_status put_retry(grus_overview_memory *memory, grus_error *error)
{
    const grus_claim *claim = &memory->claim;
    size_t n = memory->n_ranks ? (memory->n_ranks - 1) / claim->array_tasks + 1 : 0;
    bool *undone = calloc(grus_max(n, 1), sizeof *undone);
    if (!undone)
        return grus_fail_memory(error, n);
    for (size_t rank = 0; rank < memory->n_ranks; rank++)
        undone[rank / claim->array_tasks] |= memory->undone[rank] > 0;
    put_elements(claim, undone, n, &memory->retry);
    grus_buffer_byte(&memory->retry, '\0');
    free(undone);
    return memory->retry.failed ? grus_fail_memory(error, memory->retry.size) : GRUS_OK;
}

// ---- the whole ----

static grus_status find_stale(grus_overview_memory *memory, grus_overview *overview, grus_error *error)
{
    const grus_partials *partials = &memory->partials;
    memory->stale = calloc(grus_max(partials->n, 1), sizeof *memory->stale);
    if (!memory->stale)
        return grus_fail_memory(error, partials->n * sizeof *memory->stale);
    for (size_t i = 0; i < partials->n; i++)
        if (partials->list[i].owner == GRUS_OWNER_ELSEWHERE && partials->list[i].age > STALE_SECONDS)
            memory->stale[overview->n_stale++] = partials->list[i].name;
    overview->stale = memory->stale;
    return GRUS_OK;
}

static grus_status examine(const char *outdir, grus_overview_memory *memory, grus_overview *overview, grus_error *error)
{
    const grus_claim *claim = &memory->claim;
    grus_status status = grus_claim_read(outdir, &memory->claim, error);
    // The partial files come first: one that is committed meanwhile is then seen as done, not as missing.
    if (!status)
        status = grus_partials_list(outdir, &memory->partials, error);
    if (status)
        return status;
    memory->n_ranks = grus_min(claim->world_size, claim->n);
    memory->shards = calloc(claim->n, sizeof *memory->shards);
    memory->list = calloc(claim->n, sizeof *memory->list);
    memory->undone = calloc(claim->n, sizeof *memory->undone);
    memory->causes = calloc(claim->n, 2 * sizeof *memory->causes);
    memory->errors = calloc(claim->n, sizeof *memory->errors);
    if (!memory->causes || !memory->errors || !memory->shards || !memory->list || !memory->undone)
        return grus_fail_memory(error, claim->n * sizeof *memory->shards);
    status = examine_shards(outdir, memory, overview, error);
    if (!status)
        status = count_failed(outdir, memory, overview, error);
    if (!status)
        status = find_stale(memory, overview, error);
    if (!status)
        status = put_retry(memory, error);
    overview->world_size = claim->world_size;
    overview->n = claim->n;
    overview->shards = memory->list;
    overview->retry = memory->retry.data;
    overview->in_array = memory->claim.in_array;
    return status;
}

grus_status grus_outdir_examine(const char *outdir, grus_overview **overview, grus_error *error)
{
    grus_error unseen;
    if (!error)
        error = &unseen;
    *overview = NULL;
    grus_overview_memory *memory = calloc(1, sizeof *memory);
    if (!memory)
        return grus_fail_memory(error, sizeof *memory);
    memory->overview.size = sizeof memory->overview;
    grus_status status = examine(outdir, memory, &memory->overview, error);
    if (status)
        grus_overview_free(&memory->overview);
    else
        *overview = &memory->overview;
    return status;
}

// The overview is the first thing in its memory.
void grus_overview_free(grus_overview *overview)
{
    grus_overview_memory *memory = (grus_overview_memory *)overview;
    if (!memory)
        return;
    for (size_t i = 0; memory->causes && i < 2 * memory->claim.n; i++)
        free(memory->causes[i]);
    free(memory->causes);
    for (size_t i = 0; memory->errors && i < memory->claim.n; i++)
        free(memory->errors[i]);
    free(memory->errors);
    grus_claim_free(&memory->claim);
    grus_partials_free(&memory->partials);
    grus_buffer_free(&memory->retry);
    free(memory->shards);
    free(memory->list);
    free(memory->stale);
    free(memory->undone);
    free(memory);
}
