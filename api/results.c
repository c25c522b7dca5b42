// results.c: one list of columns, each a buffer; behind every record each ragged one has its new end.
#include "config.h"

#include "api/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/error.h"
#include "base/memory.h"
#include "scheduler/format_heads.h"
#include "scheduler/output_text.h"

#define REPLACEMENT "\xEF\xBF\xBD" // U+FFFD, as JSON output has it for what is not UTF-8

enum column {
    WORDS,  // of errors, each with a \0
    ERRORS, // size_t: where the words begin and 1, or 0; pointers at the end
    CAUSES,
    POSITIONS,
    EMBEDDINGS,
    STATE_OFFSETS,
    STATES,
    ATTENTION_OFFSETS,
    ATTENTION,
    HYPOTHESIS_OFFSETS,
    SCORES,
    LOGPROBS,
    ENDED,
    TOKEN_OFFSETS,
    TOKENS,
    TOKEN_LOGPROBS,
    TEXT_OFFSETS,
    TEXT,
    SCRATCH, // one text
    N_COLUMNS
};

enum head_column {
    HEAD_OFFSETS,
    HEAD_LABELS,
    HEAD_PROBS,
    HEAD_NUMBERS,
    HEAD_TEXT_OFFSETS,
    HEAD_TEXT,
    HEAD_SCORES,
    N_HEAD_COLUMNS
};

typedef struct head {
    grus_head_results results;
    grus_head_form form;
    size_t rows;
    grus_buffer columns[N_HEAD_COLUMNS];
} head;

// What the caller has, and what its columns lie in. job is not looked at once it is finished.
struct grus_collected {
    grus_results results; // first: grus_results_free is given its address
    const grus_job *job;
    const grus_slot_entry *entry; // the record whose result is added
    grus_output_scratch output;
    grus_hypotheses hypotheses;
    size_t n_state_rows, n_weights;
    grus_buffer columns[N_COLUMNS];
    head heads[GRUS_MAX_HEADS]; // (results.n_heads)
    const grus_head_results *head_list[GRUS_MAX_HEADS];
};

static void put_size(grus_buffer *column, size_t size)
{
    grus_buffer_append(column, &size, sizeof size);
}

static void put_floats(grus_buffer *column, const float *values, size_t n)
{
    if (values)
        grus_buffer_append(column, values, n * sizeof *values);
}

static void put_double(grus_buffer *column, double value)
{
    grus_buffer_append(column, &value, sizeof value);
}

static void put_text(grus_buffer *column, const grus_buffer *text)
{
    const char *at = text->data;
    column->failed |= text->failed;
    for (size_t left = text->size; left > 0;) {
        const char *bad = (const char *)u8_check((const uint8_t *)at, left);
        size_t valid = bad ? (size_t)(bad - at) : left;
        grus_buffer_append(column, at, valid);
        if (bad)
            grus_buffer_text(column, REPLACEMENT);
        valid += bad != NULL;
        at += valid;
        left -= valid;
    }
}

// ---- heads ----

static void add_head(grus_collected *all, head *h, const grus_result *result)
{
    const grus_prediction *prediction = result ? &result->predictions[h->results.head] : NULL;
    size_t rows = prediction ? prediction->n : 0;
    if (prediction && h->form != GRUS_FORM_OUTPUT && h->form != GRUS_FORM_LABEL)
        put_floats(&h->columns[HEAD_NUMBERS], prediction->numbers, rows * h->results.columns);
    if (prediction && (h->form == GRUS_FORM_OUTPUT || h->form == GRUS_FORM_LABEL)) {
        grus_buffer_append(&h->columns[HEAD_LABELS], prediction->label, rows * sizeof *prediction->label);
        put_floats(&h->columns[HEAD_PROBS], prediction->prob, rows);
    }
    h->rows += rows;
    put_size(&h->columns[HEAD_OFFSETS], h->rows);
    if (h->form != GRUS_FORM_OUTPUT)
        return;
    if (prediction) {
        grus_buffer *scratch = &all->columns[SCRATCH];
        grus_buffer_clear(scratch);
        grus_format_joined(scratch, all->job, h->results.head, prediction);
        put_text(&h->columns[HEAD_TEXT], scratch);
    }
    put_size(&h->columns[HEAD_TEXT_OFFSETS], h->columns[HEAD_TEXT].size);
    put_double(&h->columns[HEAD_SCORES], prediction ? prediction->score : 0);
}

static void begin_head(grus_collected *all, size_t number)
{
    const grus_head_config *config = &all->job->model->config.heads[number];
    head *h = &all->heads[all->results.n_heads];
    h->form = grus_job_head_form(all->job, number);
    h->results = (grus_head_results){
        .size = sizeof h->results,
        .head = number,
        .columns = config->n_labels,
        .threshold = h->form == GRUS_FORM_SUBSET ? config->threshold : NAN,
    };
    put_size(&h->columns[HEAD_OFFSETS], 0);
    if (h->form == GRUS_FORM_OUTPUT)
        put_size(&h->columns[HEAD_TEXT_OFFSETS], 0);
    all->head_list[all->results.n_heads++] = &h->results;
}

// ---- hypotheses ----

static void put_decoded(grus_collected *all, const grus_hypothesis *hypothesis)
{
    const grus_tokenizer *target = all->job->model->target;
    size_t n = grus_output_length(hypothesis);
    grus_buffer *scratch = &all->columns[SCRATCH];
    grus_buffer_clear(scratch);
    if (grus_tokenizer_takes_ids(target))
        for (size_t i = 0; i < n; i++)
            grus_buffer_printf(scratch, "%s%u", i ? " " : "", hypothesis->tokens[i]);
    else
        grus_output_text(all->job, all->entry, hypothesis, &all->output, scratch);
    put_text(&all->columns[TEXT], scratch);
}

// Whether the text that was put last is that of one of the record's hypotheses before it, `first` being the first.
static bool is_repeated(const grus_collected *all, size_t first)
{
    const grus_buffer *text = &all->columns[TEXT];
    const size_t *offsets = (const void *)all->columns[TEXT_OFFSETS].data;
    if (text->failed || all->columns[TEXT_OFFSETS].failed)
        return false;
    size_t from = offsets[all->hypotheses.n], length = text->size - from;
    for (size_t j = first; j < all->hypotheses.n; j++)
        if (offsets[j + 1] - offsets[j] == length &&
            (length == 0 || memcmp(text->data + offsets[j], text->data + from, length) == 0))
            return true;
    return false;
}

static void add_hypothesis(grus_collected *all, const grus_hypothesis *hypothesis, size_t first)
{
    grus_buffer *columns = all->columns;
    if (!all->job->infer.force) {
        size_t before = columns[TEXT].size;
        put_decoded(all, hypothesis);
        if (all->job->infer.search.unique_nbest && is_repeated(all, first)) {
            columns[TEXT].size = before;
            return;
        }
        put_size(&columns[TEXT_OFFSETS], columns[TEXT].size);
    }
    put_double(&columns[SCORES], hypothesis->score);
    put_double(&columns[LOGPROBS], hypothesis->logprob);
    grus_buffer_append(&columns[ENDED], &hypothesis->ended, sizeof hypothesis->ended);
    grus_buffer_append(&columns[TOKENS], hypothesis->tokens, hypothesis->length * sizeof *hypothesis->tokens);
    put_floats(&columns[TOKEN_LOGPROBS], hypothesis->token_logprobs, hypothesis->length);
    put_size(&columns[TOKEN_OFFSETS], columns[TOKENS].size / sizeof *hypothesis->tokens);
    all->hypotheses.n++;
}

static void add_hypotheses(grus_collected *all, const grus_result *result)
{
    size_t first = all->hypotheses.n;
    for (size_t i = 0; result && i < result->n_hypotheses; i++)
        add_hypothesis(all, &result->hypotheses[i], first);
    put_size(&all->columns[HYPOTHESIS_OFFSETS], all->hypotheses.n);
}

// ---- records ----

static void put_nan(grus_buffer *column, size_t n)
{
    const float nan = NAN;
    for (size_t i = 0; i < n; i++)
        put_floats(column, &nan, 1);
}

static void add_attention(grus_collected *all, const grus_result *result)
{
    size_t n = 0;
    const float *weights = NULL;
    if (result && all->job->hypotheses) {
        n = result->hypotheses[0].length * result->length;
        weights = result->hypotheses[0].attention;
    } else if (result) {
        n = result->length;
        weights = result->attention;
    }
    n *= grus_config_attention_rows(&all->job->model->config, all->job->infer.attention_heads);
    put_floats(&all->columns[ATTENTION], weights, n);
    all->n_weights += n;
    put_size(&all->columns[ATTENTION_OFFSETS], all->n_weights);
}

// result NULL: the record is in error.
static void add_record(grus_collected *all, const grus_result *result)
{
    const grus_job *job = all->job;
    size_t dim = all->results.dim;
    all->results.n++;
    put_size(&all->columns[POSITIONS], result ? result->length : 0);
    if (job->embedding && result)
        put_floats(&all->columns[EMBEDDINGS], result->embedding, dim);
    else if (job->embedding)
        put_nan(&all->columns[EMBEDDINGS], dim);
    if (job->states) {
        size_t rows = result ? result->n_states : 0;
        put_floats(&all->columns[STATES], result ? result->states : NULL, rows * dim);
        all->n_state_rows += rows;
        put_size(&all->columns[STATE_OFFSETS], all->n_state_rows);
    }
    for (size_t i = 0; i < all->results.n_heads; i++)
        add_head(all, &all->heads[i], result);
    if (job->hypotheses)
        add_hypotheses(all, result);
    if (job->infer.attention)
        add_attention(all, result);
}

void grus_collected_error(grus_collected *collected, const char *words, grus_cause cause)
{
    const char *name = grus_cause_name(cause);
    put_size(&collected->columns[ERRORS], collected->columns[WORDS].size + 1);
    grus_buffer_append(&collected->columns[WORDS], words, strlen(words) + 1);
    grus_buffer_append(&collected->columns[CAUSES], &name, sizeof name);
    add_record(collected, NULL);
}

void grus_collected_add(grus_collected *collected, const grus_slot_entry *entry, const grus_result *result)
{
    collected->entry = entry;
    const char *none = NULL;
    put_size(&collected->columns[ERRORS], 0);
    grus_buffer_append(&collected->columns[CAUSES], &none, sizeof none);
    add_record(collected, result);
}

// ---- the whole ----

grus_status grus_collected_new(const grus_job *job, grus_collected **collected, grus_error *error)
{
    grus_collected *all = calloc(1, sizeof *all);
    *collected = all;
    if (!all)
        return grus_fail_memory(error, sizeof *all);
    all->job = job;
    all->results.size = sizeof all->results;
    if (job->embedding)
        all->results.dim = grus_config_pooled_size(&job->model->config);
    else if (job->states)
        all->results.dim = grus_config_output_size(&job->model->config);
    if (job->states)
        put_size(&all->columns[STATE_OFFSETS], 0);
    if (job->infer.attention)
        put_size(&all->columns[ATTENTION_OFFSETS], 0);
    for (size_t i = 0; i < job->model->config.n_heads; i++)
        if (job->heads[i])
            begin_head(all, i);
    if (!job->hypotheses)
        return GRUS_OK;
    put_size(&all->columns[HYPOTHESIS_OFFSETS], 0);
    put_size(&all->columns[TOKEN_OFFSETS], 0);
    if (!job->infer.force)
        put_size(&all->columns[TEXT_OFFSETS], 0);
    return GRUS_OK;
}

void grus_collected_free(grus_collected *collected)
{
    if (!collected)
        return;
    for (int i = 0; i < N_COLUMNS; i++)
        grus_buffer_free(&collected->columns[i]);
    grus_output_scratch_free(&collected->output);
    for (size_t i = 0; i < collected->results.n_heads; i++)
        for (int j = 0; j < N_HEAD_COLUMNS; j++)
            grus_buffer_free(&collected->heads[i].columns[j]);
    free(collected);
}

static bool has_failed(const grus_collected *all)
{
    bool failed = false;
    for (int i = 0; i < N_COLUMNS; i++)
        failed |= all->columns[i].failed;
    for (size_t i = 0; i < all->results.n_heads; i++)
        for (int j = 0; j < N_HEAD_COLUMNS; j++)
            failed |= all->heads[i].columns[j].failed;
    return failed;
}

static const void *data_of(const grus_buffer *column)
{
    return column->size ? column->data : NULL;
}

// Offsets of words become pointers to them, in the same place.
static void point_to_words(grus_collected *all)
{
    _Static_assert(sizeof(const char *) == sizeof(size_t), "one goes into the place of the other");
    char *list = all->columns[ERRORS].data;
    for (size_t i = 0; i < all->results.n; i++, list += sizeof(size_t)) {
        size_t at;
        memcpy(&at, list, sizeof at);
        const char *words = at ? all->columns[WORDS].data + at - 1 : NULL;
        memcpy(list, &words, sizeof words);
    }
}

static void show_head(head *h)
{
    grus_head_results *to = &h->results;
    to->offsets = data_of(&h->columns[HEAD_OFFSETS]);
    to->labels = data_of(&h->columns[HEAD_LABELS]);
    to->probs = data_of(&h->columns[HEAD_PROBS]);
    to->numbers = data_of(&h->columns[HEAD_NUMBERS]);
    to->text_offsets = data_of(&h->columns[HEAD_TEXT_OFFSETS]);
    to->text = data_of(&h->columns[HEAD_TEXT]);
    to->scores = data_of(&h->columns[HEAD_SCORES]);
}

static void show_hypotheses(grus_collected *all)
{
    const grus_buffer *columns = all->columns;
    grus_hypotheses *to = &all->hypotheses;
    to->size = sizeof *to;
    to->offsets = data_of(&columns[HYPOTHESIS_OFFSETS]);
    to->scores = data_of(&columns[SCORES]);
    to->logprobs = data_of(&columns[LOGPROBS]);
    to->ended = data_of(&columns[ENDED]);
    to->token_offsets = data_of(&columns[TOKEN_OFFSETS]);
    to->tokens = data_of(&columns[TOKENS]);
    to->token_logprobs = data_of(&columns[TOKEN_LOGPROBS]);
    to->text_offsets = data_of(&columns[TEXT_OFFSETS]);
    to->text = data_of(&columns[TEXT]);
}

grus_status grus_collected_finish(grus_collected *collected, grus_results **results, grus_error *error)
{
    const grus_buffer *columns = collected->columns;
    grus_results *to = &collected->results;
    if (has_failed(collected))
        return grus_fail_memory(error, columns[EMBEDDINGS].size + columns[STATES].size);
    point_to_words(collected);
    to->errors = data_of(&columns[ERRORS]);
    to->causes = data_of(&columns[CAUSES]);
    to->positions = data_of(&columns[POSITIONS]);
    to->embeddings = data_of(&columns[EMBEDDINGS]);
    to->state_offsets = data_of(&columns[STATE_OFFSETS]);
    to->states = data_of(&columns[STATES]);
    to->attention_offsets = data_of(&columns[ATTENTION_OFFSETS]);
    to->attention = data_of(&columns[ATTENTION]);
    if (collected->job->hypotheses) {
        show_hypotheses(collected);
        to->hypotheses = &collected->hypotheses;
    }
    for (size_t i = 0; i < to->n_heads; i++)
        show_head(&collected->heads[i]);
    to->heads = collected->head_list;
    collected->job = NULL;
    *results = to;
    return GRUS_OK;
}

void grus_results_free(grus_results *results)
{
    grus_collected_free((grus_collected *)(void *)results);
}
