// format.c: results as JSON members, as lines of text, or as the rows of a matrix.
#include "config.h"

#include "scheduler/format.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/search_rules.h"
#include "io/json/json_write.h"
#include "io/json/number.h"
#include "io/shard/feature_rows.h"
#include "io/shard/npy.h"
#include "scheduler/format_heads.h"
#include "scheduler/format_values.h"
#include "scheduler/output_text.h"

const char grus_format_not_finite[] = "the model's result is not finite";

// ---- bounds ----

#define PAIR_BYTES 16 // "16383-16384 " and the like
#define ROW_BYTES 4   // "[], "
#define TRUNCATED_BYTES sizeof ", \"truncated\": true"

static size_t hypotheses_bound(const grus_job *job, const grus_slot_bounds *bounds)
{
    const grus_search *search = &job->infer.search;
    size_t items = job->infer.force ? 1 : (search->n_best > 1 ? search->n_best + 1 : 1);
    size_t bytes =
        grus_mul_sat(bounds->records, grus_mul_sat(items, 2 * GRUS_FORMAT_DOUBLE_BYTES + GRUS_FORMAT_RECORD_BYTES +
                                                              (job->options->mark_truncated ? TRUNCATED_BYTES : 0)));
    if (job->infer.force)
        return grus_add_sat(
            bytes, job->infer.token_scores
                       ? grus_mul_sat(grus_add_sat(bounds->positions, bounds->records), GRUS_FORMAT_FLOAT_BYTES)
                       : 0);
    // All records within their own limit: the sum of the limits, which ceil and + 10 raise by 11 a record.
    double steps =
        ceil(search->max_length_factor * (double)grus_job_most_positions(job, bounds->positions, bounds->records)) +
        11 * (double)bounds->records;
    size_t most = grus_mul_sat(bounds->records, search->max_length);
    size_t tokens = steps < (double)most ? (size_t)steps : most;
    size_t longest = job->model->longest_token;
    if (search->replace_unk)
        longest = grus_max(longest, GRUS_OUTPUT_TOKEN_MOST);
    return grus_add_sat(bytes, grus_mul_sat(items, grus_mul_sat(tokens, longest + 2)));
}

static size_t states_bound(const grus_job *job, const grus_slot_bounds *bounds)
{
    bool jsonl = job->options->format == GRUS_FORMAT_JSONL;
    size_t row = grus_mul_sat(grus_config_output_size(&job->model->config),
                              jsonl ? GRUS_FORMAT_FLOAT_BYTES : GRUS_FEATURE_VALUE_BYTES);
    return grus_mul_sat(grus_job_most_positions(job, bounds->positions, bounds->records), grus_add_sat(row, ROW_BYTES));
}

// Of the lists of each step and each head: as many as cells, and those of sources without positions, which have none.
static size_t lists_bound(const grus_job *job, const grus_slot_bounds *bounds, size_t cells)
{
    size_t steps = bounds->records;
    if (job->infer.force)
        steps = grus_add_sat(bounds->positions, bounds->records);
    else if (job->hypotheses)
        steps = grus_mul_sat(bounds->records, grus_search_limit(&job->infer.search, 0));
    size_t heads = grus_config_attention_rows(&job->model->config, true);
    size_t lists = grus_add_sat(grus_mul_sat(2, cells), grus_mul_sat(steps, grus_add_sat(heads, 1)));
    return grus_mul_sat(lists, ROW_BYTES);
}

size_t grus_format_bound(const grus_job *job, const grus_slot_bounds *bounds)
{
    bool jsonl = job->options->format == GRUS_FORMAT_JSONL;
    size_t record = grus_add_sat(GRUS_FORMAT_RECORD_BYTES, job->names.more_bytes);
    size_t bytes = grus_add_sat(jsonl ? bounds->bytes : 0, grus_mul_sat(bounds->records, record));
    if (job->embedding)
        bytes =
            grus_add_sat(bytes, grus_mul_sat(bounds->records, grus_mul_sat(grus_config_pooled_size(&job->model->config),
                                                                           GRUS_FORMAT_FLOAT_BYTES)));
    if (job->states)
        bytes = grus_add_sat(bytes, states_bound(job, bounds));
    bytes = grus_add_sat(bytes, grus_format_heads_bound(job, bounds));
    if (job->hypotheses)
        bytes = grus_add_sat(bytes, hypotheses_bound(job, bounds));
    size_t cells = grus_min(bounds->cells, grus_job_most_cells(job, bounds->positions, bounds->records));
    if (job->options->attention == GRUS_ATTENTION_SOFT)
        bytes = grus_add_sat(bytes, grus_mul_sat(cells, GRUS_FORMAT_FLOAT_BYTES));
    if (job->infer.attention_heads)
        bytes = grus_add_sat(bytes, lists_bound(job, bounds, cells));
    if (job->options->attention == GRUS_ATTENTION_HARD)
        bytes = grus_add_sat(bytes, grus_mul_sat(cells, PAIR_BYTES));
    return bytes;
}

// ---- JSON ----

// Where the text of an item of "nbest" lies in the output.
typedef struct grus_text_place {
    size_t at, length;
} grus_text_place;

typedef struct grus_format_scratch {
    grus_buffer text;   // of one output
    grus_buffer places; // of the items of one record whose texts differ
    grus_output_scratch output;
    const grus_slot_entry *entry; // the record
} grus_format_scratch;

static void put_output(grus_buffer *out, const grus_job *job, const grus_hypothesis *hypothesis,
                       grus_format_scratch *scratch)
{
    size_t n = grus_output_length(hypothesis);
    grus_buffer *text = &scratch->text;
    if (grus_tokenizer_takes_ids(job->model->target)) {
        grus_buffer_byte(out, '[');
        for (size_t i = 0; i < n; i++)
            grus_buffer_printf(out, "%s%u", i ? ", " : "", hypothesis->tokens[i]);
        grus_buffer_byte(out, ']');
        return;
    }
    grus_buffer_clear(text);
    grus_output_text(job, scratch->entry, hypothesis, &scratch->output, text);
    out->failed |= text->failed;
    grus_json_string(out, text->data ? text->data : "", text->size);
}

// Summed in double, told as float: what the tokens' log-probabilities are.
static void put_number(grus_buffer *out, const char *name, double value)
{
    grus_json_member(out, name);
    grus_json_float(out, (float)value);
}

// What stands behind the output.
static void put_scores(grus_buffer *out, const grus_job *job, const char *const *names,
                       const grus_hypothesis *hypothesis)
{
    put_number(out, names[GRUS_RESULT_SCORE], hypothesis->score);
    put_number(out, names[GRUS_RESULT_LOGPROB], hypothesis->logprob);
    if (job->options->mark_truncated && !hypothesis->ended) {
        grus_json_member(out, names[GRUS_RESULT_TRUNCATED]);
        grus_buffer_text(out, "true");
    }
}

static bool is_repeated(const grus_buffer *out, const grus_buffer *places, const grus_text_place *text)
{
    for (size_t at = 0; at < places->size; at += sizeof *text) {
        grus_text_place other;
        memcpy(&other, places->data + at, sizeof other);
        if (other.length == text->length && memcmp(out->data + other.at, out->data + text->at, text->length) == 0)
            return true;
    }
    return false;
}

// An item of "nbest". Nothing where texts are to differ and this one is there already.
static void put_item(grus_buffer *out, const grus_job *job, const grus_hypothesis *hypothesis,
                     grus_format_scratch *scratch)
{
    const char *const *names = grus_result_own_names;
    size_t before = out->size;
    grus_buffer_text(out, out->data[before - 1] == '[' ? "{" : ", {");
    grus_json_member(out, names[GRUS_RESULT_OUTPUT]);
    grus_text_place text = {.at = out->size};
    put_output(out, job, hypothesis, scratch);
    text.length = out->size - text.at;
    if (job->infer.search.unique_nbest && !out->failed) {
        if (is_repeated(out, &scratch->places, &text)) {
            out->size = before;
            return;
        }
        grus_buffer_append(&scratch->places, &text, sizeof text);
        out->failed |= scratch->places.failed;
    }
    put_scores(out, job, names, hypothesis);
    grus_buffer_byte(out, '}');
}

static void put_forced(grus_buffer *out, const grus_job *job, const grus_hypothesis *best)
{
    const char *const *names = job->names.list;
    put_number(out, names[GRUS_RESULT_LOGPROB], best->logprob);
    put_number(out, names[GRUS_RESULT_SCORE], best->score);
    if (job->infer.token_scores) {
        grus_json_member(out, names[GRUS_RESULT_TOKEN_LOGPROBS]);
        grus_format_floats(out, best->token_logprobs, best->length);
    }
}

static void put_hypotheses(grus_buffer *out, const grus_job *job, const grus_result *result,
                           grus_format_scratch *scratch)
{
    const grus_hypothesis *best = &result->hypotheses[0];
    const char *const *names = job->names.list;
    grus_json_member(out, names[GRUS_RESULT_OUTPUT]);
    put_output(out, job, best, scratch);
    put_scores(out, job, names, best);
    if (job->infer.search.n_best == 1)
        return;
    grus_json_member(out, names[GRUS_RESULT_NBEST]);
    grus_buffer_byte(out, '[');
    grus_buffer_clear(&scratch->places);
    for (size_t i = 0; i < result->n_hypotheses && !out->failed; i++)
        put_item(out, job, &result->hypotheses[i], scratch);
    grus_buffer_byte(out, ']');
}

// "source-target" pairs of all steps, the end token's included.
static void put_alignment(grus_buffer *out, const grus_hypothesis *hypothesis, size_t columns)
{
    grus_buffer_byte(out, '"');
    for (size_t i = 0; columns && i < hypothesis->length; i++) {
        const float *row = hypothesis->attention + i * columns;
        size_t greatest = 0;
        for (size_t j = 1; j < columns; j++)
            if (row[j] > row[greatest])
                greatest = j;
        grus_buffer_printf(out, "%s%zu-%zu", i ? " " : "", greatest, i);
    }
    grus_buffer_byte(out, '"');
}

// A list of rows for each step, one row for each head.
static void put_steps(grus_buffer *out, const grus_hypothesis *hypothesis, size_t heads, size_t columns)
{
    grus_buffer_byte(out, '[');
    for (size_t i = 0; i < hypothesis->length; i++) {
        if (i)
            grus_buffer_text(out, ", ");
        grus_format_rows(out, hypothesis->attention + i * heads * columns, heads, columns);
    }
    grus_buffer_byte(out, ']');
}

static void put_attention(grus_buffer *out, const grus_job *job, const grus_result *result, size_t length)
{
    bool hard = job->options->attention == GRUS_ATTENTION_HARD, by_head = job->infer.attention_heads;
    size_t rows = grus_config_attention_rows(&job->model->config, by_head);
    grus_json_member(out, job->names.list[hard ? GRUS_RESULT_ALIGNMENT : GRUS_RESULT_ATTENTION]);
    if (!job->hypotheses)
        grus_format_rows(out, result->attention, rows, length);
    else if (by_head)
        put_steps(out, &result->hypotheses[0], rows, length);
    else if (!hard)
        grus_format_rows(out, result->hypotheses[0].attention, result->hypotheses[0].length, length);
    else
        put_alignment(out, &result->hypotheses[0], length);
}

static void put_members(grus_buffer *out, const grus_job *job, const grus_result *result, size_t length,
                        grus_format_scratch *scratch)
{
    if (job->embedding) {
        grus_json_member(out, job->names.list[GRUS_RESULT_EMBEDDING]);
        grus_format_floats(out, result->embedding, grus_config_pooled_size(&job->model->config));
    }
    if (job->states) {
        grus_json_member(out, job->names.list[GRUS_RESULT_STATES]);
        grus_format_rows(out, result->states, result->n_states, grus_config_output_size(&job->model->config));
    }
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        if (job->heads[i])
            grus_format_head(out, job, i, &result->predictions[i], &scratch->text);
    if (job->infer.force)
        put_forced(out, job, &result->hypotheses[0]);
    else if (job->hypotheses)
        put_hypotheses(out, job, result, scratch);
    if (job->infer.attention)
        put_attention(out, job, result, length);
}

// ---- text: one line a record ----

static void put_plain_output(grus_buffer *out, const grus_job *job, const grus_hypothesis *best,
                             grus_format_scratch *scratch)
{
    grus_buffer *text = &scratch->text;
    if (grus_tokenizer_takes_ids(job->model->target)) {
        for (size_t i = 0; i < grus_output_length(best); i++)
            grus_buffer_printf(out, "%s%u", i ? " " : "", best->tokens[i]);
        return;
    }
    grus_buffer_clear(text);
    grus_output_text(job, scratch->entry, best, &scratch->output, text);
    out->failed |= text->failed;
    grus_format_plain(out, text->data, text->size);
}

static void put_line(grus_buffer *out, const grus_job *job, const grus_result *result, grus_format_scratch *scratch)
{
    const grus_config *config = &job->model->config;
    if (job->embedding)
        grus_format_plain_floats(out, result->embedding, grus_config_pooled_size(config));
    for (size_t i = 0; i < config->n_heads; i++)
        if (job->heads[i])
            grus_format_plain_head(out, job, i, &result->predictions[i], &scratch->text);
    if (job->infer.force)
        grus_json_float(out, (float)result->hypotheses[0].score);
    else if (job->hypotheses)
        put_plain_output(out, job, &result->hypotheses[0], scratch);
    grus_buffer_byte(out, '\n');
}

// ---- records ----

static void put_error(const grus_job *job, const grus_record_format *format, const grus_slot_entry *entry,
                      const char *words, grus_buffer *out)
{
    if (job->options->format == GRUS_FORMAT_TXT)
        grus_buffer_byte(out, '\n');
    else if (job->options->format == GRUS_FORMAT_NPY)
        grus_npy_missing(out, job->columns);
    else if (job->options->format == GRUS_FORMAT_SAFETENSORS)
        grus_feature_rows_put(out, NULL, 0, job->columns);
    else
        grus_record_error(format,
                          &(grus_record_line){.text = entry->line,
                                              .length = entry->length,
                                              .number = entry->number,
                                              .is_object = entry->is_object,
                                              .has_error = entry->has_error},
                          words, out);
}

// The numbers that formats of nothing else are made of, job->columns a row.
static const float *find_rows(const grus_job *job, const grus_result *result, size_t *rows)
{
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        if (job->heads[i]) {
            *rows = result->predictions[i].n;
            return result->predictions[i].numbers;
        }
    *rows = job->embedding ? 1 : result->n_states;
    return job->embedding ? result->embedding : result->states;
}

static void put_result(grus_buffer *out, const grus_job *job, const grus_record_format *format,
                       const grus_slot_entry *entry, const grus_result *result, grus_format_scratch *scratch)
{
    size_t rows;
    scratch->entry = entry;
    if (job->options->format == GRUS_FORMAT_TXT) {
        put_line(out, job, result, scratch);
    } else if (job->options->format == GRUS_FORMAT_NPY) {
        grus_npy_floats(out, find_rows(job, result, &rows), job->columns);
    } else if (job->options->format == GRUS_FORMAT_SAFETENSORS) {
        const float *values = find_rows(job, result, &rows);
        grus_feature_rows_put(out, values, rows, job->columns);
    } else {
        grus_record_begin(
            format, &(grus_record_line){.text = entry->line, .length = entry->length, .number = entry->number}, out);
        put_members(out, job, result, result->length, scratch);
        grus_record_end(out);
    }
}

static void count_facts(const grus_job *job, const grus_slot_entry *entry, const grus_result *result, grus_slot *slot)
{
    uint32_t unknown = job->model->source ? grus_tokenizer_unknown(job->model->source) : GRUS_NO_ID;
    for (size_t i = 0; unknown != GRUS_NO_ID && i < entry->n_positions; i++)
        slot->n_unknown += entry->ids[i] == unknown;
    if (job->hypotheses && !job->infer.force && result->finite)
        slot->n_truncated += !result->hypotheses[0].ended;
}

grus_status grus_format_slot(const grus_job *job, grus_shard_kind kind, grus_slot *slot, const grus_result *results,
                             grus_error *error)
{
    grus_record_format format = job->record;
    format.kind = kind;
    grus_format_scratch scratch = {0};
    grus_status status = GRUS_OK;
    grus_slot_place place = {0};
    grus_slot_entry entry;
    while (status == GRUS_OK && grus_slot_next(slot, &place, &entry)) {
        if (!entry.error)
            count_facts(job, &entry, results, slot);
        if (entry.error) {
            put_error(job, &format, &entry, entry.error, &slot->out);
        } else if (results->finite) {
            put_result(&slot->out, job, &format, &entry, results++, &scratch);
        } else {
            char words[GRUS_RECORD_PLACE];
            results++;
            grus_record_place(kind, entry.number, words);
            slot->causes[GRUS_CAUSE_NOT_FINITE]++;
            put_error(job, &format, &entry, grus_format_not_finite, &slot->out);
            if (job->options->fail_on_error)
                status = grus_fail(error, GRUS_E_FAILED, NULL, words, "%s", grus_format_not_finite);
        }
    }
    if (status == GRUS_OK && slot->out.failed)
        status = grus_fail_memory(error, slot->out.size);
    grus_output_scratch_free(&scratch.output);
    grus_buffer_free(&scratch.places);
    grus_buffer_free(&scratch.text);
    return status;
}
