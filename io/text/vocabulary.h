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
// GRUS_NO_ID when absent.
uint32_t grus_vocab_id(const grus_vocab *vocab, const char *token, size_t length);
// Not terminated. "" for an id out of range.
const char *grus_vocab_token(const grus_vocab *vocab, uint32_t id, size_t *length);

#endif
