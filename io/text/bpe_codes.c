// bpe_codes.c: the file's lines, their symbols as a vocabulary in memory, and a hash table from pairs of them to merges.
#include "config.h"

#include "io/text/bpe_codes.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/text/vocabulary.h"

#define CODES_MAX ((size_t)1 << 30) // bytes
#define CODE_POINT_MAX ((size_t)4)  // bytes

typedef struct pair {
    uint32_t left, right; // left is GRUS_BPE_NO_SYMBOL where the slot is free
    grus_bpe_merge merge;
} pair;

struct grus_bpe_codes {
    bool end_stands_alone;
    grus_vocab *symbols; // the end of a word; then left, right and merged symbol of each rank, equal ones again
    size_t n_merges;
    size_t longest;    // bytes of a symbol
    pair *table;       // table_mask + 1
    size_t table_mask; // a power of two, less one
};

// The file while it is read.
typedef struct codes_file {
    const char *path;
    grus_buffer text;
    size_t at, line; // where the next line begins; number of the last one, from 1
    grus_buffer symbols;
} codes_file;

static grus_status refuse(const codes_file *file, grus_error *error, const char *cause)
{
    char place[40];
    snprintf(place, sizeof place, "line %zu", grus_max(file->line, 1));
    return grus_fail(error, GRUS_E_MODEL, file->path, place, "%s", cause);
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\r';
}

// The next line without the blanks around it.
static const char *next_line(codes_file *file, size_t *length)
{
    const char *line = file->text.data + file->at;
    const char *end = memchr(line, '\n', file->text.size - file->at);
    size_t size = end ? (size_t)(end - line) : file->text.size - file->at;
    file->at += size + (end != NULL);
    file->line++;
    while (size > 0 && is_blank(line[size - 1]))
        size--;
    for (; size > 0 && is_blank(*line); size--)
        line++;
    *length = size;
    return line;
}

static grus_status read_version(codes_file *file, bool *end_stands_alone, grus_error *error)
{
    static const char mark[] = "#version:";
    size_t size = sizeof mark - 1, length;
    *end_stands_alone = true;
    if (file->text.size < size || memcmp(file->text.data, mark, size) != 0)
        return GRUS_OK;
    const char *version = next_line(file, &length) + size;
    for (length -= size; length > 0 && (*version == ' ' || *version == '\t'); length--)
        version++;
    // 0.2.0 is 0.2.
    while (length > 4 && memcmp(version + length - 2, ".0", 2) == 0)
        length -= 2;
    *end_stands_alone = length == 3 && memcmp(version, "0.1", 3) == 0;
    if (*end_stands_alone || (length == 3 && memcmp(version, "0.2", 3) == 0))
        return GRUS_OK;
    return refuse(file, error, "is a version other than 0.1 and 0.2");
}

static grus_status read_merge(codes_file *file, grus_error *error)
{
    size_t length;
    const char *line = next_line(file, &length);
    if (u8_check((const uint8_t *)line, length))
        return refuse(file, error, "is not UTF-8");
    const char *space = length > 0 ? memchr(line, ' ', length) : NULL;
    size_t left = space ? (size_t)(space - line) : length;
    if (!space || memchr(space + 1, ' ', length - left - 1))
        return refuse(file, error, "is not two symbols with one space between them");
    grus_buffer_append(&file->symbols, line, left);
    grus_buffer_byte(&file->symbols, '\n');
    grus_buffer_append(&file->symbols, space + 1, length - left - 1);
    grus_buffer_byte(&file->symbols, '\n');
    grus_buffer_append(&file->symbols, line, left);
    grus_buffer_append(&file->symbols, space + 1, length - left - 1);
    grus_buffer_byte(&file->symbols, '\n');
    return GRUS_OK;
}

static grus_status read_merges(codes_file *file, grus_bpe_codes *codes, grus_error *error)
{
    grus_buffer *text = &file->text;
    while (text->size > 0 && (text->data[text->size - 1] == '\n' || is_blank(text->data[text->size - 1])))
        text->size--;
    if (text->size >= 3 && memcmp(text->data, "\xEF\xBB\xBF", 3) == 0)
        return refuse(file, error, "begins with a byte-order mark, which would become part of the first symbol");
    grus_status status = read_version(file, &codes->end_stands_alone, error);
    grus_buffer_text(&file->symbols, GRUS_BPE_END "\n");
    for (; !status && file->at < text->size; codes->n_merges++)
        status = read_merge(file, error);
    if (!status && codes->n_merges == 0)
        return refuse(file, error, "holds no merge");
    return status ? status : grus_vocab_take(&file->symbols, file->path, &codes->symbols, error);
}

static uint32_t symbol_of_line(const grus_bpe_codes *codes, size_t line)
{
    size_t length;
    const char *text = grus_vocab_token(codes->symbols, (uint32_t)line, &length);
    return grus_vocab_id(codes->symbols, text, length);
}

// The slot where this pair is, or would go.
static pair *find_slot(const grus_bpe_codes *codes, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 32 | right;
    size_t at = (size_t)XXH3_64bits(&key, sizeof key) & codes->table_mask;
    for (;; at = (at + 1) & codes->table_mask) {
        pair *slot = &codes->table[at];
        if (slot->left == GRUS_BPE_NO_SYMBOL || (slot->left == left && slot->right == right))
            return slot;
    }
}

static grus_status fill_table(grus_bpe_codes *codes, grus_error *error)
{
    size_t slots = 16;
    while (slots / 2 < codes->n_merges)
        slots *= 2;
    codes->table = grus_alloc(slots, sizeof *codes->table);
    if (!codes->table)
        return grus_fail_memory(error, slots);
    codes->table_mask = slots - 1;
    for (size_t i = 0; i < slots; i++)
        codes->table[i].left = GRUS_BPE_NO_SYMBOL;
    for (size_t i = 0; i < codes->n_merges; i++) {
        uint32_t left = symbol_of_line(codes, 3 * i + 1), right = symbol_of_line(codes, 3 * i + 2);
        pair *slot = find_slot(codes, left, right);
        if (slot->left == GRUS_BPE_NO_SYMBOL)
            *slot = (pair){left, right, {.rank = (uint32_t)i, .symbol = symbol_of_line(codes, 3 * i + 3)}};
    }
    return GRUS_OK;
}

static size_t find_longest(const grus_vocab *symbols)
{
    size_t longest = CODE_POINT_MAX;
    for (size_t i = 0; i < grus_vocab_size(symbols); i++) {
        size_t length;
        grus_vocab_token(symbols, (uint32_t)i, &length);
        longest = grus_max(longest, length);
    }
    return longest;
}

grus_status grus_bpe_codes_read(const char *path, grus_bpe_codes **codes_out, grus_error *error)
{
    grus_bpe_codes *codes = calloc(1, sizeof *codes);
    if (!codes)
        return grus_fail_memory(error, sizeof *codes);
    codes_file file = {.path = path};
    grus_status status = grus_file_read(path, CODES_MAX, GRUS_E_MODEL, &file.text, error);
    if (!status)
        status = read_merges(&file, codes, error);
    grus_buffer_free(&file.text);
    grus_buffer_free(&file.symbols);
    if (!status)
        status = fill_table(codes, error);
    if (!status)
        codes->longest = find_longest(codes->symbols);
    if (status) {
        grus_bpe_codes_free(codes);
        return status;
    }
    *codes_out = codes;
    return GRUS_OK;
}

void grus_bpe_codes_free(grus_bpe_codes *codes)
{
    if (!codes)
        return;
    grus_vocab_free(codes->symbols);
    free(codes->table);
    free(codes);
}

size_t grus_bpe_longest(const grus_bpe_codes *codes)
{
    return codes->longest;
}

bool grus_bpe_end_stands_alone(const grus_bpe_codes *codes)
{
    return codes->end_stands_alone;
}

uint32_t grus_bpe_symbol(const grus_bpe_codes *codes, const char *text, size_t length)
{
    return grus_vocab_id(codes->symbols, text, length);
}

const grus_bpe_merge *grus_bpe_find_merge(const grus_bpe_codes *codes, uint32_t left, uint32_t right)
{
    if (left == GRUS_BPE_NO_SYMBOL || right == GRUS_BPE_NO_SYMBOL)
        return NULL;
    const pair *slot = find_slot(codes, left, right);
    return slot->left == GRUS_BPE_NO_SYMBOL ? NULL : &slot->merge;
}
