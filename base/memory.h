// memory.h: sizes whose products and sums are checked, aligned allocation, and an arena that a batch fills and resets.
// Single-threaded: each arena belongs to one worker.
#ifndef GRUS_BASE_MEMORY_H
#define GRUS_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRUS_ALIGN 64 // bytes; a cache line and an AVX-512 vector

// false on overflow, *result untouched.
static inline bool grus_mul(size_t a, size_t b, size_t *result)
{
    return !__builtin_mul_overflow(a, b, result);
}

static inline bool grus_add(size_t a, size_t b, size_t *result)
{
    return !__builtin_add_overflow(a, b, result);
}

// Saturated: SIZE_MAX on overflow.
static inline size_t grus_mul_sat(size_t a, size_t b)
{
    size_t result;
    return grus_mul(a, b, &result) ? result : SIZE_MAX;
}

static inline size_t grus_add_sat(size_t a, size_t b)
{
    size_t result;
    return grus_add(a, b, &result) ? result : SIZE_MAX;
}

static inline size_t grus_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t grus_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

static inline size_t grus_div_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

// count * size bytes, GRUS_ALIGN-aligned, not cleared; NULL on overflow or when memory is short. count 0 gives a valid
// pointer. Freed with free().
void *grus_alloc(size_t count, size_t size);
void *grus_alloc_zero(size_t count, size_t size);

// malloc'ed array growth: makes room for at least need elements of this size, doubling; false leaves all as it was.
// *array keeps its content. Freed with free(). Not aligned beyond malloc.
bool grus_grow(void **array, size_t *capacity, size_t need, size_t size);

typedef struct grus_arena grus_arena;

// Blocks are taken from the system as needed, at least block_bytes each.
grus_arena *grus_arena_new(size_t block_bytes);
void grus_arena_free(grus_arena *arena);
// GRUS_ALIGN-aligned, not cleared; NULL on overflow or when memory is short. Valid until the next reset.
void *grus_arena_alloc(grus_arena *arena, size_t count, size_t size);
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
// system again; false when memory is short.
bool grus_arena_reserve(grus_arena *arena, size_t bytes);
// Bytes held from the system.
size_t grus_arena_bytes(const grus_arena *arena);

#endif
