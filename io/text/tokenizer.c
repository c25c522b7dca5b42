// tokenizer.c: the table of tokenizers, and what all of them share: vocabulary, special tokens, lower-casing.
#include "config.h"

#include "io/text/tokenizer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

#include "base/error.h"
#include "base/names.h"
#include "base/path.h"
#include "io/text/tokenizer_type.h"

#ifdef GRUS_SENTENCEPIECE
#define SENTENCEPIECE &grus_tokenizer_sentencepiece
#else
#define SENTENCEPIECE NULL
#endif

// The table of tokenizers: a new one is a row here, its name and its files in base/names.c, and a file of its own. NULL:
// this build has none.
static const grus_tokenizer_type *const types[GRUS_N_TOKENIZERS] = {
    [GRUS_TOKENIZER_CHAR] = &grus_tokenizer_char, [GRUS_TOKENIZER_WHITESPACE] = &grus_tokenizer_whitespace,
    [GRUS_TOKENIZER_BPE] = &grus_tokenizer_bpe,   [GRUS_TOKENIZER_SENTENCEPIECE] = SENTENCEPIECE,
    [GRUS_TOKENIZER_IDS] = &grus_tokenizer_ids,
};

// ---- opening ----

static grus_status GRUS_PRINTF(4, 5)
    refuse(const char *dir, const char *key, grus_error *error, const char *format, ...)
{
    char file[1024], cause[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    snprintf(file, sizeof file, "%s/config.json", dir);
    return grus_fail(error, GRUS_E_MODEL, file, key, "%s", cause);
}

static grus_status read_vocab(grus_tokenizer *tokenizer, const char *dir, const char *name, grus_error *error)
{
    char *path = grus_path_join(dir, name);
    if (!path)
        return grus_fail_memory(error, strlen(dir) + strlen(name));
    grus_status status = grus_vocab_read(path, &tokenizer->vocab, error);
    free(path);
    if (status)
        return status;
    tokenizer->size = grus_vocab_size(tokenizer->vocab);
    tokenizer->unk = grus_vocab_id(tokenizer->vocab, "<unk>", strlen("<unk>"));
    return GRUS_OK;
}

static grus_status set_special(const grus_tokenizer *tokenizer, const char *dir, const char *key, const char *token,
                               uint32_t *id, grus_error *error)
{
    *id = GRUS_NO_ID;
    if (!token)
        return GRUS_OK;
    *id = grus_tokenizer_special(tokenizer, token);
    if (*id != GRUS_NO_ID)
        return GRUS_OK;
    return refuse(dir, key, error, "expected %s, found \"%s\"",
                  tokenizer->vocab ? "a line of the vocabulary" : tokenizer->type->special_is, token);
}

static grus_status load(grus_tokenizer *tokenizer, const char *dir, const grus_tokenizer_config *config,
                        grus_error *error)
{
    grus_status status = GRUS_OK;
    if (config->vocab && *config->vocab)
        status = read_vocab(tokenizer, dir, config->vocab, error);
    if (!status && tokenizer->type->open)
        status = tokenizer->type->open(tokenizer, dir, config, error);
    if (!status)
        status = set_special(tokenizer, dir, "source.tokenizer.bos", config->bos, &tokenizer->bos, error);
    return status ? status : set_special(tokenizer, dir, "source.tokenizer.eos", config->eos, &tokenizer->eos, error);
}

grus_status grus_tokenizer_open(const char *dir, const grus_tokenizer_config *config, grus_tokenizer **tokenizer_out,
                                grus_error *error)
{
    const grus_tokenizer_type *type = types[config->kind];
    if (!type)
        return refuse(dir, "tokenizer.type", error, "this build of grus has no %s tokenizer",
                      grus_tokenizer_names[config->kind]);
    grus_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return grus_fail_memory(error, sizeof *tokenizer);
    tokenizer->type = type;
    tokenizer->lowercase = config->lowercase;
    tokenizer->bos = tokenizer->eos = tokenizer->unk = GRUS_NO_ID;
    grus_status status = load(tokenizer, dir, config, error);
    if (status) {
        grus_tokenizer_close(tokenizer);
        return status;
    }
    *tokenizer_out = tokenizer;
    return GRUS_OK;
}

void grus_tokenizer_close(grus_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    if (tokenizer->type->close)
        tokenizer->type->close(tokenizer);
    grus_vocab_free(tokenizer->vocab);
    free(tokenizer);
}

// ---- asking ----

uint32_t grus_tokenizer_unknown(const grus_tokenizer *tokenizer)
{
    return tokenizer->unk;
}

size_t grus_tokenizer_marks(const grus_tokenizer *tokenizer)
{
    return (tokenizer->bos != GRUS_NO_ID) + (size_t)(tokenizer->eos != GRUS_NO_ID);
}

const grus_vocab *grus_tokenizer_vocab(const grus_tokenizer *tokenizer)
{
    return tokenizer->vocab;
}

size_t grus_tokenizer_size(const grus_tokenizer *tokenizer)
{
    return tokenizer->size;
}

void grus_tokenizer_set_size(grus_tokenizer *tokenizer, size_t size)
{
    tokenizer->size = size;
}

bool grus_tokenizer_takes_ids(const grus_tokenizer *tokenizer)
{
    return tokenizer->type->takes_ids;
}

uint32_t grus_tokenizer_special(const grus_tokenizer *tokenizer, const char *token)
{
    if (tokenizer->vocab)
        return grus_vocab_id(tokenizer->vocab, token, strlen(token));
    return tokenizer->type->special ? tokenizer->type->special(tokenizer, token) : GRUS_NO_ID;
}

// ---- encoding and decoding ----

// Appends text with every code point mapped to its simple lower case.
static void append_lower(grus_buffer *to, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        ucs4_t point;
        int size = u8_mbtouc(&point, (const uint8_t *)text + at, length - at);
        uint8_t lower[6];
        int lower_size = u8_uctomb(lower, uc_tolower(point), sizeof lower);
        if (lower_size > 0)
            grus_buffer_append(to, lower, (size_t)lower_size);
        at += size > 0 ? (size_t)size : 1;
    }
}

static grus_status encode_text(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                               grus_error *error)
{
    if (!tokenizer->lowercase)
        return tokenizer->type->encode(tokenizer, text, length, ids, error);
    grus_buffer lower = {0};
    append_lower(&lower, text, length);
    grus_status status = lower.failed ? grus_fail_memory(error, length)
                                      : tokenizer->type->encode(tokenizer, lower.data, lower.size, ids, error);
    grus_buffer_free(&lower);
    return status;
}

static grus_status append_special(const grus_tokenizer *tokenizer, uint32_t id, grus_ids *ids, grus_error *error)
{
    return id == GRUS_NO_ID ? GRUS_OK : grus_tokenizer_append_id(tokenizer, id, ids, error);
}

grus_status grus_tokenizer_encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                                  grus_error *error)
{
    grus_status status = append_special(tokenizer, tokenizer->bos, ids, error);
    if (!status && length > 0)
        status = encode_text(tokenizer, text, length, ids, error);
    return status ? status : append_special(tokenizer, tokenizer->eos, ids, error);
}

grus_status grus_tokenizer_encode_ids(const grus_tokenizer *tokenizer, const uint64_t *list, size_t n, grus_ids *ids,
                                      grus_error *error)
{
    grus_status status = append_special(tokenizer, tokenizer->bos, ids, error);
    for (size_t i = 0; i < n && !status; i++)
        status = grus_tokenizer_append_id(tokenizer, list[i], ids, error);
    return status ? status : append_special(tokenizer, tokenizer->eos, ids, error);
}

void grus_tokenizer_decode(const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n, grus_buffer *text)
{
    tokenizer->type->decode(tokenizer, &(grus_tokens){ids, NULL, n}, text);
}

void grus_tokenizer_decode_replaced(const grus_tokenizer *tokenizer, const uint32_t *ids, const grus_token_text *texts,
                                    size_t n, grus_buffer *text)
{
    tokenizer->type->decode(tokenizer, &(grus_tokens){ids, texts, n}, text);
}

size_t grus_tokenizer_memory(const grus_tokenizer *tokenizer, size_t text_bytes, size_t most)
{
    return tokenizer->type->memory ? tokenizer->type->memory(tokenizer, text_bytes, most) : 0;
}

void grus_tokenizer_token(const grus_tokenizer *tokenizer, uint32_t id, grus_buffer *text)
{
    if (!tokenizer->vocab) {
        tokenizer->type->token(tokenizer, id, text);
        return;
    }
    size_t length;
    const char *token = grus_vocab_token(tokenizer->vocab, id, &length);
    grus_buffer_append(text, token, length);
}
