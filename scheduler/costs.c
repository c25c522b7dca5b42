// costs.c: the costs of a job, for its plan.
#include "config.h"

#include "scheduler/costs.h"

#include "base/memory.h"
#include "io/outdir/journal.h"
#include "io/outdir/output.h"
#include "io/outdir/spool.h"
#include "scheduler/format.h"
#include "scheduler/limits.h"
#include "scheduler/records.h"

#define PROGRAM_BYTES ((size_t)24 << 20) // code, libraries, stacks, what the allocator keeps

#define GROWTH_FACTOR 3     // of an array at its last growth, as a multiple of what it holds
#define GROWN 2             // the same of one that is never larger than it will be
#define WIDENED ((size_t)2) // bytes of a float for one of F16

// The memory of a parsed line, as a multiple of its bytes: two bytes of text are two and two more in lower case, two of
// a list are an id of 8 bytes, or a feature of 4. Of its tokens no more are kept than a record may have.
static size_t parse_factor(const grus_record_format *record)
{
    size_t source = record->want_ids ? 4 : 2, target = record->want_target_ids ? 4 : 2;
    return record->want_target ? source + target : source;
}

// What cutting the source, or the target, takes beside what is kept of it.
static size_t tokenizer_memory(const grus_job *job)
{
    size_t max_record = job->options->max_record, bytes = 0;
    if (job->model->source)
        bytes = grus_tokenizer_memory(job->model->source, max_record, GRUS_RECORD_POSITIONS);
    if (job->record.want_target)
        bytes = grus_max(bytes, grus_tokenizer_memory(job->model->target, max_record, GRUS_RECORD_POSITIONS));
    return bytes;
}

// Texts of a record's unknown source tokens.
static size_t unknown_memory(const grus_job *job)
{
    return job->infer.search.replace_unk ? GRUS_UNKNOWN_BYTES(GRUS_RECORD_POSITIONS) : 0;
}

// Bytes that reading and parsing take of memory at most; saturated.
static size_t reading_memory(const grus_job *job)
{
    size_t max_record = job->options->max_record;
    unsigned window_log = job->options->window_log;
    size_t lines =
        grus_add_sat(grus_lines_memory(max_record, window_log), grus_mul_sat(max_record, parse_factor(&job->record)));
    lines = grus_add_sat(lines, tokenizer_memory(job));
    lines = grus_add_sat(lines, grus_mul_sat(GROWN, unknown_memory(job)));
    if (!job->feature_shards)
        return lines;
    size_t record = grus_mul_sat(GRUS_RECORD_POSITIONS * sizeof(float), job->record.feature_dim);
    record = grus_min(record, grus_mul_sat(max_record, WIDENED));
    return grus_max(lines, grus_add_sat(grus_feature_shard_memory(window_log), grus_mul_sat(record, GROWTH_FACTOR)));
}

// Of all models.
static size_t weight_memory(const grus_job *job)
{
    size_t bytes = job->model->facts.weight_memory;
    for (size_t i = 0; i < job->options->n_ensemble; i++)
        bytes = grus_add_sat(bytes, job->options->ensemble[i]->facts.weight_memory);
    return bytes;
}

static size_t workspace_cost(const void *data, const grus_slot_bounds *bounds)
{
    const grus_job *job = data;
    size_t cells = grus_min(bounds->cells, grus_job_most_cells(job, bounds->positions, bounds->records));
    return grus_workspace_bound(job->model->engine, &job->infer, bounds->positions, bounds->records, cells);
}

static size_t output_cost(const void *data, const grus_slot_bounds *bounds)
{
    return grus_format_bound(data, bounds);
}

grus_status grus_costs_plan(const grus_job *job, size_t threads, grus_plan *plan, grus_error *error)
{
    const grus_run_options *options = job->options;
    size_t fixed = PROGRAM_BYTES;
    size_t parts[] = {weight_memory(job), reading_memory(job), grus_output_memory(options->level),
                      grus_journal_memory(), options->format == GRUS_FORMAT_SAFETENSORS ? grus_spool_memory() : 0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!grus_add(fixed, parts[i], &fixed))
            fixed = SIZE_MAX;
    grus_plan_costs costs = {
        .data = job,
        .fixed = fixed,
        .workspace = workspace_cost,
        .output = output_cost,
        .tile = job->model->facts.tile,
        .lanes = job->model->facts.lanes,
        .feature_dim = job->record.feature_dim,
        .config = &job->model->config,
        .targets = job->record.want_target,
        .max_record = grus_add_sat(options->max_record, unknown_memory(job)),
        .checkpoint_records = options->checkpoint_records,
    };
    size_t batch_tokens = options->batch_tokens;
    if (batch_tokens == 0 && job->states)
        batch_tokens = GRUS_BATCH_STATES;
    return grus_plan_make(&costs, threads, batch_tokens, options->max_memory, plan, error);
}
