// fuzz_bpe.c: the merges of subword-nmt; the oracle cuts a word by trying every pair again after every merge.
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "base/memory.h"
#include "io/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

#define MERGES 512
#define PIECES 512
#define END "</w>"

typedef struct span {
    const char *text;
    size_t size;
} span;

static struct merge {
    span left, right;
} merges[MERGES];
static size_t n_merges;
static bool end_alone;

// ---- the codes file, read by its definition ----

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\r';
}

static span trim(span line)
{
    while (line.size > 0 && is_blank(line.text[line.size - 1]))
        line.size--;
    for (; line.size > 0 && is_blank(*line.text); line.size--)
        line.text++;
    return line;
}

static bool read_version(span line)
{
    line.text += 9;
    line.size -= 9;
    for (; line.size > 0 && (*line.text == ' ' || *line.text == '\t'); line.size--)
        line.text++;
    while (line.size > 4 && memcmp(line.text + line.size - 2, ".0", 2) == 0)
        line.size -= 2;
    end_alone = line.size == 3 && memcmp(line.text, "0.1", 3) == 0;
    return end_alone || (line.size == 3 && memcmp(line.text, "0.2", 3) == 0);
}

static bool read_merge(span line)
{
    const char *space = line.size ? memchr(line.text, ' ', line.size) : NULL;
    if (!space || u8_check((const uint8_t *)line.text, line.size))
        return false;
    span left = {line.text, (size_t)(space - line.text)}, right = {space + 1, line.size - left.size - 1};
    if (memchr(right.text, ' ', right.size))
        return false;
    merges[n_merges++] = (struct merge){left, right};
    return true;
}

// false: grus has to refuse it.
static bool read_codes(span file)
{
    while (file.size > 0 && (is_blank(file.text[file.size - 1]) || file.text[file.size - 1] == '\n'))
        file.size--;
    n_merges = 0;
    end_alone = true;
    if (file.size >= 3 && memcmp(file.text, "\xEF\xBB\xBF", 3) == 0)
        return false;
    for (size_t at = 0, number = 0; at < file.size; number++) {
        const char *end = memchr(file.text + at, '\n', file.size - at);
        span line = {file.text + at, end ? (size_t)(end - file.text) - at : file.size - at};
        at += line.size + 1;
        bool version = number == 0 && line.size >= 9 && memcmp(line.text, "#version:", 9) == 0;
        if (!(version ? read_version(trim(line)) : read_merge(trim(line))))
            return false;
    }
    return n_merges > 0;
}

// ---- cutting ----

static bool same(span a, span b)
{
    return a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
}

static size_t rank_of(span left, span right)
{
    for (size_t i = 0; i < n_merges; i++)
        if (same(merges[i].left, left) && same(merges[i].right, right))
            return i;
    return MERGES;
}

// Cuts word + END, which lie in one piece, and gives the pieces without END. More than PIECES: none at all.
static size_t cut(const char *word, size_t length, span pieces[PIECES])
{
    size_t n = 0;
    for (size_t at = 0; at < length;) {
        if (n == PIECES - 1)
            return 0;
        size_t start = at++;
        while (at < length && (word[at] & 0xC0) == 0x80)
            at++;
        pieces[n++] = (span){word + start, at - start};
    }
    if (n == 1) // one code point is never looked up
        return 1;
    if (end_alone)
        pieces[n++] = (span){word + length, strlen(END)};
    else
        pieces[n - 1].size += strlen(END);
    for (;;) {
        size_t best = MERGES, kept = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            size_t rank = rank_of(pieces[i], pieces[i + 1]);
            best = rank < best ? rank : best;
        }
        if (best == MERGES)
            break;
        for (size_t i = 0; i < n; i++, kept++) {
            pieces[kept] = pieces[i];
            if (i + 1 < n && same(merges[best].left, pieces[i]) && same(merges[best].right, pieces[i + 1]))
                pieces[kept].size += pieces[++i].size;
        }
        n = kept;
    }
    size_t end = strlen(END);
    if (pieces[n - 1].size == end)
        n--;
    else
        pieces[n - 1].size -= end;
    return n;
}

static bool is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

// The vocabulary is the pieces in their order, so that the ids are the first lines that are equal. false: no oracle.
static bool expect_pieces(const char *text, size_t size, grus_buffer *vocab)
{
    static char word[4200];
    span pieces[PIECES];
    for (size_t at = 0; at < size;) {
        size_t end = at;
        while (end < size && !is_space(text[end]))
            end++;
        if (end == at) {
            at++;
            continue;
        }
        if (end - at > sizeof word - 8)
            return false;
        memcpy(word, text + at, end - at);
        memcpy(word + (end - at), END, strlen(END));
        size_t n = cut(word, end - at, pieces);
        if (n == 0)
            return false;
        for (size_t i = 0; i < n; i++) {
            grus_buffer_append(vocab, pieces[i].text, pieces[i].size);
            grus_buffer_text(vocab, i + 1 < n ? "@@\n" : "\n");
        }
        at = end;
    }
    return true;
}

// The text again: its words with one space between them, but for what looks like a joiner in the text itself.
static void check_decoded(const grus_buffer *decoded, const char *text, size_t size)
{
    grus_buffer expected = {0};
    for (size_t at = 0; at < size;) {
        size_t end = at;
        while (end < size && !is_space(text[end]))
            end++;
        if (end > at && expected.size > 0)
            grus_buffer_byte(&expected, ' ');
        grus_buffer_append(&expected, text + at, end - at);
        at = end + 1;
    }
    if (!expected.data || !memmem(expected.data, expected.size, "@", 1))
        FUZZ_CHECK(decoded->size == expected.size &&
                   (expected.size == 0 || !memcmp(decoded->data, expected.data, expected.size)));
    grus_buffer_free(&expected);
}

// Of the same text only the first few pieces are kept: those are the same, and it is told that there are more.
static void check_bounded(const grus_tokenizer *tokenizer, const grus_ids *all, const char *text, size_t size)
{
    grus_ids ids = {.most = all->size / 2 + 1};
    grus_error error = {0};
    FUZZ_CHECK(!grus_tokenizer_encode(tokenizer, text, size, &ids, &error));
    if (ids.at_least)
        FUZZ_CHECK(all->size > ids.most && ids.size > ids.most);
    else
        FUZZ_CHECK(ids.size == all->size);
    for (size_t i = 0; !ids.at_least && i < grus_min(ids.size, ids.most); i++)
        FUZZ_CHECK(ids.data[i] == all->data[i]);
    free(ids.data);
}

static void check_pieces(const grus_tokenizer *tokenizer, const grus_buffer *vocab, const char *text, size_t size)
{
    grus_ids ids = {0};
    grus_error error = {0};
    grus_buffer found = {0}, decoded = {0};
    grus_status status = grus_tokenizer_encode(tokenizer, text, size, &ids, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(!status);
    for (size_t i = 0; i < ids.size; i++) {
        grus_tokenizer_token(tokenizer, ids.data[i], &found);
        grus_buffer_byte(&found, '\n');
    }
    // The first line is <unk>.
    FUZZ_CHECK(found.size == vocab->size - 6 && (found.size == 0 || !memcmp(found.data, vocab->data + 6, found.size)));
    grus_tokenizer_decode(tokenizer, ids.data, ids.size, &decoded);
    check_decoded(&decoded, text, size);
    check_bounded(tokenizer, &ids, text, size);
    free(ids.data);
    grus_buffer_free(&found);
    grus_buffer_free(&decoded);
}

void fuzz_bpe(const uint8_t *data, size_t size)
{
    static char codes_name[] = "codes", vocab_name[] = "vocab";
    const char *zero = size ? memchr(data, 0, size) : NULL, *codes = (const char *)data;
    size_t codes_size = zero ? (size_t)(zero - codes) : size, text_size = size - codes_size - (zero != NULL);
    const char *text = codes + codes_size + (zero != NULL);
    if (codes_size > MERGES || u8_check((const uint8_t *)text, text_size) || memchr(text, 0, text_size))
        return;
    bool sound = read_codes((span){codes, codes_size});
    grus_buffer vocab = {0};
    grus_buffer_text(&vocab, "<unk>\n");
    bool has_oracle = sound && expect_pieces(text, text_size, &vocab);
    fuzz_put(codes_name, codes, codes_size);
    fuzz_put(vocab_name, vocab.data, vocab.size);
    grus_tokenizer_config config = {.kind = GRUS_TOKENIZER_BPE, .vocab = vocab_name, .codes = codes_name};
    grus_tokenizer *tokenizer = NULL;
    grus_error error = {0};
    grus_status status = grus_tokenizer_open(fuzz_dir(), &config, &tokenizer, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == GRUS_OK) == sound);
    FUZZ_CHECK(!status || (status == GRUS_E_MODEL && strncmp(error.place, "line ", 5) == 0));
    if (has_oracle)
        check_pieces(tokenizer, &vocab, text, text_size);
    grus_tokenizer_close(tokenizer);
    grus_buffer_free(&vocab);
}
