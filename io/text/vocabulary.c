// vocabulary.c: the file in one piece, the lines as offsets into it, and an open-addressing hash table from text to id.
#include "config.h"

#include "io/text/vocabulary.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"

#define VOCAB_MAX ((size_t)4 << 30) // bytes
#define LINES_MAX ((size_t)1 << 31)

struct grus_vocab {
    grus_buffer text;
    size_t size;       // lines
    size_t *starts;    // (size + 1): line i is text[starts[i] … starts[i + 1] - 2], a \n behind it
    uint32_t *table;   // (table_mask + 1): ids, GRUS_NO_ID where free
    size_t table_mask; // a power of two, less one
};

static grus_status refuse(grus_error *error, const char *path, size_t line, const char *cause)
{
    char place[40];
    snprintf(place, sizeof place, "line %zu", line);
    return grus_fail(error, GRUS_E_MODEL, path, line ? place : NULL, "%s", cause);
}

static grus_status find_lines(grus_vocab *vocab, const char *path, grus_error *error)
{
    const char *text = vocab->text.data;
    size_t size = vocab->text.size, lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    if (lines > LINES_MAX)
        return refuse(error, path, 0, "has more than 2^31 lines");
    vocab->starts = grus_alloc(lines + 1, sizeof *vocab->starts);
    if (!vocab->starts)
        return grus_fail_memory(error, lines);
    vocab->starts[0] = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\n')
            vocab->starts[++vocab->size] = i + 1;
    return GRUS_OK;
}

static grus_status check_lines(const grus_vocab *vocab, const char *path, grus_error *error)
{
    if (vocab->text.size >= 3 && memcmp(vocab->text.data, "\xEF\xBB\xBF", 3) == 0)
        return refuse(error, path, 1, "begins with a byte-order mark, which would become part of the first token");
    if (!u8_check((const uint8_t *)vocab->text.data, vocab->text.size))
        return GRUS_OK;
    for (size_t i = 0; i < vocab->size; i++) {
        size_t length;
        const char *token = grus_vocab_token(vocab, (uint32_t)i, &length);
        if (u8_check((const uint8_t *)token, length))
            return refuse(error, path, i + 1, "is not UTF-8");
    }
    return GRUS_OK;
}

// The place where this text is, or would go.
static uint32_t *find_slot(const grus_vocab *vocab, const char *token, size_t length)
{
    size_t at = (size_t)XXH3_64bits(token, length) & vocab->table_mask;
    for (;; at = (at + 1) & vocab->table_mask) {
        uint32_t id = vocab->table[at];
        if (id == GRUS_NO_ID)
            return &vocab->table[at];
        size_t other_length;
        const char *other = grus_vocab_token(vocab, id, &other_length);
        if (other_length == length && memcmp(other, token, length) == 0)
            return &vocab->table[at];
    }
}

static grus_status fill_table(grus_vocab *vocab, grus_error *error)
{
    size_t slots = 16;
    while (slots / 2 < vocab->size)
        slots *= 2;
    vocab->table = grus_alloc(slots, sizeof *vocab->table);
    if (!vocab->table)
        return grus_fail_memory(error, slots);
    memset(vocab->table, 0xff, slots * sizeof *vocab->table);
    vocab->table_mask = slots - 1;
    for (size_t i = 0; i < vocab->size; i++) {
        size_t length;
        const char *token = grus_vocab_token(vocab, (uint32_t)i, &length);
        uint32_t *slot = find_slot(vocab, token, length);
        if (*slot == GRUS_NO_ID)
            *slot = (uint32_t)i;
    }
    return GRUS_OK;
}

static grus_status load(grus_vocab *vocab, const char *path, grus_error *error)
{
    if (vocab->text.size == 0 && !vocab->text.failed)
        return refuse(error, path, 0, "is empty: one token a line was expected");
    if (!vocab->text.failed && vocab->text.data[vocab->text.size - 1] != '\n')
        grus_buffer_byte(&vocab->text, '\n');
    if (vocab->text.failed)
        return grus_fail_memory(error, vocab->text.size);
    grus_status status = find_lines(vocab, path, error);
    if (!status)
        status = check_lines(vocab, path, error);
    return status ? status : fill_table(vocab, error);
}

grus_status grus_vocab_take(grus_buffer *lines, const char *path, grus_vocab **vocab_out, grus_error *error)
{
    grus_vocab *vocab = calloc(1, sizeof *vocab);
    if (!vocab) {
        grus_buffer_free(lines);
        return grus_fail_memory(error, sizeof *vocab);
    }
    vocab->text = *lines;
    *lines = (grus_buffer){0};
    grus_status status = load(vocab, path, error);
    if (status) {
        grus_vocab_free(vocab);
        return status;
    }
    *vocab_out = vocab;
    return GRUS_OK;
}

grus_status grus_vocab_read(const char *path, grus_vocab **vocab, grus_error *error)
{
    grus_buffer lines = {0};
    grus_status status = grus_file_read(path, VOCAB_MAX, GRUS_E_MODEL, &lines, error);
    if (!status)
        return grus_vocab_take(&lines, path, vocab, error);
    grus_buffer_free(&lines);
    return status;
}

void grus_vocab_free(grus_vocab *vocab)
{
    if (!vocab)
        return;
    grus_buffer_free(&vocab->text);
    free(vocab->starts);
    free(vocab->table);
    free(vocab);
}

size_t grus_vocab_size(const grus_vocab *vocab)
{
    return vocab->size;
}

uint32_t grus_vocab_id(const grus_vocab *vocab, const char *token, size_t length)
{
    return *find_slot(vocab, token, length);
}

const char *grus_vocab_token(const grus_vocab *vocab, uint32_t id, size_t *length)
{
    if (id >= vocab->size) {
        *length = 0;
        return "";
    }
    *length = vocab->starts[id + 1] - vocab->starts[id] - 1;
    return vocab->text.data + vocab->starts[id];
}

// ---- lines that cannot be tokens ----

enum fault { FAULT_NONE, FAULT_EMPTY, FAULT_NUL, FAULT_RETURN, FAULT_SPACE, FAULT_AGAIN };
_Static_assert(FAULT_AGAIN == GRUS_VOCAB_FAULTS, "room for each");

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool has_space(const char *token, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (is_space(token[i]))
            return true;
    return false;
}

// The first reason that holds.
static enum fault fault_of(const grus_vocab *vocab, uint32_t id, grus_vocab_use use)
{
    size_t length;
    const char *token = grus_vocab_token(vocab, id, &length);
    if (length == 0)
        return FAULT_EMPTY;
    if (grus_vocab_id(vocab, token, length) != id)
        return FAULT_AGAIN;
    if (use == GRUS_VOCAB_POINTS && length == 1)
        return FAULT_NONE;
    if (memchr(token, '\0', length))
        return FAULT_NUL;
    if (token[length - 1] == '\r')
        return FAULT_RETURN;
    return use != GRUS_VOCAB_LABELS && has_space(token, length) ? FAULT_SPACE : FAULT_NONE;
}

size_t grus_vocab_faults(const grus_vocab *vocab, grus_vocab_use use, grus_vocab_fault faults[GRUS_VOCAB_FAULTS])
{
    static const char *const reasons[] = {
        [FAULT_EMPTY] = "is empty",
        [FAULT_NUL] = "holds a NUL",
        [FAULT_RETURN] = "ends with a carriage return (\\r)",
        [FAULT_SPACE] = "holds white space",
        [FAULT_AGAIN] = "is the same as an earlier line",
    };
    grus_vocab_fault found[GRUS_VOCAB_FAULTS + 1] = {0};
    for (size_t i = 0; i < vocab->size; i++) {
        grus_vocab_fault *fault = &found[fault_of(vocab, (uint32_t)i, use)];
        if (fault->n++ == 0)
            fault->line = i + 1;
    }
    size_t n = 0;
    for (size_t i = FAULT_EMPTY; i <= FAULT_AGAIN; i++)
        if (found[i].n > 0)
            faults[n++] = (grus_vocab_fault){reasons[i], found[i].line, found[i].n};
    return n;
}
