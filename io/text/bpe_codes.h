// bpe_codes.h: the merges of a subword-nmt codes file. Cutting words with them is left to tokenizer_bpe.c.
#ifndef GRUS_IO_TEXT_BPE_CODES_H
#define GRUS_IO_TEXT_BPE_CODES_H

#include "grus.h"

typedef struct grus_bpe_codes grus_bpe_codes;

// A symbol is a text that takes part in a merge; all others are GRUS_BPE_NO_SYMBOL, and are never merged.
#define GRUS_BPE_NO_SYMBOL UINT32_MAX
#define GRUS_BPE_END "</w>" // marks the end of a word

typedef struct grus_bpe_merge {
    uint32_t rank;   // the lowest comes first
    uint32_t symbol; // what the merge makes
} grus_bpe_merge;

// Each line is two symbols with one space between them, in order of rank; of equal lines the first counts. Spaces and
// carriage returns around a line and empty lines at the end do not count. The first line may be "#version: 0.1" or
// "#version: 0.2"; without it the file is of version 0.1. Anything else is GRUS_E_MODEL with the line as place.
grus_status grus_bpe_codes_read(const char *path, grus_bpe_codes **codes, grus_error *error);
void grus_bpe_codes_free(grus_bpe_codes *codes);

// Whether the end of a word is a symbol of its own behind the last code point (version 0.1), not glued to it (0.2).
bool grus_bpe_end_stands_alone(const grus_bpe_codes *codes);
// Bytes of the longest symbol, a single code point at least: no piece of a word is longer.
size_t grus_bpe_longest(const grus_bpe_codes *codes);
uint32_t grus_bpe_symbol(const grus_bpe_codes *codes, const char *text, size_t length);
// NULL when these two are not merged.
const grus_bpe_merge *grus_bpe_find_merge(const grus_bpe_codes *codes, uint32_t left, uint32_t right);

#endif
