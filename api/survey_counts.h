// survey_counts.h: how often texts were found, for as many texts as there is room.
#ifndef GRUS_API_SURVEY_COUNTS_H
#define GRUS_API_SURVEY_COUNTS_H

#include <stdint.h>

#include "base/arena.h"
#include "grus.h"

#define GRUS_COUNTS_MOST 1024   // texts
#define GRUS_COUNTS_LONGEST 200 // bytes of a text that are told from others
#define GRUS_COUNTS_PLACES 2048 // of the table

typedef struct grus_counts {
    size_t n;
    grus_survey_count list[GRUS_COUNTS_MOST];
    uint16_t places[GRUS_COUNTS_PLACES]; // numbers in list from 1, where a text's hash leads to
    uint64_t uncounted;                  // found when there was no room
} grus_counts;                           // zero-initialised is empty

// One more of this text under this name (\0-terminated, NULL where texts have none). A new one is copied to arena, which
// is to live as long. false when memory is short.
bool grus_counts_add(grus_counts *counts, const char *name, const char *text, size_t length, grus_arena *arena);

// The counts name by name in the order in which these came, the most frequent first, of equal ones in byte order. NULL when
// memory is short. They are those of `counts`, which is to live as long.
const grus_survey_count *const *grus_counts_sort(grus_counts *counts, grus_arena *arena);

#endif
