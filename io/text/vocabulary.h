// vocabulary.h: a vocabulary or a list of labels: one token a line, the id is the line number from 0.
#ifndef GRUS_IO_TEXT_VOCABULARY_H
#define GRUS_IO_TEXT_VOCABULARY_H

#include "base/buffer.h"

typedef struct grus_vocab grus_vocab;

#define GRUS_NO_ID UINT32_MAX

// Split at \n alone, nothing trimmed; of equal lines the first counts. A last line without \n counts. Invalid UTF-8,
// a byte-order mark, an empty file or more than 2^31 lines is GRUS_E_MODEL with the line as place.
grus_status grus_vocab_read(const char *path, grus_vocab **vocab, grus_error *error);
// The same for lines in memory, which the vocabulary takes over, also when it fails; path is for the error.
grus_status grus_vocab_take(grus_buffer *lines, const char *path, grus_vocab **vocab, grus_error *error);
void grus_vocab_free(grus_vocab *vocab);
size_t grus_vocab_size(const grus_vocab *vocab);

// What the lines are to be, which tells what none of them can be.
typedef enum grus_vocab_use {
    GRUS_VOCAB_WORDS,  // no white space inside
    GRUS_VOCAB_POINTS, // of one code point, or without white space: a special token
    GRUS_VOCAB_LABELS, // of any form that is seen as it is
} grus_vocab_use;

// Lines that cannot be what they are to be, for one reason.
typedef struct grus_vocab_fault {
    const char *reason; // "ends with a carriage return"
    size_t line, n;     // the first one, from 1; how many
} grus_vocab_fault;

#define GRUS_VOCAB_FAULTS 5
// How many of faults are filled.
size_t grus_vocab_faults(const grus_vocab *vocab, grus_vocab_use use, grus_vocab_fault faults[GRUS_VOCAB_FAULTS]);

// GRUS_NO_ID when absent.
uint32_t grus_vocab_id(const grus_vocab *vocab, const char *token, size_t length);
// Not terminated. "" for an id out of range.
const char *grus_vocab_token(const grus_vocab *vocab, uint32_t id, size_t *length);

#endif
