// suggest.c: the distance of Damerau and Levenshtein with exchanges of neighbours (optimal string alignment), row by row.
#include "config.h"

#include "cli/suggest.h"

#include <stdint.h>
#include <string.h>

#define MOST_LETTERS 40 // longer words are not looked at

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][MOST_LETTERS + 1];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], earlier[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

const char *grus_suggest(const char *word, size_t length, const char *const *known, size_t n)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < n && length <= MOST_LETTERS; i++) {
        size_t letters = strlen(known[i]);
        if (letters > MOST_LETTERS)
            continue;
        size_t wrong = distance(word, length, known[i], letters);
        if (wrong < best && 3 * wrong <= letters + 1) {
            best = wrong;
            nearest = known[i];
        }
    }
    return nearest;
}
