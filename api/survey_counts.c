// survey_counts.c: a table of texts by their hash.
#include "config.h"

#include "api/survey_counts.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static bool is_of(const grus_survey_count *count, const char *name, const char *text, size_t length)
{
    bool same_name = name && count->name ? strcmp(count->name, name) == 0 : name == count->name;
    return same_name && strncmp(count->text, text, length) == 0 && count->text[length] == '\0';
}

// The name of an earlier text, or a copy.
static const char *find_name(const grus_counts *counts, const char *name, grus_arena *arena)
{
    for (size_t i = counts->n; i > 0; i--)
        if (strcmp(counts->list[i - 1].name, name) == 0)
            return counts->list[i - 1].name;
    return grus_arena_text(arena, name, strlen(name));
}

static bool take_new(grus_counts *counts, size_t place, const char *name, const char *text, size_t length,
                     grus_arena *arena)
{
    if (counts->n == GRUS_COUNTS_MOST) {
        counts->uncounted++;
        return true;
    }
    grus_survey_count *count = &counts->list[counts->n];
    *count = (grus_survey_count){.size = sizeof *count, .text = grus_arena_text(arena, text, length), .n = 1};
    if (name)
        count->name = find_name(counts, name, arena);
    if (!count->text || (name && !count->name))
        return false;
    counts->places[place] = (uint16_t)++counts->n;
    return true;
}

// A text ends where it is cut, or at a \0.
static size_t cut(const char *text, size_t length)
{
    length = length < GRUS_COUNTS_LONGEST ? length : GRUS_COUNTS_LONGEST;
    const char *end = length ? memchr(text, '\0', length) : NULL;
    return end ? (size_t)(end - text) : length;
}

bool grus_counts_add(grus_counts *counts, const char *name, const char *text, size_t length, grus_arena *arena)
{
    length = cut(text, length);
    size_t place = XXH64(text, length, name ? XXH64(name, strlen(name), 1) : 0) % GRUS_COUNTS_PLACES;
    for (; counts->places[place]; place = (place + 1) % GRUS_COUNTS_PLACES) {
        grus_survey_count *count = &counts->list[counts->places[place] - 1];
        if (is_of(count, name, text, length)) {
            count->n++;
            return true;
        }
    }
    return take_new(counts, place, name, text, length, arena);
}

// The first text of the same name.
static size_t name_order(const grus_counts *counts, const grus_survey_count *count)
{
    size_t i = 0;
    while (counts->list[i].name != count->name)
        i++;
    return i;
}

static int by_frequency(const void *a, const void *b)
{
    const grus_survey_count *const *one = a, *const *other = b;
    if ((*one)->n != (*other)->n)
        return (*one)->n > (*other)->n ? -1 : 1;
    return strcmp((*one)->text, (*other)->text);
}

const grus_survey_count *const *grus_counts_sort(grus_counts *counts, grus_arena *arena)
{
    const grus_survey_count **sorted = grus_arena_alloc(arena, counts->n + 1, sizeof *sorted);
    size_t n = 0;
    for (size_t i = 0; sorted && i < counts->n; i++) {
        if (name_order(counts, &counts->list[i]) != i)
            continue;
        size_t begun = n;
        for (size_t j = i; j < counts->n; j++)
            if (counts->list[j].name == counts->list[i].name)
                sorted[n++] = &counts->list[j];
        qsort(sorted + begun, n - begun, sizeof *sorted, by_frequency);
    }
    return sorted;
}
