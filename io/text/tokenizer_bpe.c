// tokenizer_bpe.c: words cut into pieces by the merges of a subword-nmt codes file, "@@" behind each piece but the last.
//
// A word begins as its code points. The merge of the lowest rank among all pairs of neighbours is made wherever it
// occurs, from left to right, then again, until no pair is in the codes. Neighbours are linked and candidates wait in a
// heap, so that a word of n code points takes n log n steps, however long it is. A word that has too many pieces for a
// record by its length alone is not cut, which bounds the memory.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/path.h"
#include "io/text/bpe_codes.h"
#include "io/text/tokenizer_type.h"

#define SEPARATOR "@@"
#define NONE UINT32_MAX
#define LEAST_ROOM ((size_t)1024)

// A piece of the word so far. The symbol of one that went into its left neighbour is GRUS_BPE_NO_SYMBOL.
typedef struct node {
    uint32_t symbol;
    uint32_t start;          // byte of the word
    uint32_t previous, next; // neighbours, or NONE
} node;

// What one call of encode works with; words take turns.
typedef struct word_cutter {
    const grus_bpe_codes *codes;
    size_t longest; // bytes of a piece
    node *nodes;
    size_t n_nodes, node_capacity;
    // Rank in the upper half, the left node in the lower; the least first. Some are out of date.
    uint64_t *heap;
    size_t n_heap, heap_capacity;
    uint32_t *merged; // the nodes that the last merge made
    size_t n_merged, merged_capacity;
    grus_buffer token;
} word_cutter;

// ---- the heap ----

static bool push(word_cutter *cutter, uint64_t item)
{
    void *heap = cutter->heap;
    if (!grus_grow(&heap, &cutter->heap_capacity, cutter->n_heap + 1, sizeof *cutter->heap))
        return false;
    cutter->heap = heap;
    size_t at = cutter->n_heap++;
    for (size_t parent; at > 0 && cutter->heap[parent = (at - 1) / 2] > item; at = parent)
        cutter->heap[at] = cutter->heap[parent];
    cutter->heap[at] = item;
    return true;
}

static uint64_t pop(word_cutter *cutter)
{
    uint64_t *heap = cutter->heap, least = heap[0], item = heap[--cutter->n_heap];
    size_t at = 0, n = cutter->n_heap;
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (heap[child] >= item)
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
    return least;
}

// ---- merging ----

static const grus_bpe_merge *merge_at(const word_cutter *cutter, uint32_t at)
{
    const node *left = &cutter->nodes[at];
    return left->next == NONE ? NULL
                              : grus_bpe_find_merge(cutter->codes, left->symbol, cutter->nodes[left->next].symbol);
}

static bool push_pair(word_cutter *cutter, uint32_t at)
{
    const grus_bpe_merge *merge = at == NONE ? NULL : merge_at(cutter, at);
    return !merge || push(cutter, (uint64_t)merge->rank << 32 | at);
}

static void join_next(word_cutter *cutter, uint32_t at, uint32_t symbol)
{
    node *left = &cutter->nodes[at], *right = &cutter->nodes[left->next];
    left->symbol = symbol;
    left->next = right->next;
    if (right->next != NONE)
        cutter->nodes[right->next].previous = at;
    right->symbol = GRUS_BPE_NO_SYMBOL;
}

// Makes the merge of the lowest rank everywhere. New pairs have to wait for that: one of them may have a lower rank.
static bool merge_lowest(word_cutter *cutter)
{
    uint64_t rank = cutter->heap[0] >> 32;
    cutter->n_merged = 0;
    while (cutter->n_heap > 0 && cutter->heap[0] >> 32 == rank) {
        uint32_t at = (uint32_t)pop(cutter);
        const grus_bpe_merge *merge = merge_at(cutter, at);
        if (!merge || merge->rank != rank)
            continue;
        void *merged = cutter->merged;
        if (!grus_grow(&merged, &cutter->merged_capacity, cutter->n_merged + 1, sizeof *cutter->merged))
            return false;
        cutter->merged = merged;
        cutter->merged[cutter->n_merged++] = at;
        join_next(cutter, at, merge->symbol);
    }
    for (size_t i = 0; i < cutter->n_merged; i++) {
        uint32_t at = cutter->merged[i];
        if (!push_pair(cutter, cutter->nodes[at].previous) || !push_pair(cutter, at))
            return false;
    }
    return true;
}

// ---- words ----

// Makes *array hold count elements; its content is lost. Growing it bit by bit would leave holes behind.
static bool make_room(void **array, size_t *capacity, size_t count, size_t size)
{
    size_t bytes;
    if (count <= *capacity)
        return true;
    free(*array);
    *capacity = 0;
    count = grus_max(count, LEAST_ROOM);
    *array = grus_mul(count, size, &bytes) ? malloc(bytes) : NULL;
    *capacity = *array ? count : 0;
    return *array != NULL;
}

// For a word of so many bytes and the end of it. A merge takes one node, of n at first, and one candidate away, and
// brings two candidates at most: of these there are never more than 2n.
static bool make_rooms(word_cutter *cutter, size_t length)
{
    size_t n = length + 1, pairs;
    void *nodes = cutter->nodes, *heap = cutter->heap, *merged = cutter->merged;
    bool made = grus_mul(n, 2, &pairs) && make_room(&nodes, &cutter->node_capacity, n, sizeof *cutter->nodes) &&
                make_room(&heap, &cutter->heap_capacity, pairs, sizeof *cutter->heap) &&
                make_room(&merged, &cutter->merged_capacity, n / 2 + 1, sizeof *cutter->merged);
    cutter->nodes = nodes;
    cutter->heap = heap;
    cutter->merged = merged;
    return made;
}

// Bytes of a word beyond which it has more than so many pieces for certain.
static size_t longest_word(size_t longest, size_t most)
{
    size_t bytes;
    return most && grus_mul(longest, most, &bytes) ? bytes : SIZE_MAX;
}

static bool add_node(word_cutter *cutter, uint32_t symbol, size_t start)
{
    void *nodes = cutter->nodes;
    if (!grus_grow(&nodes, &cutter->node_capacity, cutter->n_nodes + 1, sizeof *cutter->nodes))
        return false;
    cutter->nodes = nodes;
    uint32_t at = (uint32_t)cutter->n_nodes++;
    cutter->nodes[at] =
        (node){.symbol = symbol, .start = (uint32_t)start, .previous = at > 0 ? at - 1 : NONE, .next = at + 1};
    return true;
}

static uint32_t last_symbol(const grus_bpe_codes *codes, const char *point, size_t size)
{
    char text[8 + sizeof GRUS_BPE_END];
    memcpy(text, point, size);
    memcpy(text + size, GRUS_BPE_END, strlen(GRUS_BPE_END));
    return grus_bpe_symbol(codes, text, size + strlen(GRUS_BPE_END));
}

// One node for each code point, the end of the word where the codes have it.
static bool split(word_cutter *cutter, const char *word, size_t length)
{
    bool alone = grus_bpe_end_stands_alone(cutter->codes);
    cutter->n_nodes = cutter->n_heap = 0;
    for (size_t at = 0, size; at < length; at += size) {
        size = grus_code_point_size(word + at, length - at);
        uint32_t symbol = !alone && at + size == length ? last_symbol(cutter->codes, word + at, size)
                                                        : grus_bpe_symbol(cutter->codes, word + at, size);
        if (!add_node(cutter, symbol, at))
            return false;
    }
    if (alone && !add_node(cutter, grus_bpe_symbol(cutter->codes, GRUS_BPE_END, strlen(GRUS_BPE_END)), length))
        return false;
    cutter->nodes[cutter->n_nodes - 1].next = NONE;
    return true;
}

static bool merge_all(word_cutter *cutter)
{
    for (size_t i = 0; i < cutter->n_nodes; i++)
        if (!push_pair(cutter, (uint32_t)i))
            return false;
    while (cutter->n_heap > 0)
        if (!merge_lowest(cutter))
            return false;
    return true;
}

static grus_status append_pieces(const grus_tokenizer *tokenizer, word_cutter *cutter, const char *word, size_t length,
                                 grus_ids *ids, grus_error *error)
{
    grus_status status = GRUS_OK;
    size_t start = 0;
    for (uint32_t at = 0; !status && start < length; at = cutter->nodes[at].next) {
        uint32_t next = cutter->nodes[at].next;
        size_t end = next == NONE ? length : cutter->nodes[next].start;
        grus_buffer_clear(&cutter->token);
        grus_buffer_append(&cutter->token, word + start, end - start);
        if (end < length)
            grus_buffer_text(&cutter->token, SEPARATOR);
        if (cutter->token.failed)
            return grus_fail_memory(error, end - start);
        status = grus_tokenizer_append_token(tokenizer, cutter->token.data, cutter->token.size, ids, error);
        start = end;
    }
    return status;
}

static grus_status append_word(const grus_tokenizer *tokenizer, word_cutter *cutter, const char *word, size_t length,
                               grus_ids *ids, grus_error *error)
{
    if (length >= NONE)
        return grus_fail(error, GRUS_E_FAILED, NULL, "long_word", "a word of %zu bytes is too long", length);
    if (length > longest_word(cutter->longest, ids->most)) {
        ids->at_least = true;
        ids->size = grus_max(ids->size, ids->most + 1);
        return GRUS_OK;
    }
    if (grus_code_point_size(word, length) == length)
        return grus_tokenizer_append_token(tokenizer, word, length, ids, error);
    if (!make_rooms(cutter, length) || !split(cutter, word, length) || !merge_all(cutter))
        return grus_fail_memory(error, length);
    return append_pieces(tokenizer, cutter, word, length, ids, error);
}

static grus_status encode(const grus_tokenizer *tokenizer, const char *text, size_t length, grus_ids *ids,
                          grus_error *error)
{
    word_cutter cutter = {.codes = tokenizer->own, .longest = grus_bpe_longest(tokenizer->own)};
    const char *word;
    grus_status status = GRUS_OK;
    for (size_t at = 0, size; !status && grus_next_word(text, length, &at, &word, &size);)
        status = append_word(tokenizer, &cutter, word, size, ids, error);
    free(cutter.nodes);
    free(cutter.heap);
    free(cutter.merged);
    grus_buffer_free(&cutter.token);
    return status;
}

static size_t memory(const grus_tokenizer *tokenizer, size_t text_bytes, size_t most)
{
    size_t word = grus_min(text_bytes, longest_word(grus_bpe_longest(tokenizer->own), most)), bytes;
    size_t byte = sizeof(node) + 2 * sizeof(uint64_t) + sizeof(uint32_t) / 2;
    return grus_add(word, LEAST_ROOM, &bytes) && grus_mul(bytes, byte, &bytes) ? bytes : SIZE_MAX;
}

// ---- decoding ----

// Takes every "@@ " and an "@@" at the end out of the text from start on.
static void join_pieces(grus_buffer *text, size_t start)
{
    size_t to = start, size = text->size;
    for (size_t from = start; from < size;) {
        const char *at = text->data + from;
        size_t left = size - from;
        if (left >= 2 && at[0] == '@' && at[1] == '@' && (left == 2 || at[2] == ' '))
            from += grus_min(left, strlen(SEPARATOR " "));
        else
            text->data[to++] = text->data[from++];
    }
    text->size = to;
}

static void decode(const grus_tokenizer *tokenizer, const grus_tokens *tokens, grus_buffer *text)
{
    size_t start = text->size;
    grus_tokenizer_join(tokenizer, tokens, text);
    join_pieces(text, start);
}

// ---- opening ----

static grus_status open_codes(grus_tokenizer *tokenizer, const char *dir, const grus_tokenizer_config *config,
                              grus_error *error)
{
    char *path = grus_path_join(dir, config->codes);
    if (!path)
        return grus_fail_memory(error, strlen(dir) + strlen(config->codes));
    grus_bpe_codes *codes = NULL;
    grus_status status = grus_bpe_codes_read(path, &codes, error);
    tokenizer->own = codes;
    free(path);
    return status;
}

static void close_codes(grus_tokenizer *tokenizer)
{
    grus_bpe_codes_free(tokenizer->own);
}

const grus_tokenizer_type grus_tokenizer_bpe = {
    .open = open_codes, .close = close_codes, .encode = encode, .decode = decode, .memory = memory};
