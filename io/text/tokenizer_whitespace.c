// tokenizer_whitespace.c: one token for each run of bytes between spaces.
#include "config.h"

#include "io/text/tokenizer_type.h"

static grus_status encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                          grus_error *error)
{
    const char *word;
    grus_status status = GRUS_OK;
    for (size_t at = 0, size; !status && grus_next_word(text, length, &at, &word, &size);)
        status = grus_tokenizer_append_token(tokenizer, word, size, ids, error);
    return status;
}

const grus_tokenizer_type grus_tokenizer_whitespace = {.encode = encode, .decode = grus_tokenizer_join};
