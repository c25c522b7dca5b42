// tokenizer.c: the table of tokenizers, and what all of them share: vocabulary, special tokens, lower-casing.
#include "config.h"

#include "io/text/tokenizer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/model/model_dir.h"
#include "io/text/tokenizer_type.h"

#ifdef GRUS_SENTENCEPIECE
#define SENTENCEPIECE &grus_tokenizer_sentencepiece
#else
#define SENTENCEPIECE NULL
#endif

// The table of tokenizers: a new one is a row here, its name in grus_tokenizer_kind, and a file of its own.
static const struct {
    grus_tokenizer_facts facts;
    const grus_tokenizer_type *type; // NULL: this build has none
} kinds[GRUS_N_TOKENIZERS] = {
    [GRUS_TOKENIZER_CHAR] = {{"char", '+', '-', '-'}, &grus_tokenizer_char},
    [GRUS_TOKENIZER_WHITESPACE] = {{"whitespace", '+', '-', '-'}, &grus_tokenizer_whitespace},
    [GRUS_TOKENIZER_BPE] = {{"bpe", '+', '+', '-'}, &grus_tokenizer_bpe},
    [GRUS_TOKENIZER_SENTENCEPIECE] = {{"sentencepiece", '-', '-', '+'}, SENTENCEPIECE},
    [GRUS_TOKENIZER_IDS] = {{"ids", '?', '-', '-'}, &grus_tokenizer_ids},
};

const grus_tokenizer_facts *grus_tokenizer_describe(grus_tokenizer_kind kind)
{
    return &kinds[kind].facts;
}

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
    const grus_tokenizer_type *type = kinds[config->kind].type;
    if (!type)
        return refuse(dir, "tokenizer.type", error, "this build of grus has no %s tokenizer",
                      kinds[config->kind].facts.name);
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

// ---- for the types ----

bool grus_ids_append(grus_ids *ids, uint32_t id)
{
    if (ids->most && ids->size >= ids->most) {
        ids->size++;
        return true;
    }
    void *data = ids->data;
    if (!grus_grow(&data, &ids->capacity, ids->size + 1, sizeof *ids->data))
        return false;
    ids->data = data;
    ids->data[ids->size++] = id;
    return true;
}

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

void grus_tokenizer_join(const grus_tokenizer *tokenizer, const uint32_t *ids, size_t n, grus_buffer *text)
{
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *token = grus_vocab_token(tokenizer->vocab, ids[i], &length);
        if (i > 0)
            grus_buffer_byte(text, ' ');
        grus_buffer_append(text, token, length);
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
    tokenizer->type->decode(tokenizer, ids, n, text);
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
