// survey_text.h: texts out of a record, and whether the positions of its attention are the words or the characters of its
// texts.
#ifndef GRUS_API_SURVEY_TEXT_H
#define GRUS_API_SURVEY_TEXT_H

#include "api/survey_record.h"
#include "base/arena.h"

// Words: what white space of ASCII parts. Characters: of UTF-8.
size_t grus_text_words(const char *text, size_t length);
size_t grus_text_characters(const char *text, size_t length);

// How many positions a side of the attention has beyond the words, and beyond the characters, of its text, over all records.
typedef struct grus_text_fit {
    uint64_t n;
    int64_t words_least, words_most, characters_least, characters_most;
} grus_text_fit;

// One more text, and its positions.
void grus_text_fit_add(grus_text_fit *fit, const grus_buffer *text, size_t positions);

// What the samples of a survey are made by.
typedef struct grus_sample_maker {
    const grus_survey_names *names;
    const grus_text_fit *source, *output; // of the columns, and of the rows
    grus_arena *arena;                    // of all that a sample points to
    grus_buffer *scratch;
} grus_sample_maker;

// A copy of what is in the maker's scratch, a \0 as U+2400; NULL when memory is short.
const char *grus_sample_copy(const grus_sample_maker *maker);
// The text of a string, or what else stands there; NULL for nothing, or when memory is short, which *failed tells.
const char *grus_sample_text(const grus_sample_maker *maker, const grus_json_span *value, bool *failed);

#endif
