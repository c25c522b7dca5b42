// arena.h: memory that is taken piece by piece and given back all at once; and the sum of what would be taken.
//
// What an object takes is listed in one function, which asks an arena for each piece. Run on an ordinary arena it
// allocates; run on a counting one it adds up, so that a plan and an allocation can never differ. Single-threaded: each
// arena belongs to one worker.
#ifndef GRUS_BASE_ARENA_H
#define GRUS_BASE_ARENA_H

#include "base/memory.h"

typedef struct grus_arena grus_arena;

// Blocks are taken from the system as needed, at least block_bytes each.
grus_arena *grus_arena_new(size_t block_bytes);
void grus_arena_free(grus_arena *arena);

// GRUS_ALIGN-aligned, not cleared; NULL on overflow or when memory is short. Valid until the next reset. A counting arena
// gives an address that is not to be read or written.
void *grus_arena_alloc(grus_arena *arena, size_t count, size_t size);
// A copy of the bytes of a text with a \0 behind them; NULL as grus_arena_alloc. Not of a counting arena.
char *grus_arena_text(grus_arena *arena, const char *text, size_t length);
// The same as a string to show: each \0 of the text is U+2400.
char *grus_arena_string(grus_arena *arena, const char *text, size_t length);

// Gives back what was allocated since grus_arena_here, where it lies behind the mark in one block; what does not stays
// until the next reset.
typedef struct grus_arena_mark {
    const void *block;
    size_t used;
} grus_arena_mark;
grus_arena_mark grus_arena_here(const grus_arena *arena);
void grus_arena_release(grus_arena *arena, grus_arena_mark mark);

// Forgets every allocation; one block as large as all that was in use is kept.
void grus_arena_reset(grus_arena *arena);
// Resets, and makes sure that this many bytes (each allocation rounded up to GRUS_ALIGN) can be had without asking the
// system again; false when memory is short. An arena that holds more keeps it.
bool grus_arena_reserve(grus_arena *arena, size_t bytes);
// Bytes that a reserve of so many takes from the system: what is large comes in whole huge pages.
size_t grus_arena_reserved(size_t bytes);
// Bytes held from the system; and the most of them that were handed out at any moment since the last reset.
size_t grus_arena_bytes(const grus_arena *arena);
size_t grus_arena_peak(const grus_arena *arena);

// Runs list(object, arena) on an arena that only counts: the most bytes, each allocation rounded up to GRUS_ALIGN, that
// were in use at any moment; SIZE_MAX where a size overflowed. list must touch none of what it is given, and returns
// false only where an allocation came out NULL.
size_t grus_arena_count(bool (*list)(void *object, grus_arena *arena), void *object);
// Whether this arena only counts: nothing that it gave is to be read or written.
bool grus_arena_counts(const grus_arena *arena);

#endif
