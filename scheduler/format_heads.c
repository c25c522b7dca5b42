// format_heads.c: a head says a label of each row, or a list of labels, or numbers.
#include "config.h"

#include "scheduler/format_heads.h"

#include <string.h>

#include "base/memory.h"
#include "io/json/json_write.h"
#include "io/json/number.h"
#include "scheduler/format_values.h"

// ---- bounds ----

#define ESCAPE_MOST 6 // bytes of "\u0000", which stand for one
#define OUTPUT_BYTES (sizeof "{\"output\": \"\", \"score\": }" + GRUS_FORMAT_FLOAT_BYTES)

static size_t row_bound(const grus_job *job, size_t head)
{
    const grus_model *model = job->model;
    const grus_head_config *config = model->config.heads + head;
    size_t numbers = grus_mul_sat(config->n_labels, GRUS_FORMAT_FLOAT_BYTES);
    switch (grus_job_head_form(job, head)) {
    case GRUS_FORM_LABEL:
        return model->longest_label[head] + (config->on_token ? 4 : GRUS_FORMAT_FLOAT_BYTES + 32);
    case GRUS_FORM_OUTPUT:
        return model->longest_label[head] + (config->join ? ESCAPE_MOST * strlen(config->join) : 0);
    case GRUS_FORM_SUBSET:
        return grus_add_sat(model->all_labels[head] + 4, config->on_token ? 0 : numbers);
    case GRUS_FORM_NUMBERS:
        break;
    }
    return grus_add_sat(numbers, 4);
}

size_t grus_format_heads_bound(const grus_job *job, const grus_slot_bounds *bounds)
{
    size_t bytes = 0;
    for (size_t i = 0; i < job->model->config.n_heads; i++) {
        if (!job->heads[i])
            continue;
        size_t rows = job->model->config.heads[i].on_token
                          ? grus_job_most_positions(job, bounds->positions, bounds->records)
                          : bounds->records;
        size_t record = GRUS_FORMAT_RECORD_BYTES + (grus_job_head_form(job, i) == GRUS_FORM_OUTPUT ? OUTPUT_BYTES : 0);
        bytes = grus_add_sat(bytes, grus_mul_sat(bounds->records, record));
        bytes = grus_add_sat(bytes, grus_mul_sat(rows, row_bound(job, i)));
    }
    return bytes;
}

// ---- JSON ----

static void put_label(grus_buffer *out, const grus_vocab *labels, uint32_t label)
{
    size_t length;
    const char *text = grus_vocab_token(labels, label, &length);
    grus_json_string(out, text, length);
}

static void put_labels(grus_buffer *out, const grus_vocab *labels, const grus_prediction *prediction, bool on_token)
{
    if (on_token) {
        grus_buffer_byte(out, '[');
        for (size_t i = 0; i < prediction->n; i++) {
            if (i)
                grus_buffer_text(out, ", ");
            put_label(out, labels, prediction->label[i]);
        }
        grus_buffer_byte(out, ']');
        return;
    }
    grus_buffer_text(out, "{\"label\": ");
    put_label(out, labels, prediction->label[0]);
    grus_buffer_text(out, ", \"prob\": ");
    grus_json_float(out, prediction->prob[0]);
    grus_buffer_byte(out, '}');
}

// Those of a row at or above the threshold.
static void put_subset(grus_buffer *out, const grus_job *job, size_t head, const float *probs)
{
    const grus_head_config *config = job->model->config.heads + head;
    const char *separator = "";
    grus_buffer_byte(out, '[');
    for (size_t i = 0; i < config->n_labels; i++) {
        if (!(probs[i] >= config->threshold))
            continue;
        grus_buffer_text(out, separator);
        put_label(out, job->model->labels[head], (uint32_t)i);
        separator = ", ";
    }
    grus_buffer_byte(out, ']');
}

static void put_subsets(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction)
{
    const grus_head_config *config = job->model->config.heads + head;
    if (config->on_token) {
        grus_buffer_byte(out, '[');
        for (size_t i = 0; i < prediction->n; i++) {
            if (i)
                grus_buffer_text(out, ", ");
            put_subset(out, job, head, prediction->numbers + i * config->n_labels);
        }
        grus_buffer_byte(out, ']');
        return;
    }
    grus_buffer_text(out, "{\"labels\": ");
    put_subset(out, job, head, prediction->numbers);
    grus_buffer_text(out, ", \"probs\": ");
    grus_format_floats(out, prediction->numbers, config->n_labels);
    grus_buffer_byte(out, '}');
}

void grus_format_joined(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction)
{
    const char *join = job->model->config.heads[head].join;
    for (size_t i = 0; i < prediction->n; i++) {
        size_t length;
        const char *text = grus_vocab_token(job->model->labels[head], prediction->label[i], &length);
        if (i && join)
            grus_buffer_text(out, join);
        grus_buffer_append(out, text, length);
    }
}

static void put_output(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction,
                       grus_buffer *scratch)
{
    grus_buffer_clear(scratch);
    grus_format_joined(scratch, job, head, prediction);
    out->failed |= scratch->failed;
    grus_buffer_text(out, "{\"output\": ");
    grus_json_string(out, scratch->data ? scratch->data : "", scratch->size);
    grus_buffer_text(out, ", \"score\": ");
    grus_json_float(out, (float)prediction->score);
    grus_buffer_byte(out, '}');
}

void grus_format_head(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction,
                      grus_buffer *scratch)
{
    const grus_head_config *config = job->model->config.heads + head;
    grus_json_member(out, job->names.list[GRUS_N_RESULTS + head]);
    switch (grus_job_head_form(job, head)) {
    case GRUS_FORM_LABEL:
        put_labels(out, job->model->labels[head], prediction, config->on_token);
        return;
    case GRUS_FORM_OUTPUT:
        put_output(out, job, head, prediction, scratch);
        return;
    case GRUS_FORM_SUBSET:
        put_subsets(out, job, head, prediction);
        return;
    case GRUS_FORM_NUMBERS:
        break;
    }
    if (config->on_token)
        grus_format_rows(out, prediction->numbers, prediction->n, config->n_labels);
    else
        grus_format_floats(out, prediction->numbers, config->n_labels);
}

// ---- text ----

static void put_plain_label(grus_buffer *out, const grus_vocab *labels, uint32_t label, bool first)
{
    size_t length;
    const char *text = grus_vocab_token(labels, label, &length);
    if (!first)
        grus_buffer_byte(out, ' ');
    grus_format_plain(out, text, length);
}

void grus_format_plain_head(grus_buffer *out, const grus_job *job, size_t head, const grus_prediction *prediction,
                            grus_buffer *scratch)
{
    const grus_head_config *config = job->model->config.heads + head;
    const grus_vocab *labels = job->model->labels[head];
    bool first = true;
    switch (grus_job_head_form(job, head)) {
    case GRUS_FORM_LABEL:
        for (size_t i = 0; i < prediction->n; i++)
            put_plain_label(out, labels, prediction->label[i], i == 0);
        return;
    case GRUS_FORM_OUTPUT:
        grus_buffer_clear(scratch);
        grus_format_joined(scratch, job, head, prediction);
        out->failed |= scratch->failed;
        grus_format_plain(out, scratch->data ? scratch->data : "", scratch->size);
        return;
    case GRUS_FORM_SUBSET:
        for (size_t i = 0; i < config->n_labels; i++) {
            if (!(prediction->numbers[i] >= config->threshold))
                continue;
            put_plain_label(out, labels, (uint32_t)i, first);
            first = false;
        }
        return;
    case GRUS_FORM_NUMBERS:
        grus_format_plain_floats(out, prediction->numbers, config->n_labels);
    }
}
