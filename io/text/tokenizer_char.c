// tokenizer_char.c: one token for each Unicode code point.
#include "config.h"

#include "io/text/tokenizer_type.h"

static grus_status encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                          grus_error *error)
{
    for (size_t at = 0; at < length;) {
        size_t size = grus_code_point_size(text + at, length - at);
        grus_status status = grus_tokenizer_append_token(tokenizer, text + at, size, ids, error);
        if (status)
            return status;
        at += size;
    }
    return GRUS_OK;
}

static void decode(const grus_tokenizer *tokenizer, const grus_tokens *tokens, grus_buffer *text)
{
    for (size_t i = 0; i < tokens->n; i++)
        grus_tokenizer_put(tokenizer, tokens, i, text);
}

const grus_tokenizer_type grus_tokenizer_char = {.encode = encode, .decode = decode};
