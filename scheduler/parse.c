// parse.c: one line or sequence to a record.
#include "config.h"

#include "scheduler/parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/shard/record_parse.h"
#include "scheduler/limits.h"

// ---- a line ----

// A source or a target, as a record has it.
struct words {
    bool as_list; // of ids
    const uint64_t *list;
    const char *text; // where it is no list
    size_t n;         // of ids, or bytes
};

static struct words words_of(bool as_list, const uint64_t *list, size_t n, const grus_buffer *text)
{
    return as_list ? (struct words){.as_list = true, .list = list, .n = n}
                   : (struct words){.text = text->data ? text->data : "", .n = text->size};
}

static grus_status encode(const grus_tokenizer *tokenizer, const struct words *words, grus_ids *ids, grus_error *error)
{
    ids->size = 0;
    ids->at_least = false;
    ids->most = GRUS_RECORD_POSITIONS; // check_length refuses more
    if (words->as_list)
        return grus_tokenizer_encode_ids(tokenizer, words->list, words->n, ids, error);
    return grus_tokenizer_encode(tokenizer, words->text, words->n, ids, error);
}

// What goes on behind a prefix cannot have ended in it.
static grus_status check_prefix(const grus_job *job, const grus_ids *prefix, grus_error *error)
{
    for (size_t i = 0; i < prefix->size; i++)
        if (prefix->data[i] == job->model->config.decoder.eos)
            return grus_fail(error, GRUS_E_FAILED, NULL, "bad_text", "field \"%s\" holds the end token",
                             job->record.target_key);
    return GRUS_OK;
}

// Positions of features are there already. target NULL: the job wants none.
static grus_status tokenize(const grus_job *job, const struct words *source, const struct words *target,
                            grus_parsed *parsed, grus_error *error)
{
    grus_slot_entry *entry = &parsed->entry;
    grus_status status = GRUS_OK;
    if (job->model->source) {
        grus_buffer_clear(&parsed->unknown);
        parsed->unknown.most = GRUS_UNKNOWN_BYTES(GRUS_RECORD_POSITIONS);
        parsed->ids.unknown = job->infer.search.replace_unk ? &parsed->unknown : NULL;
        status = encode(job->model->source, source, &parsed->ids, error);
        if (status == GRUS_OK && parsed->unknown.failed)
            status = grus_fail_memory(error, parsed->unknown.size);
        entry->n_positions = parsed->ids.size;
        entry->ids = parsed->ids.data;
        entry->unknown = parsed->unknown.data;
        entry->unknown_bytes = parsed->unknown.size;
    }
    if (status == GRUS_OK && target) {
        status = encode(job->model->target, target, &parsed->targets, error);
        entry->n_targets = parsed->targets.size;
        entry->targets = parsed->targets.data;
        if (status == GRUS_OK && job->prefixed)
            status = check_prefix(job, &parsed->targets, error);
    }
    entry->n_cells = grus_job_cells(job, entry->n_positions, entry->n_targets);
    return status;
}

static grus_status tokenize_line(const grus_job *job, grus_shard_kind kind, grus_parsed *parsed, grus_error *error)
{
    const grus_record *record = &parsed->record;
    bool lists = kind == GRUS_SHARD_JSONL;
    struct words source = words_of(lists && job->record.want_ids, record->ids, record->n_ids, &record->text);
    struct words target =
        words_of(lists && job->record.want_target_ids, record->target_ids, record->n_target_ids, &record->target);
    parsed->entry.n_positions = record->n_positions;
    parsed->entry.features = record->features;
    return tokenize(job, &source, job->record.want_target ? &target : NULL, parsed, error);
}

static grus_status check_length(const grus_parsed *parsed, grus_error *error)
{
    const grus_slot_entry *entry = &parsed->entry;
    if (entry->n_positions > GRUS_RECORD_POSITIONS || entry->n_targets > GRUS_RECORD_POSITIONS - entry->n_positions)
        return grus_fail(error, GRUS_E_FAILED, NULL, "too_long", "%s%zu positions; a record may have %d",
                         parsed->ids.at_least || parsed->targets.at_least ? "at least " : "",
                         entry->n_positions + entry->n_targets, GRUS_RECORD_POSITIONS);
    if (entry->n_cells > GRUS_RECORD_CELLS)
        return grus_fail(error, GRUS_E_FAILED, NULL, "too_long", "%zu attention weights; a record may have %u",
                         entry->n_cells, GRUS_RECORD_CELLS);
    return GRUS_OK;
}

// What has come of the record: one in error is no failure.
static grus_status conclude(grus_parsed *parsed, grus_status status, grus_shard_kind kind, grus_error *error)
{
    grus_slot_entry *entry = &parsed->entry;
    char place[GRUS_RECORD_PLACE];
    if (status == GRUS_OK)
        return GRUS_OK;
    if (status == GRUS_E_FAILED) {
        entry->n_positions = entry->n_targets = entry->n_cells = entry->unknown_bytes = 0;
        entry->cause = grus_cause_find(parsed->error.place);
        entry->error = parsed->error.cause;
        return GRUS_OK;
    }
    *error = parsed->error;
    grus_record_place(kind, entry->number, place);
    if (*error->place == '\0')
        strcpy(error->place, place);
    return status;
}

grus_status grus_parse_line(const grus_job *job, const grus_raw_line *line, grus_parsed *parsed, grus_error *error)
{
    grus_record_format format = job->record;
    format.kind = line->kind;
    parsed->entry = (grus_slot_entry){.number = line->number, .line = line->text, .length = line->length};
    grus_status status;
    if (line->too_long) {
        status = grus_fail(&parsed->error, GRUS_E_FAILED, NULL, "too_big",
                           "the line is longer than %zu bytes (--max-record)", job->options->max_record);
    } else {
        status = grus_record_parse(&format, line->text, line->length, &parsed->record, &parsed->error);
        parsed->entry.is_object = parsed->record.is_object;
        parsed->entry.has_error = parsed->record.has_error;
    }
    if (status == GRUS_OK)
        status = tokenize_line(job, line->kind, parsed, &parsed->error);
    if (status == GRUS_OK)
        status = check_length(parsed, &parsed->error);
    return conclude(parsed, status, line->kind, error);
}

// ---- a sequence of features ----

static grus_status check_finite(const float *features, size_t rows, size_t width, grus_error *error)
{
    for (size_t i = 0; i < rows * width; i++)
        if (!isfinite(features[i]))
            return grus_fail(error, GRUS_E_FAILED, NULL, "bad_features",
                             "value %zu in row %zu of \"features\" is not a finite number", i % width, i / width);
    return GRUS_OK;
}

static grus_status read_features(grus_feature_shard *shard, size_t rows, grus_record *record, grus_error *error)
{
    size_t width = grus_feature_shard_dim(shard), n = rows * width;
    void *features = record->features;
    if (n && !grus_grow(&features, &record->features_capacity, n, sizeof *record->features))
        return grus_fail_memory(error, n * sizeof *record->features);
    record->features = features;
    grus_status status = grus_feature_shard_values(shard, record->features, error);
    return status == GRUS_OK ? check_finite(record->features, rows, width, error) : status;
}

static grus_status check_size(const grus_job *job, size_t bytes, grus_error *error)
{
    if (bytes <= job->options->max_record)
        return GRUS_OK;
    return grus_fail(error, GRUS_E_FAILED, NULL, "too_big", "the sequence is longer than %zu bytes (--max-record)",
                     job->options->max_record);
}

grus_status grus_parse_features(const grus_job *job, grus_feature_shard *shard, size_t rows, uint64_t number,
                                grus_parsed *parsed, grus_error *error)
{
    // Part of a tensor whose size is known not to overflow.
    size_t bytes = rows * grus_feature_shard_dim(shard) * grus_feature_shard_element_bytes(shard);
    parsed->entry =
        (grus_slot_entry){.number = number, .line = "", .n_positions = rows, .n_cells = grus_job_cells(job, rows, 0)};
    grus_status status = check_size(job, bytes, &parsed->error);
    if (status == GRUS_OK)
        status = check_length(parsed, &parsed->error);
    if (status == GRUS_OK)
        status = read_features(shard, rows, &parsed->record, &parsed->error);
    parsed->entry.features = parsed->record.features;
    return conclude(parsed, status, GRUS_SHARD_SAFETENSORS, error);
}

// ---- a sequence in memory ----

// A text must be what a line of text must be.
static grus_status check_sequence(const grus_job *job, const grus_raw_sequence *sequence, grus_error *error)
{
    size_t each = 1;
    if (sequence->ids)
        each = sizeof *sequence->ids;
    if (sequence->features)
        each = grus_mul_sat(job->record.feature_dim, sizeof *sequence->features);
    grus_status status = check_size(job, grus_mul_sat(sequence->length, each), error);
    if (status != GRUS_OK || !sequence->text)
        return status;
    const uint8_t *text = (const uint8_t *)sequence->text, *bad = u8_check(text, sequence->length);
    return bad ? grus_fail(error, GRUS_E_FAILED, NULL, "bad_utf8", "byte %zu of the text is not UTF-8",
                           (size_t)(bad - text) + 1)
               : GRUS_OK;
}

static struct words words_in(const grus_raw_sequence *sequence)
{
    return (struct words){sequence->ids != NULL, sequence->ids, sequence->text, sequence->length};
}

grus_status grus_parse_sequence(const grus_job *job, const grus_raw_sequence *source, const grus_raw_sequence *target,
                                uint64_t number, grus_parsed *parsed, grus_error *error)
{
    bool wanted = job->record.want_target;
    parsed->entry = (grus_slot_entry){.number = number, .line = ""};
    parsed->ids.at_least = parsed->targets.at_least = false;
    if (source->features) {
        parsed->entry.n_positions = source->length;
        parsed->entry.features = source->features;
    }
    grus_status status = check_sequence(job, source, &parsed->error);
    if (status == GRUS_OK && wanted)
        status = check_sequence(job, target, &parsed->error);
    if (status == GRUS_OK) {
        struct words words = words_in(source), wish = wanted ? words_in(target) : words;
        status = tokenize(job, &words, wanted ? &wish : NULL, parsed, &parsed->error);
    }
    if (status == GRUS_OK)
        status = check_length(parsed, &parsed->error);
    if (status == GRUS_OK && source->features)
        status = check_finite(source->features, source->length, job->record.feature_dim, &parsed->error);
    return conclude(parsed, status, GRUS_SHARD_JSONL, error);
}

void grus_parsed_free(grus_parsed *parsed)
{
    grus_record_free(&parsed->record);
    free(parsed->ids.data);
    free(parsed->targets.data);
    grus_buffer_free(&parsed->unknown);
    *parsed = (grus_parsed){0};
}
