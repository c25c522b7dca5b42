// tokenizer_type.h: what a kind of tokenizer has to bring, for tokenizer.c and the tokenizer_*.c files alone.
#ifndef GRUS_IO_TEXT_TOKENIZER_TYPE_H
#define GRUS_IO_TEXT_TOKENIZER_TYPE_H

#include "base/model_config.h"
#include "io/text/ids.h"
#include "io/text/vocabulary.h"

typedef struct grus_tokenizer grus_tokenizer;

// What is decoded.
typedef struct grus_tokens {
    const uint32_t *ids;          // (n)
    const grus_token_text *texts; // (n), or NULL: none has one
    size_t n;
} grus_tokens;

typedef struct grus_tokenizer_type {
    bool takes_ids; // the record holds a list of integers
    // Loads what this kind needs besides vocabulary, bos and eos, into tokenizer->own; NULL: nothing. Called with the
    // vocabulary loaded. What it made is taken down by close (NULL: nothing to take down) also after a failure.
    grus_status (*open)(grus_tokenizer *tokenizer, const char *dir, const grus_tokenizer_config *config,
                        grus_error *error);
    void (*close)(grus_tokenizer *tokenizer);
    // Appends the ids of text, lower-cased already where the configuration asks; bos and eos are not its business.
    grus_status (*encode)(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                          grus_error *error);
    void (*decode)(const grus_tokenizer *tokenizer, const grus_tokens *tokens, grus_buffer *text);
    // Where there is no vocabulary: the id of a special token, GRUS_NO_ID when there is none; and, for an error, what
    // such a token has to be. NULL: there is always a vocabulary.
    uint32_t (*special)(const grus_tokenizer *tokenizer, const char *token);
    const char *special_is;
    // In the same case: appends the token of an id.
    void (*token)(const grus_tokenizer *tokenizer, uint32_t id, grus_buffer *text);
    // What grus_tokenizer_memory is to say; NULL: nothing to speak of.
    size_t (*memory)(const grus_tokenizer *tokenizer, size_t text_bytes, size_t most);
} grus_tokenizer_type;

struct grus_tokenizer {
    const grus_tokenizer_type *type;
    grus_vocab *vocab; // NULL: none
    size_t size;       // ids are below; 0: not known yet
    bool lowercase;
    uint32_t bos, eos, unk; // GRUS_NO_ID: none
    void *own;              // the type's
};

extern const grus_tokenizer_type grus_tokenizer_char, grus_tokenizer_whitespace, grus_tokenizer_bpe,
    grus_tokenizer_sentencepiece, grus_tokenizer_ids;

// For the encode functions.
// Appends the id of a token of the vocabulary, or of <unk>.
grus_status grus_tokenizer_append_token(const grus_tokenizer *tokenizer, const char *token, size_t length,
                                        grus_ids *ids, grus_error *error);
// Appends an id that came as a number.
grus_status grus_tokenizer_append_id(const grus_tokenizer *tokenizer, uint64_t id, grus_ids *ids, grus_error *error);
// Appends token number i, or what stands in its place.
void grus_tokenizer_put(const grus_tokenizer *tokenizer, const grus_tokens *tokens, size_t i, grus_buffer *text);
// Appends them all, a space between two: a decode function where there is no more to it.
void grus_tokenizer_join(const grus_tokenizer *tokenizer, const grus_tokens *tokens, grus_buffer *text);
// The next word, a run of other bytes between runs of space \t \n \v \f \r, searched from *at on; *at goes behind it.
// false: there is none.
bool grus_next_word(const char *text, size_t length, size_t *at, const char **word, size_t *size);
// Bytes of the code point that valid text begins with, 1 at least; length is not 0.
size_t grus_code_point_size(const char *text, size_t length);

#endif
