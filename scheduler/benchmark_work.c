// benchmark_work.c: lines of shards, or made-up sequences, to slots.
#include "config.h"

#include "scheduler/benchmark_work.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "scheduler/pack.h"
#include "scheduler/synthetic.h"

#define SEED 5

static grus_slot *last_slot(const grus_benchmark_work *work)
{
    return work->n_slots ? &work->slots[work->n_slots - 1] : NULL;
}

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
    grus_status status = grus_slot_reset(slot, big ? &work->plan.big : &work->plan.slot, error);
    slot->big = big;
    return status;
}

// ---- from shards ----

static grus_status add_line(grus_benchmark_work *work, grus_shard_kind kind, grus_packed *packed, const char *line,
                            size_t length, bool too_long, uint64_t number, grus_error *error)
{
    const grus_plan *plan = &work->plan;
    grus_status status = grus_pack_line(work->job, kind, line, length, too_long, number, packed, error);
    if (status != GRUS_OK)
        return status;
    bool big = grus_pack_is_big(&plan->slot, packed, length);
    bool fits =
        work->n_slots && number > 1 && grus_pack_fits(last_slot(work), &plan->slot, plan->batch_tokens, packed, length);
    if (!fits)
        status = add_slot(work, kind, big, error);
    if (status != GRUS_OK)
        return status;
    work->records++;
    work->bytes += length + 1;
    work->positions += packed->n_positions;
    return grus_pack_add(last_slot(work), work->job, packed, line, length, number, error);
}

static grus_status read_shard(grus_benchmark_work *work, const grus_shard *shard, size_t records, grus_error *error)
{
    grus_input *input;
    grus_packed packed = {0};
    uint64_t number = 1;
    if (shard->fault)
        return grus_shard_fault(shard, error);
    grus_status status = grus_input_open(shard->path, work->job->options->max_record, &input, error);
    if (status != GRUS_OK)
        return status;
    while (work->records < records && status == GRUS_OK) {
        grus_line_kind kind;
        const char *line;
        size_t length;
        status = grus_input_line(input, &kind, &line, &length, error);
        if (status != GRUS_OK || kind == GRUS_LINE_END)
            break;
        status = add_line(work, shard->kind, &packed, line, length, kind == GRUS_LINE_TOO_LONG, number++, error);
    }
    grus_packed_free(&packed);
    grus_input_close(input);
    return status;
}

grus_status grus_benchmark_read(grus_benchmark_work *work, const char *const *inputs, size_t n_inputs, size_t records,
                                grus_error *error)
{
    grus_status status = grus_shards_list(&work->shards, inputs, n_inputs, error);
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

static void invent_record(const grus_benchmark_work *work, uint64_t *state, grus_slot *slot, size_t length)
{
    const grus_job *job = work->job;
    size_t dim = job->model->config.features ? job->model->config.feature_dim : 0;
    if (dim)
        for (size_t i = 0; i < length * dim; i++)
            slot->features[slot->n_positions * dim + i] = (float)(grus_synthetic_number(state) >> 40) * 0x1p-23f - 1.0f;
    else
        grus_synthetic_ids(state, job->model->facts.source_vocab, slot->ids.data + slot->n_positions, length);
    if (job->infer.force) {
        grus_synthetic_ids(state, job->model->facts.target_vocab, slot->targets.data + slot->n_targets, length);
        slot->target_length[slot->n_sequences] = length;
        slot->n_targets += length;
    }
    slot->length[slot->n_sequences++] = length;
    slot->n_positions += length;
}

grus_status grus_benchmark_invent(grus_benchmark_work *work, size_t records, grus_error *error)
{
    uint64_t state = SEED;
    const grus_slot_bounds *bounds = &work->plan.slot;
    size_t each = work->job->infer.force ? 2 : 1; // a target is as long as its source
    while (work->records < records) {
        size_t length = grus_synthetic_length(&state);
        const grus_slot *slot = last_slot(work);
        size_t limit = grus_min(work->plan.batch_tokens, bounds->positions);
        if (!slot || slot->n_sequences == grus_min(bounds->records, work->plan.batch_tokens) ||
            each * (slot->n_positions + length) > grus_max(limit, each * length)) {
            grus_status status = add_slot(work, GRUS_SHARD_JSONL, false, error);
            if (status != GRUS_OK)
                return status;
        }
        invent_record(work, &state, last_slot(work), length);
        work->records++;
        work->positions += length;
    }
    return GRUS_OK;
}

void grus_benchmark_work_free(grus_benchmark_work *work)
{
    for (size_t i = 0; i < work->n_slots; i++)
        grus_slot_free(&work->slots[i]);
    free(work->slots);
    free(work->kinds);
    grus_shards_free(&work->shards);
}
