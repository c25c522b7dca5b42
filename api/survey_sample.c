// survey_sample.c: the line as it was kept, into its pieces.
#include "config.h"

#include "api/survey_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/survey_map.h"

// The numbers of a list; *n is how many, 0 where it is something else or memory is short.
static const float *take_numbers(const grus_sample_maker *maker, const grus_json_span *list, size_t *n, bool *failed)
{
    *n = 0;
    if (list->type != GRUS_JSON_ARRAY || list->n_items == 0)
        return NULL;
    float *numbers = grus_arena_alloc(maker->arena, list->n_items, sizeof *numbers);
    *failed |= !numbers;
    grus_json_scan scan;
    grus_json_span item;
    grus_json_scan_items(&scan, list);
    while (numbers && grus_json_next_item(&scan, &item))
        numbers[(*n)++] = grus_survey_number(&item);
    return numbers;
}

// ---- heads ----

// A label, or of a position with several, what the record has there.
static bool take_labels(const grus_sample_maker *maker, const grus_json_span *list, grus_attention_head *head)
{
    bool failed = false;
    const char **labels = grus_arena_alloc(maker->arena, list->n_items + 1, sizeof *labels);
    grus_json_scan scan;
    grus_json_span item;
    grus_json_scan_items(&scan, list);
    while (labels && !failed && grus_json_next_item(&scan, &item))
        labels[head->n++] = grus_sample_text(maker, &item, &failed);
    head->labels = labels;
    return labels && !failed;
}

static bool take_one(const grus_sample_maker *maker, const grus_survey_head *from, const char *key, const char *number,
                     grus_attention_head *head)
{
    bool failed = false;
    grus_json_span label = grus_survey_member(&from->value, key), prob = grus_survey_member(&from->value, number);
    const char **labels = grus_arena_alloc(maker->arena, 1, sizeof *labels);
    float *probs = grus_arena_alloc(maker->arena, 1, sizeof *probs);
    if (!labels || !probs)
        return false;
    labels[0] = grus_sample_text(maker, &label, &failed);
    probs[0] = grus_survey_number(&prob);
    head->n = 1;
    head->labels = labels;
    head->probs = from->form == GRUS_SURVEY_LABEL ? probs : NULL;
    return !failed;
}

static bool take_head(const grus_sample_maker *maker, const grus_survey_head *from, grus_attention_head *head)
{
    bool failed = false;
    grus_json_span list = from->value;
    *head = (grus_attention_head){.size = sizeof *head, .name = grus_sample_text(maker, &from->key, &failed)};
    if (failed)
        return false;
    switch (from->form) {
    case GRUS_SURVEY_LABEL:
        return take_one(maker, from, "label", "prob", head);
    case GRUS_SURVEY_OUTPUT:
        return take_one(maker, from, "output", "score", head);
    case GRUS_SURVEY_SUBSET:
        list = grus_survey_member(&from->value, "labels");
        return take_labels(maker, &list, head);
    default:
        head->on_token = true;
        return take_labels(maker, &list, head);
    }
}

static bool take_heads(const grus_sample_maker *maker, const grus_survey_record *record, grus_survey_sample *sample)
{
    grus_attention_head *heads = grus_arena_alloc(maker->arena, record->n_heads + 1, sizeof *heads);
    const grus_attention_head **list = grus_arena_alloc(maker->arena, record->n_heads + 1, sizeof *list);
    for (size_t i = 0; heads && list && i < record->n_heads; i++) {
        if (!take_head(maker, &record->heads[i], &heads[i]))
            return false;
        list[i] = &heads[i];
    }
    sample->n_heads = record->n_heads;
    sample->heads = list;
    return heads && list;
}

// ---- the sample ----

static bool take_record(const grus_sample_maker *maker, const grus_survey_record *record, grus_survey_sample *sample)
{
    const grus_json_span *results = record->results;
    bool failed = false, has_source = record->source.type != GRUS_JSON_NONE;
    sample->error = grus_sample_text(maker, &record->error, &failed);
    sample->source = grus_sample_text(maker, has_source ? &record->source : &record->features, &failed);
    sample->target = grus_sample_text(maker, &record->target, &failed);
    sample->output = grus_sample_text(maker, &results[GRUS_RESULT_OUTPUT], &failed);
    sample->score = grus_survey_number(&results[GRUS_RESULT_SCORE]);
    sample->logprob = grus_survey_number(&results[GRUS_RESULT_LOGPROB]);
    sample->has_score = isfinite(sample->score) && isfinite(sample->logprob);
    sample->values = take_numbers(maker, &results[GRUS_RESULT_EMBEDDING], &sample->n_values, &failed);
    sample->token_logprobs =
        take_numbers(maker, &results[GRUS_RESULT_TOKEN_LOGPROBS], &sample->n_token_logprobs, &failed);
    if (!failed && take_heads(maker, record, sample))
        sample->map = grus_map_make(maker, record, sample, &failed);
    else
        failed = true;
    return !failed;
}

const grus_survey_sample *grus_sample_make(const grus_sample_maker *maker, const grus_kept_record *kept,
                                           const char *input, bool is_json)
{
    grus_survey_record record;
    grus_survey_sample *sample = grus_arena_alloc(maker->arena, 1, sizeof *sample);
    if (!sample)
        return NULL;
    *sample = (grus_survey_sample){.size = sizeof *sample, .input = input, .record = kept->number};
    if (is_json && grus_survey_record_read(maker->names, kept->line, kept->length, &record))
        return take_record(maker, &record, sample) ? sample : NULL;
    grus_buffer_clear(maker->scratch);
    grus_buffer_append(maker->scratch, kept->line, kept->length);
    sample->output = grus_sample_copy(maker);
    return sample->output ? sample : NULL;
}
