// tokenizer_ids.c: the text is decimal integers between spaces, and they are the ids.
#include "config.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/tokenizer_type.h"

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
    for (size_t at = 0; at < length;) {
        size_t start = at;
        while (at < length && !grus_is_word_space(text[at]))
            at++;
        if (at == start) {
            at++;
            continue;
        }
        grus_status status = append_number(tokenizer, text + start, at - start, ids, error);
        if (status)
            return status;
    }
    return GRUS_OK;
}

static void decode(const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n, grus_buffer *text)
{
    (void)tokenizer;
    for (size_t i = 0; i < n; i++)
        grus_buffer_printf(text, "%s%" PRIu32, i > 0 ? " " : "", ids[i]);
}

const grus_tokenizer_type grus_tokenizer_ids = {
    .kind = GRUS_TOKENIZER_IDS, .takes_ids = true, .encode = encode, .decode = decode};
