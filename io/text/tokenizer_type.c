// tokenizer_type.c: ids of tokens, words and code points, for all types.
#include "config.h"

#include "io/text/tokenizer_type.h"

#include <inttypes.h>
#include <unistr.h>

#include "base/error.h"
#include "base/memory.h"

grus_status grus_tokenizer_append_token(const grus_tokenizer *tokenizer, const char *token, size_t length,
                                        grus_ids *ids, grus_error *error)
{
    uint32_t id = grus_vocab_id(tokenizer->vocab, token, length);
    if (id == GRUS_NO_ID)
        id = tokenizer->unk;
    if (id == GRUS_NO_ID)
        return grus_fail(error, GRUS_E_FAILED, NULL, "unknown_token",
                         "unknown token \"%.*s\"%s, and the vocabulary has no <unk>", (int)grus_min(length, 64), token,
                         length > 64 ? "…" : "");
    if (id == tokenizer->unk)
        grus_ids_tell_unknown(ids, token, length);
    return grus_ids_append(ids, id) ? GRUS_OK : grus_fail_memory(error, ids->size);
}

grus_status grus_tokenizer_append_id(const grus_tokenizer *tokenizer, uint64_t id, grus_ids *ids, grus_error *error)
{
    uint64_t limit = tokenizer->size ? tokenizer->size : GRUS_NO_ID;
    if (id >= limit)
        return grus_fail(error, GRUS_E_FAILED, NULL, "bad_id", "id %" PRIu64 " is not below %" PRIu64, id, limit);
    return grus_ids_append(ids, (uint32_t)id) ? GRUS_OK : grus_fail_memory(error, ids->size);
}

static bool is_word_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

void grus_tokenizer_put(const grus_tokenizer *tokenizer, const grus_tokens *tokens, size_t i, grus_buffer *text)
{
    grus_token_text token = tokens->texts ? tokens->texts[i] : (grus_token_text){0};
    if (!token.data)
        token.data = grus_vocab_token(tokenizer->vocab, tokens->ids[i], &token.length);
    grus_buffer_append(text, token.data, token.length);
}

void grus_tokenizer_join(const grus_tokenizer *tokenizer, const grus_tokens *tokens, grus_buffer *text)
{
    for (size_t i = 0; i < tokens->n; i++) {
        if (i > 0)
            grus_buffer_byte(text, ' ');
        grus_tokenizer_put(tokenizer, tokens, i, text);
    }
}

bool grus_next_word(const char *text, size_t length, size_t *at, const char **word, size_t *size)
{
    size_t start = *at;
    while (start < length && is_word_space(text[start]))
        start++;
    size_t end = start;
    while (end < length && !is_word_space(text[end]))
        end++;
    *at = end;
    *word = text + start;
    *size = end - start;
    return end > start;
}

size_t grus_code_point_size(const char *text, size_t length)
{
    // NUL has the length 0 there.
    int size = u8_mblen((const uint8_t *)text, length);
    return size > 0 ? (size_t)size : 1;
}
