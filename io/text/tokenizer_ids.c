// tokenizer_ids.c: the text is decimal integers between spaces, and they are the ids.
#include "config.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/text/tokenizer_type.h"

static grus_status append_number(const grus_tokenizer *tokenizer, const char *digits, size_t length, grus_ids *ids,
                                 grus_error *error)
{
    uint64_t id = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return grus_fail(error, GRUS_E_FAILED, NULL, "bad_id", "\"%.*s\" is not a decimal id",
                             (int)grus_min(length, 32), digits);
        if (id < UINT64_MAX / 10 - 1)
            id = id * 10 + (uint64_t)(digits[i] - '0');
    }
    return grus_tokenizer_append_id(tokenizer, id, ids, error);
}

static grus_status encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                          grus_error *error)
{
    const char *word;
    grus_status status = GRUS_OK;
    for (size_t at = 0, size; !status && grus_next_word(text, length, &at, &word, &size);)
        status = append_number(tokenizer, word, size, ids, error);
    return status;
}

static void decode(const grus_tokenizer *tokenizer, const grus_tokens *tokens, grus_buffer *text)
{
    (void)tokenizer;
    for (size_t i = 0; i < tokens->n; i++)
        grus_buffer_printf(text, "%s%" PRIu32, i > 0 ? " " : "", tokens->ids[i]);
}

static void append_token(const grus_tokenizer *tokenizer, uint32_t id, grus_buffer *text)
{
    (void)tokenizer;
    grus_buffer_printf(text, "%" PRIu32, id);
}

static uint32_t special(const grus_tokenizer *tokenizer, const char *token)
{
    uint64_t id = 0;
    if (*token == '\0')
        return GRUS_NO_ID;
    for (; *token; token++) {
        if (*token < '0' || *token > '9')
            return GRUS_NO_ID;
        id = id * 10 + (uint64_t)(*token - '0');
        if (id >= GRUS_NO_ID)
            return GRUS_NO_ID;
    }
    return tokenizer->size == 0 || id < tokenizer->size ? (uint32_t)id : GRUS_NO_ID;
}

const grus_tokenizer_type grus_tokenizer_ids = {.takes_ids = true,
                                                .encode = encode,
                                                .decode = decode,
                                                .special = special,
                                                .special_is = "a decimal id",
                                                .token = append_token};
