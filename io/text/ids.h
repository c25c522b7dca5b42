// ids.h: a list of token ids that grows up to a bound, and the texts of those that are unknown.
#ifndef GRUS_IO_TEXT_IDS_H
#define GRUS_IO_TEXT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct grus_ids {
    uint32_t *data;
    size_t size, capacity;
    size_t most;          // only so many are kept, size counts all; 0: any number is kept
    bool at_least;        // there are more than most, and size is not all of them
    grus_buffer *unknown; // where the texts of unknown tokens that are kept go, one after the other; NULL: nowhere
} grus_ids;               // zero-initialised is empty; free(data) by the owner

// Appends one id, or counts it where there are most already; false when memory is short.
bool grus_ids_append(grus_ids *ids, uint32_t id);

// A text that stands in a token's place; data NULL: none does.
typedef struct grus_token_text {
    const char *data;
    size_t length;
} grus_token_text;

// The most bytes of a text that is kept; of a longer one it is kept that there was one.
#define GRUS_UNKNOWN_MOST 256
// Bytes that the texts of n unknown tokens take at most.
#define GRUS_UNKNOWN_BYTES(n) ((n) * (sizeof(uint16_t) + GRUS_UNKNOWN_MOST))

// Tells the text of an unknown token whose id is to be appended; ids->unknown remembers a failure.
void grus_ids_tell_unknown(grus_ids *ids, const char *text, size_t length);
// The text number n of those from `unknown` on; data NULL where it was too long to be kept.
grus_token_text grus_ids_find_unknown(const char *unknown, size_t n);

#endif
