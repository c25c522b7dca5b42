// suggest.h: what a mistyped word may have been meant to be.
#ifndef GRUS_CLI_SUGGEST_H
#define GRUS_CLI_SUGGEST_H

#include <stddef.h>

// The word among known (n) that is nearest to `word` of `length` bytes, in letters that are wrong, missing, too many or
// exchanged with their neighbour: at most one in three of them. NULL: none is near. Of equal ones the first.
const char *grus_suggest(const char *word, size_t length, const char *const *known, size_t n);

#endif
