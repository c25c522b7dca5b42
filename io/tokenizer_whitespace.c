// tokenizer_whitespace.c: one token for each run of bytes between spaces.
#include "config.h"

#include "io/tokenizer_type.h"

static grus_status encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                          grus_error *error)
{
    for (size_t at = 0; at < length;) {
        size_t start = at;
        while (at < length && !grus_is_word_space(text[at]))
            at++;
        if (at == start) {
            at++;
            continue;
        }
        grus_status status = grus_tokenizer_append_token(tokenizer, text + start, at - start, ids, error);
        if (status)
            return status;
    }
    return GRUS_OK;
}

static void decode(const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n, grus_buffer *text)
{
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *token = grus_vocab_token(tokenizer->vocab, ids[i], &length);
        if (i > 0)
            grus_buffer_byte(text, ' ');
        grus_buffer_append(text, token, length);
    }
}

const grus_tokenizer_type grus_tokenizer_whitespace = {
    .kind = GRUS_TOKENIZER_WHITESPACE, .encode = encode, .decode = decode};
