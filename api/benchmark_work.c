// benchmark_work.c: lines of shards, or made-up sequences, to slots.
#include "config.h"

#include "api/benchmark_work.h"

#include <stdlib.h>
#include <string.h>

#include "api/synthetic.h"
#include "base/error.h"
#include "base/memory.h"
#include "scheduler/inputs.h"
#include "scheduler/parse.h"

#define SEED 5

static grus_status add_slot(grus_benchmark_work *work, grus_shard_kind kind, bool big, grus_error *error)
{
    void *slots = work->slots, *kinds = work->kinds;
    bool grown = grus_grow(&slots, &work->slots_capacity, work->n_slots + 1, sizeof *work->slots);
    work->slots = slots;
    grown = grown && grus_grow(&kinds, &work->kinds_capacity, work->n_slots + 1, sizeof *work->kinds);
    work->kinds = kinds;
    if (!grown)
        return grus_fail_memory(error, (work->n_slots + 1) * sizeof *work->slots);
    work->kinds[work->n_slots] = kind;
    grus_slot *slot = &work->slots[work->n_slots++];
    *slot = (grus_slot){.big = big};
    grus_status status = grus_slot_reset(slot, big ? &work->plan.bounds.big : &work->plan.bounds.slot, error);
    slot->big = big;
    return status;
}

// The next batch becomes a slot. ended: no records of the shard come behind those that wait.
static grus_status cut_batch(grus_benchmark_work *work, grus_shard_kind kind, bool ended, grus_error *error)
{
    grus_cut cut = grus_batcher_cut(&work->batcher, ended);
    grus_status status = add_slot(work, kind, cut.big, error);
    return status == GRUS_OK ? grus_batcher_move(&work->batcher, cut.records, &work->slots[work->n_slots - 1], error)
                             : status;
}

static grus_status cut_rest(grus_benchmark_work *work, grus_shard_kind kind, grus_error *error)
{
    grus_status status = GRUS_OK;
    while (status == GRUS_OK && grus_batcher_records(&work->batcher) > 0)
        status = cut_batch(work, kind, true, error);
    return status;
}

static grus_status add_record(grus_benchmark_work *work, grus_shard_kind kind, const grus_slot_entry *entry,
                              grus_error *error)
{
    grus_status status = GRUS_OK;
    while (status == GRUS_OK && !grus_batcher_has_room(&work->batcher, entry))
        status = cut_batch(work, kind, false, error);
    work->records++;
    work->bytes += entry->length + 1;
    work->positions += entry->n_positions;
    return status == GRUS_OK ? grus_batcher_add(&work->batcher, entry, error) : status;
}

// ---- from shards ----

static grus_status read_shard(grus_benchmark_work *work, const grus_shard *shard, size_t records, grus_error *error)
{
    grus_lines *input;
    grus_parsed parsed = {0};
    uint64_t number = 1;
    if (shard->fault)
        return grus_shard_fault(shard, error);
    grus_status status = grus_batcher_begin(&work->batcher, error);
    if (status == GRUS_OK)
        status =
            grus_lines_open(shard->path, work->job->options->max_record, work->job->options->window_log, &input, error);
    if (status != GRUS_OK)
        return status;
    while (work->records < records && status == GRUS_OK) {
        grus_line_kind kind;
        grus_raw_line line = {.kind = shard->kind, .number = number++};
        status = grus_lines_next(input, &kind, &line.text, &line.length, error);
        if (status != GRUS_OK || kind == GRUS_LINE_END)
            break;
        line.too_long = kind == GRUS_LINE_TOO_LONG;
        status = grus_parse_line(work->job, &line, &parsed, error);
        if (status == GRUS_OK)
            status = add_record(work, shard->kind, &parsed.entry, error);
    }
    grus_parsed_free(&parsed);
    grus_lines_close(input);
    return status == GRUS_OK ? cut_rest(work, shard->kind, error) : status;
}

grus_status grus_benchmark_read(grus_benchmark_work *work, const char *const *inputs, size_t n_inputs, size_t records,
                                grus_error *error)
{
    grus_status status = grus_inputs_list(&work->shards, &(grus_inputs){.list = inputs, .n = n_inputs}, error);
    for (size_t i = 0; i < work->shards.n && status == GRUS_OK; i++) {
        if (work->shards.list[i].kind == GRUS_SHARD_SAFETENSORS || grus_shard_is_stdin(&work->shards.list[i]))
            status = grus_fail(error, GRUS_E_USAGE, work->shards.list[i].path, NULL,
                               "bench reads .jsonl, .txt and .tsv files only");
        else
            status = read_shard(work, &work->shards.list[i], records, error);
    }
    if (status == GRUS_OK && work->records == 0)
        status = grus_fail(error, GRUS_E_INPUT, inputs[0], NULL, "there is no record to measure with");
    return status;
}

// ---- made up ----

static bool grow_ids(grus_ids *ids, size_t n)
{
    void *data = ids->data;
    bool grown = grus_grow(&data, &ids->capacity, n, sizeof *ids->data);
    ids->data = data;
    ids->size = n;
    return grown;
}

static bool grow_features(grus_record *record, size_t floats)
{
    void *features = record->features;
    bool grown = grus_grow(&features, &record->features_capacity, floats, sizeof *record->features);
    record->features = features;
    return grown;
}

// A record of `length` positions; a forced target is as long as its source. false when memory is short.
static bool invent_record(const grus_job *job, uint64_t *state, size_t length, grus_parsed *parsed)
{
    size_t dim = job->record.feature_dim, targets = job->infer.force ? length : 0;
    if (dim ? !grow_features(&parsed->record, length * dim) : !grow_ids(&parsed->ids, length))
        return false;
    if (!grow_ids(&parsed->targets, targets))
        return false;
    for (size_t i = 0; i < length * dim; i++)
        parsed->record.features[i] = (float)(grus_synthetic_number(state) >> 40) * 0x1p-23f - 1.0f;
    if (!dim)
        grus_synthetic_ids(state, job->model->facts.source_vocab, parsed->ids.data, length);
    grus_synthetic_ids(state, job->model->facts.target_vocab, parsed->targets.data, targets);
    parsed->entry = (grus_slot_entry){
        .line = "",
        .n_positions = length,
        .n_targets = targets,
        .n_cells = grus_job_cells(job, length, targets),
        .ids = parsed->ids.data,
        .features = parsed->record.features,
        .targets = parsed->targets.data,
    };
    return true;
}

grus_status grus_benchmark_invent(grus_benchmark_work *work, size_t records, grus_error *error)
{
    uint64_t state = SEED;
    grus_parsed parsed = {0};
    grus_status status = grus_batcher_begin(&work->batcher, error);
    while (status == GRUS_OK && work->records < records) {
        size_t length = grus_synthetic_length(&state);
        bool invented = invent_record(work->job, &state, length, &parsed);
        parsed.entry.number = work->records + 1;
        status = invented ? add_record(work, GRUS_SHARD_JSONL, &parsed.entry, error)
                          : grus_fail_memory(error, length * sizeof(float));
    }
    grus_parsed_free(&parsed);
    return status == GRUS_OK ? cut_rest(work, GRUS_SHARD_JSONL, error) : status;
}

uint64_t grus_benchmark_output_bytes(const grus_benchmark_work *work)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < work->n_slots; i++)
        bytes += work->slots[i].out.size;
    return bytes;
}

void grus_benchmark_work_free(grus_benchmark_work *work)
{
    for (size_t i = 0; i < work->n_slots; i++)
        grus_slot_free(&work->slots[i]);
    grus_batcher_free(&work->batcher);
    free(work->slots);
    free(work->kinds);
    grus_shards_free(&work->shards);
}
