// parse.c: one line or sequence to a packed record, and that into a slot.
#include "config.h"

#include "scheduler/parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

// ---- a line ----

static grus_status encode(const grus_tokenizer *tokenizer, bool as_list, const uint64_t *list, size_t n,
                          const grus_buffer *text, grus_ids *ids, grus_error *error)
{
    ids->size = 0;
    ids->at_least = false;
    ids->most = GRUS_RECORD_POSITIONS; // check_length refuses more
    if (as_list)
        return grus_tokenizer_encode_ids(tokenizer, list, n, ids, error);
    return grus_tokenizer_encode(tokenizer, text->data ? text->data : "", text->size, ids, error);
}

static grus_status tokenize(const grus_job *job, grus_shard_kind kind, grus_packed *packed, grus_error *error)
{
    const grus_record *record = &packed->record;
    grus_status status = GRUS_OK;
    packed->n_positions = record->n_positions;
    if (job->model->source) {
        bool as_list = job->record.want_ids && kind == GRUS_SHARD_JSONL;
        status = encode(job->model->source, as_list, record->ids, record->n_ids, &record->text, &packed->ids, error);
        packed->n_positions = packed->ids.size;
    }
    packed->n_targets = 0;
    if (status == GRUS_OK && job->infer.force) {
        bool as_list = job->record.want_target_ids && kind == GRUS_SHARD_JSONL;
        status = encode(job->model->target, as_list, record->target_ids, record->n_target_ids, &record->target,
                        &packed->targets, error);
        packed->n_targets = packed->targets.size;
    }
    packed->n_cells = grus_job_cells(job, packed->n_positions, packed->n_targets);
    return status;
}

static grus_status check_length(const grus_packed *packed, grus_error *error)
{
    if (packed->n_positions > GRUS_RECORD_POSITIONS || packed->n_targets > GRUS_RECORD_POSITIONS - packed->n_positions)
        return grus_fail(error, GRUS_E_FAILED, NULL, "too_long", "%s%zu positions; a record may have %d",
                         packed->ids.at_least || packed->targets.at_least ? "at least " : "",
                         packed->n_positions + packed->n_targets, GRUS_RECORD_POSITIONS);
    if (packed->n_cells > GRUS_RECORD_CELLS)
        return grus_fail(error, GRUS_E_FAILED, NULL, "too_long", "%zu attention weights; a record may have %u",
                         packed->n_cells, GRUS_RECORD_CELLS);
    return GRUS_OK;
}

// What has come of record `number`: one in error is no failure.
static grus_status conclude(grus_packed *packed, grus_status status, grus_shard_kind kind, uint64_t number,
                            grus_error *error)
{
    char place[GRUS_RECORD_PLACE];
    packed->bad = status != GRUS_OK;
    if (status == GRUS_OK)
        return GRUS_OK;
    if (status == GRUS_E_FAILED) {
        packed->n_positions = packed->n_targets = packed->n_cells = 0;
        packed->cause = grus_cause_find(packed->error.place);
        return GRUS_OK;
    }
    *error = packed->error;
    grus_record_place(kind, number, place);
    if (*error->place == '\0')
        strcpy(error->place, place);
    return status;
}

grus_status grus_pack_line(const grus_job *job, grus_shard_kind kind, const char *line, size_t length, bool too_long,
                           uint64_t number, grus_packed *packed, grus_error *error)
{
    grus_record_format format = job->record;
    format.kind = kind;
    grus_status status;
    if (too_long) {
        packed->record.is_object = false;
        status = grus_fail(&packed->error, GRUS_E_FAILED, NULL, "too_big",
                           "the line is longer than %zu bytes (--max-record)", job->options->max_record);
    } else {
        status = grus_record_parse(&format, line, length, &packed->record, &packed->error);
    }
    if (status == GRUS_OK)
        status = tokenize(job, kind, packed, &packed->error);
    if (status == GRUS_OK)
        status = check_length(packed, &packed->error);
    return conclude(packed, status, kind, number, error);
}

// ---- a sequence of features ----

static grus_status read_features(grus_feature_shard *shard, size_t rows, grus_record *record, grus_error *error)
{
    size_t width = grus_feature_shard_dim(shard), n = rows * width;
    void *features = record->features;
    if (n && !grus_grow(&features, &record->features_capacity, n, sizeof *record->features))
        return grus_fail_memory(error, n * sizeof *record->features);
    record->features = features;
    grus_status status = grus_feature_shard_values(shard, record->features, error);
    for (size_t i = 0; i < n && status == GRUS_OK; i++)
        if (!isfinite(record->features[i]))
            status = grus_fail(error, GRUS_E_FAILED, NULL, "bad_features",
                               "value %zu in row %zu of \"features\" is not a finite number", i % width, i / width);
    return status;
}

grus_status grus_pack_features(const grus_job *job, grus_feature_shard *shard, size_t rows, uint64_t number,
                               grus_packed *packed, grus_error *error)
{
    // Part of a tensor whose size is known not to overflow.
    size_t bytes = rows * grus_feature_shard_dim(shard) * grus_feature_shard_element_bytes(shard);
    grus_status status = GRUS_OK;
    packed->record.is_object = false;
    packed->n_positions = rows;
    packed->n_targets = 0;
    packed->n_cells = grus_job_cells(job, rows, 0);
    if (bytes > job->options->max_record)
        status = grus_fail(&packed->error, GRUS_E_FAILED, NULL, "too_big",
                           "the sequence is longer than %zu bytes (--max-record)", job->options->max_record);
    if (status == GRUS_OK)
        status = check_length(packed, &packed->error);
    if (status == GRUS_OK)
        status = read_features(shard, rows, &packed->record, &packed->error);
    return conclude(packed, status, GRUS_SHARD_SAFETENSORS, number, error);
}

void grus_packed_free(grus_packed *packed)
{
    grus_record_free(&packed->record);
    free(packed->ids.data);
    free(packed->targets.data);
    *packed = (grus_packed){0};
}

// ---- into a slot ----

static void add_sequence(grus_slot *slot, const grus_job *job, const grus_packed *packed)
{
    slot->length[slot->n_sequences] = packed->n_positions;
    if (job->infer.force) {
        slot->target_length[slot->n_sequences] = packed->n_targets;
        if (packed->n_targets)
            memcpy(slot->targets.data + slot->n_targets, packed->targets.data,
                   packed->n_targets * sizeof *packed->targets.data);
    }
    if (packed->n_positions && job->record.want_features)
        memcpy(slot->features + slot->n_positions * job->record.feature_dim, packed->record.features,
               packed->n_positions * job->record.feature_dim * sizeof *slot->features);
    else if (packed->n_positions)
        memcpy(slot->ids.data + slot->n_positions, packed->ids.data, packed->n_positions * sizeof *packed->ids.data);
    slot->n_sequences++;
    slot->n_positions += packed->n_positions;
    slot->n_targets += packed->n_targets;
    slot->n_cells += packed->n_cells;
    slot->ids.size = slot->n_positions;
    slot->targets.size = slot->n_targets;
}

grus_status grus_pack_add(grus_slot *slot, const grus_job *job, const grus_packed *packed, const char *line,
                          size_t length, uint64_t number, grus_error *error)
{
    grus_slot_record *record = &slot->records[slot->n_records];
    *record = (grus_slot_record){
        .start = slot->lines.size, .length = length, .error = GRUS_NO_ERROR, .is_object = packed->record.is_object};
    grus_buffer_append(&slot->lines, line, length);
    if (packed->bad) {
        record->error = slot->errors.size;
        grus_buffer_append(&slot->errors, packed->error.cause, strlen(packed->error.cause) + 1);
    }
    if (slot->lines.failed || slot->errors.failed)
        return grus_fail_memory(error, length);
    if (slot->n_records == 0)
        slot->first_number = number;
    slot->n_records++;
    if (packed->bad)
        slot->causes[packed->cause]++;
    else
        add_sequence(slot, job, packed);
    return GRUS_OK;
}
