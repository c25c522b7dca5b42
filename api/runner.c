// runner.c: grus_runner: sequences in memory to results in memory, in the calling thread.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/batches.h"
#include "api/results.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "scheduler/cpus.h"
#include "scheduler/format.h"
#include "scheduler/shards.h"

_Static_assert(sizeof(grus_sequences) == offsetof(grus_sequences, shard) + sizeof(const char *), "padding");

struct grus_runner {
    grus_batches batches;
    grus_collected *collected; // of the call
};

static const grus_sequences no_sequences = {.first = 1};

void grus_sequences_init(grus_sequences *sequences, size_t size)
{
    grus_sized_init(sequences, size, &no_sequences, sizeof no_sequences);
}

size_t grus_cpu_count(void)
{
    return grus_cpus();
}

// ---- what comes out ----

static void place_of(uint64_t number, char place[GRUS_RECORD_PLACE])
{
    snprintf(place, GRUS_RECORD_PLACE, "record %" PRIu64, number);
}

static grus_status refuse_not_finite(const grus_runner *runner, uint64_t number, grus_error *error)
{
    char place[GRUS_RECORD_PLACE];
    place_of(number, place);
    return runner->batches.job.options->fail_on_error
               ? grus_fail(error, GRUS_E_FAILED, NULL, place, "%s", grus_format_not_finite)
               : GRUS_OK;
}

static grus_status collect(grus_runner *runner, const grus_slot *slot, const grus_result *result, grus_error *error)
{
    grus_status status = GRUS_OK;
    grus_slot_place place = {0};
    grus_slot_entry entry;
    while (status == GRUS_OK && grus_slot_next(slot, &place, &entry)) {
        if (entry.error) {
            grus_collected_error(runner->collected, entry.error, entry.cause);
            continue;
        }
        if (result->finite) {
            grus_collected_add(runner->collected, &entry, result);
        } else {
            grus_collected_error(runner->collected, grus_format_not_finite, GRUS_CAUSE_NOT_FINITE);
            status = refuse_not_finite(runner, entry.number, error);
        }
        result++;
    }
    return status;
}

static grus_status take_results(void *context, grus_worker *worker, grus_slot *slot, grus_error *error)
{
    grus_runner *runner = context;
    grus_status status = grus_worker_infer(worker, slot, error);
    if (status == GRUS_OK)
        status = collect(runner, slot, worker->results, error);
    grus_worker_settle(worker, slot);
    return status;
}

// ---- what goes in ----

// Where in the sequences a walk has come to.
typedef struct walk {
    const grus_sequences *of;
    size_t feature_dim;
    size_t at; // bytes, ids or rows
} walk;

static grus_raw_sequence next_sequence(walk *w, size_t i)
{
    const grus_sequences *of = w->of;
    size_t at = w->at;
    w->at += of->lengths[i];
    return (grus_raw_sequence){
        .length = of->lengths[i],
        .text = of->text ? of->text + at : NULL,
        .ids = of->ids ? of->ids + at : NULL,
        .features = of->features ? of->features + at * w->feature_dim : NULL,
    };
}

static grus_status refuse(grus_error *error, const char *field, const char *why)
{
    return grus_fail(error, GRUS_E_USAGE, NULL, field, "%s", why);
}

// width: bytes of what lengths count.
static grus_status check_lengths(const grus_sequences *sequences, const char *name, size_t width, grus_error *error)
{
    size_t sum = 0, bytes;
    if (sequences->n > 0 && !sequences->lengths)
        return refuse(error, name, "has no lengths");
    for (size_t i = 0; i < sequences->n; i++)
        if (!grus_add(sum, sequences->lengths[i], &sum))
            sum = SIZE_MAX;
    if (!grus_mul(sum, width, &bytes))
        return refuse(error, name, "has lengths of more than there can be in memory");
    if (sum > 0 && !sequences->text && !sequences->ids && !sequences->features)
        return refuse(error, name, "has lengths, and neither text nor ids nor features");
    return GRUS_OK;
}

// The caller's sequences, whole. feature_dim 0: of tokens.
static grus_status read_sequences(grus_sequences *to, const grus_sequences *from, const char *name, size_t feature_dim,
                                  grus_error *error)
{
    *to = no_sequences;
    grus_status status = grus_sized_read(to, sizeof *to, from, name, error);
    if (status != GRUS_OK)
        return status;
    if ((to->text != NULL) + (to->ids != NULL) + (to->features != NULL) > 1)
        return refuse(error, name, "has more than one of text, ids and features");
    if (feature_dim && (to->text || to->ids))
        return refuse(error, name, "has tokens, and the model takes features");
    if (!feature_dim && to->features)
        return refuse(error, name, "has features, and the model takes tokens");
    size_t width = to->ids ? sizeof *to->ids : 1;
    return check_lengths(to, name, feature_dim ? grus_mul_sat(feature_dim, sizeof *to->features) : width, error);
}

static grus_status read_targets(const grus_job *job, grus_sequences *to, const grus_sequences *from, size_t n,
                                grus_error *error)
{
    if (job->record.want_target != (from != NULL))
        return refuse(error, "targets", from ? "go with run.task score, and with run.prefix_key" : "are missing");
    grus_status status = from ? read_sequences(to, from, "targets", 0, error) : GRUS_OK;
    if (status == GRUS_OK && from && to->n != n)
        return grus_fail(error, GRUS_E_USAGE, NULL, "targets", "are %zu, of %zu sources", to->n, n);
    return status;
}

// ---- the call ----

// targets NULL: there are none.
static grus_status run(grus_runner *runner, const grus_sequences *sources, const grus_sequences *targets,
                       grus_error *error)
{
    grus_batches *batches = &runner->batches;
    walk source = {sources, batches->job.record.feature_dim, 0}, target = {targets, 0, 0};
    grus_status status = grus_batches_begin(batches, error);
    for (size_t i = 0; i < sources->n && status == GRUS_OK; i++) {
        char place[GRUS_RECORD_PLACE];
        grus_raw_sequence from = next_sequence(&source, i), to = {0};
        if (targets)
            to = next_sequence(&target, i);
        place_of(sources->first + i, place);
        status = grus_parse_sequence(&batches->job, &from, &to, sources->first + i, &batches->parsed, error);
        if (status == GRUS_OK)
            status = grus_batches_add(batches, place, error);
    }
    return status == GRUS_OK ? grus_batches_end(batches, error) : status;
}

grus_status grus_runner_run(grus_runner *runner, const grus_sequences *sources, const grus_sequences *targets,
                            grus_results **results, grus_error *error)
{
    grus_error unseen;
    grus_sequences source, target;
    const grus_job *job = &runner->batches.job;
    if (!error)
        error = &unseen;
    *results = NULL;
    grus_status status = read_sequences(&source, sources, "sources", job->record.feature_dim, error);
    if (status == GRUS_OK)
        status = read_targets(job, &target, targets, source.n, error);
    if (status != GRUS_OK)
        return status;
    runner->batches.slot.shard_key = source.shard ? grus_shard_key_of(source.shard) : 0;
    status = grus_collected_new(job, &runner->collected, error);
    if (status == GRUS_OK)
        status = run(runner, &source, targets ? &target : NULL, error);
    if (status == GRUS_OK)
        status = grus_collected_finish(runner->collected, results, error);
    if (status != GRUS_OK)
        grus_collected_free(runner->collected);
    runner->collected = NULL;
    return status;
}

grus_status grus_runner_new(const grus_model *model, const grus_run_options *options, grus_runner **runner,
                            grus_error *error)
{
    grus_error unseen;
    grus_runner *made = calloc(1, sizeof *made);
    if (!error)
        error = &unseen;
    *runner = NULL;
    if (!made)
        return grus_fail_memory(error, sizeof *made);
    made->batches.context = made;
    made->batches.take = take_results;
    made->batches.worker.keeps_big = true;
    grus_status status = grus_batches_settle(&made->batches, model, options, error);
    if (status != GRUS_OK) {
        grus_runner_free(made);
        return status;
    }
    *runner = made;
    return GRUS_OK;
}

void grus_runner_free(grus_runner *runner)
{
    if (!runner)
        return;
    grus_batches_free(&runner->batches);
    free(runner);
}
