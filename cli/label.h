// label.h: tokens and texts as they can be shown: nothing that moves the cursor or turns the direction of writing,
// white space that can be seen, cut to a width. Widths are columns of a terminal.
#ifndef GRUS_CLI_LABEL_H
#define GRUS_CLI_LABEL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct grus_label {
    char *text; // UTF-8
    size_t width;
} grus_label;

typedef enum grus_label_kind {
    GRUS_LABEL_TOKEN, // a space becomes an open box
    GRUS_LABEL_TEXT,  // spaces stay
    GRUS_LABEL_ASCII, // a token; what grus puts in is ASCII: "_" for a space, "~" where it is cut
} grus_label_kind;

// most: the greatest width, 0 for none; a label that is cut ends in "…". false when memory is short; free(label->text).
bool grus_label_make(const char *token, grus_label_kind kind, size_t most, grus_label *label);

// Labels of tokens (n); free with grus_labels_free. NULL when memory is short.
grus_label *grus_labels_make(const char *const *tokens, size_t n, grus_label_kind kind, size_t most);
void grus_labels_free(grus_label *labels, size_t n);
size_t grus_labels_widest(const grus_label *labels, size_t n);

// Bytes of the glyph that text begins with: a character and what combines with it; 0 at the end. *width may be 0.
size_t grus_label_glyph(const char *text, size_t *width);

#endif
