// output_text.c: a source token is the text that was cut, where the vocabulary lacks it, else the vocabulary's.
#include "config.h"

#include "scheduler/output_text.h"

#include <string.h>

#include "io/json/json_write.h"

void grus_output_scratch_free(grus_output_scratch *scratch)
{
    grus_buffer_free(&scratch->tokens);
    grus_buffer_free(&scratch->bytes);
    grus_buffer_free(&scratch->json);
}

size_t grus_output_length(const grus_hypothesis *hypothesis)
{
    return hypothesis->length - (hypothesis->ended ? 1 : 0);
}

static bool is_short(const char *text, size_t length, grus_buffer *json)
{
    grus_buffer_clear(json);
    grus_json_string(json, text, length);
    return !json->failed && json->size <= GRUS_OUTPUT_TOKEN_MOST;
}

// Appends the source token of a position; false, and nothing, where it is too long.
static bool put_source(const grus_job *job, const grus_slot_entry *entry, uint32_t position,
                       grus_output_scratch *scratch)
{
    grus_buffer *bytes = &scratch->bytes;
    const grus_tokenizer *source = job->model->source;
    uint32_t unknown = grus_tokenizer_unknown(source), id = entry->ids[position];
    size_t before = bytes->size;
    if (id == unknown && entry->unknown) {
        size_t number = 0;
        for (size_t i = job->infer.marks_before; i < position; i++)
            number += entry->ids[i] == unknown;
        grus_token_text text = grus_ids_find_unknown(entry->unknown, number);
        if (!text.data)
            return false;
        grus_buffer_append(bytes, text.data, text.length);
    } else {
        grus_tokenizer_token(source, id, bytes);
    }
    if (!bytes->failed && is_short(bytes->data ? bytes->data + before : "", bytes->size - before, &scratch->json))
        return true;
    bytes->size = before;
    return false;
}

// What stands for each of n tokens, first as places among the bytes: these move as they grow. NULL when memory is short.
static const grus_token_text *list_texts(const grus_job *job, const grus_slot_entry *entry,
                                         const grus_hypothesis *hypothesis, grus_output_scratch *scratch)
{
    size_t unk = job->model->config.decoder.unk, n = grus_output_length(hypothesis);
    grus_buffer_clear(&scratch->tokens);
    grus_buffer_clear(&scratch->bytes);
    for (size_t i = 0; i < n; i++) {
        size_t before = scratch->bytes.size;
        bool replaced = hypothesis->tokens[i] == unk && hypothesis->sources[i] != GRUS_NO_SOURCE &&
                        put_source(job, entry, hypothesis->sources[i], scratch);
        grus_token_text text = {replaced ? "" : NULL, scratch->bytes.size - before};
        grus_buffer_append(&scratch->tokens, &text, sizeof text);
    }
    if (scratch->tokens.failed || scratch->bytes.failed || scratch->json.failed)
        return NULL;
    grus_token_text *texts = (grus_token_text *)(void *)scratch->tokens.data;
    for (size_t i = 0, at = 0; i < n; at += texts[i++].length)
        if (texts[i].length)
            texts[i].data = scratch->bytes.data + at;
    return texts;
}

void grus_output_text(const grus_job *job, const grus_slot_entry *entry, const grus_hypothesis *hypothesis,
                      grus_output_scratch *scratch, grus_buffer *text)
{
    const grus_tokenizer *target = job->model->target;
    size_t n = grus_output_length(hypothesis);
    if (!hypothesis->sources || n == 0) {
        grus_tokenizer_decode(target, hypothesis->tokens, n, text);
        return;
    }
    const grus_token_text *texts = list_texts(job, entry, hypothesis, scratch);
    text->failed |= !texts;
    if (texts)
        grus_tokenizer_decode_replaced(target, hypothesis->tokens, texts, n, text);
}
