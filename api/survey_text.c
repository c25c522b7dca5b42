// survey_text.c: counts of words and characters, and copies of texts.
#include "config.h"

#include "api/survey_text.h"

#include <string.h>

#include "io/json/value.h"

#define NUL_SIGN "\xE2\x90\x80" // U+2400

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
    size_t zeros = 0;
    for (size_t i = 0; i < text->size; i++)
        zeros += text->data[i] == '\0';
    char *copied = text->failed ? NULL : grus_arena_alloc(maker->arena, text->size + 2 * zeros + 1, 1), *to = copied;
    if (!copied)
        return NULL;
    for (size_t i = 0; i < text->size; i++) {
        bool zero = text->data[i] == '\0';
        memcpy(to, zero ? NUL_SIGN : text->data + i, zero ? 3 : 1);
        to += zero ? 3 : 1;
    }
    *to = '\0';
    return copied;
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
