// survey_text.c: counts of words and characters, and copies of texts.
#include "config.h"

#include "api/survey_text.h"

#include <string.h>

#include "io/json/value.h"

// ---- texts and positions ----

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

size_t grus_text_words(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += !is_space(text[i]) && (i == 0 || is_space(text[i - 1]));
    return n;
}

size_t grus_text_characters(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static void take_range(int64_t value, bool first, int64_t *least, int64_t *most)
{
    *least = first || value < *least ? value : *least;
    *most = first || value > *most ? value : *most;
}

void grus_text_fit_add(grus_text_fit *fit, const grus_buffer *text, size_t positions)
{
    int64_t words = (int64_t)positions - (int64_t)grus_text_words(text->data, text->size);
    int64_t characters = (int64_t)positions - (int64_t)grus_text_characters(text->data, text->size);
    take_range(words, fit->n == 0, &fit->words_least, &fit->words_most);
    take_range(characters, fit->n == 0, &fit->characters_least, &fit->characters_most);
    fit->n++;
}

// ---- copies ----

const char *grus_sample_copy(const grus_sample_maker *maker)
{
    const grus_buffer *text = maker->scratch;
    return text->failed ? NULL : grus_arena_string(maker->arena, text->data, text->size);
}

const char *grus_sample_text(const grus_sample_maker *maker, const grus_json_span *value, bool *failed)
{
    if (value->type == GRUS_JSON_NONE)
        return NULL;
    grus_buffer_clear(maker->scratch);
    if (value->type == GRUS_JSON_STRING)
        grus_json_unescape(value, maker->scratch);
    else
        grus_buffer_append(maker->scratch, value->text, value->length);
    const char *text = grus_sample_copy(maker);
    *failed |= !text;
    return text;
}
