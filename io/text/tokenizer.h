// tokenizer.h: text to ids and back. A new tokenizer is one file, one row of the table in tokenizer.c, and its words in
// base/names.h.
// A tokenizer is immutable after opening and shared by all workers.
#ifndef GRUS_IO_TEXT_TOKENIZER_H
#define GRUS_IO_TEXT_TOKENIZER_H

#include "base/buffer.h"
#include "base/model_config.h"
#include "io/text/ids.h"
#include "io/text/vocabulary.h"

typedef struct grus_tokenizer grus_tokenizer;

// Loads what config names from dir (vocabulary, codes, model). Fails with GRUS_E_MODEL.
grus_status grus_tokenizer_open(const char *dir, const grus_tokenizer_config *config, grus_tokenizer **tokenizer,
                                grus_error *error);
void grus_tokenizer_close(grus_tokenizer *tokenizer);

// The id of what the vocabulary has not; GRUS_NO_ID: there is none.
uint32_t grus_tokenizer_unknown(const grus_tokenizer *tokenizer);
// How many of bos and eos are put around every text.
size_t grus_tokenizer_marks(const grus_tokenizer *tokenizer);
// NULL where there is none.
const grus_vocab *grus_tokenizer_vocab(const grus_tokenizer *tokenizer);
// Number of ids, or 0 when only the tensors tell (ids without a vocabulary); grus_tokenizer_set_size then sets it.
size_t grus_tokenizer_size(const grus_tokenizer *tokenizer);
void grus_tokenizer_set_size(grus_tokenizer *tokenizer, size_t size);
bool grus_tokenizer_takes_ids(const grus_tokenizer *tokenizer);
// The id of a special token such as bos; GRUS_NO_ID when the vocabulary lacks it. (ids: a decimal number.)
uint32_t grus_tokenizer_special(const grus_tokenizer *tokenizer, const char *token);

// Appends the ids of valid UTF-8 text, bos and eos of the config included, and tells ids->unknown. On GRUS_E_FAILED the record is in error:
// error->cause says why in words for the record's `error` field ("unknown token …") and error->place is a short
// machine-readable name of the cause ("unknown_token", "bad_id"). GRUS_E_MEMORY otherwise.
grus_status grus_tokenizer_encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                                  grus_error *error);
// The same where the record holds a list of integers.
grus_status grus_tokenizer_encode_ids(const grus_tokenizer *tokenizer, const uint64_t *list, size_t n, grus_ids *ids,
                                      grus_error *error);

// Bytes that encoding a text of so many bytes with ids->most takes beside the ids, at most; saturated.
size_t grus_tokenizer_memory(const grus_tokenizer *tokenizer, size_t text_bytes, size_t most);

// Appends the text of ids (no bos, no end token among them) as raw UTF-8.
void grus_tokenizer_decode(const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n, grus_buffer *text);
// The same with texts (n) in the places of some tokens. Ids without a vocabulary stay what they are.
void grus_tokenizer_decode_replaced(const grus_tokenizer *tokenizer, const uint32_t *ids, const grus_token_text *texts,
                                    size_t n, grus_buffer *text);
// Appends one token as the vocabulary has it, special ones and joiners included; a decimal id where there is none.
void grus_tokenizer_token(const grus_tokenizer *tokenizer, uint32_t id, grus_buffer *text);

#endif
