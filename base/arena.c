// arena.c: blocks of memory that are handed out piece by piece, and the arena that only counts.
#include "config.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define NUL_SIGN "\xE2\x90\x80" // U+2400

struct block {
    struct block *next; // older
    size_t used, peak, capacity;
    char *data;
};

struct grus_arena {
    struct block *newest;
    size_t block_bytes;
    size_t held;       // bytes of all blocks
    bool counts;       // hands out no memory
    size_t used, peak; // bytes of a counting one; 0 of others
};

// What a counting arena gives: an address of its own, so that NULL means a failure there too.
static char nothing[GRUS_ALIGN] __attribute__((aligned(GRUS_ALIGN)));

grus_arena *grus_arena_new(size_t block_bytes)
{
    grus_arena *arena = calloc(1, sizeof *arena);
    if (arena)
        arena->block_bytes = grus_max(block_bytes, GRUS_ALIGN);
    return arena;
}

static void free_blocks(grus_arena *arena)
{
    for (struct block *block = arena->newest, *next; block; block = next) {
        next = block->next;
        free(block->data);
        free(block);
    }
    arena->newest = NULL;
    arena->held = 0;
}

void grus_arena_free(grus_arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena);
    free(arena);
}

// What is large fills its last huge page, so that all of it lies on such.
size_t grus_arena_reserved(size_t bytes)
{
    if (bytes < GRUS_HUGE_PAGE || bytes > SIZE_MAX - GRUS_HUGE_PAGE)
        return grus_max(bytes, GRUS_ALIGN);
    return (bytes + GRUS_HUGE_PAGE - 1) / GRUS_HUGE_PAGE * GRUS_HUGE_PAGE;
}

static struct block *add_block(grus_arena *arena, size_t bytes)
{
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    bytes = grus_arena_reserved(bytes);
    block->data = grus_alloc(bytes, 1);
    if (!block->data) {
        free(block);
        return NULL;
    }
    block->capacity = bytes;
    block->next = arena->newest;
    arena->newest = block;
    arena->held += bytes;
    return block;
}

static void *count(grus_arena *arena, size_t bytes)
{
    arena->used = grus_add_sat(arena->used, bytes);
    arena->peak = grus_max(arena->peak, arena->used);
    return nothing;
}

void *grus_arena_alloc(grus_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (!grus_mul(n, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = grus_max((bytes + GRUS_ALIGN - 1) / GRUS_ALIGN * GRUS_ALIGN, GRUS_ALIGN);
    if (arena->counts)
        return count(arena, bytes);
    struct block *block = arena->newest;
    if (!block || block->capacity - block->used < bytes)
        block = add_block(arena, grus_max(bytes, arena->block_bytes));
    if (!block)
        return NULL;
    void *memory = block->data + block->used;
    block->used += bytes;
    block->peak = grus_max(block->peak, block->used);
    return memory;
}

char *grus_arena_text(grus_arena *arena, const char *text, size_t length)
{
    char *copy = grus_arena_alloc(arena, grus_add_sat(length, 1), 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *grus_arena_string(grus_arena *arena, const char *text, size_t length)
{
    size_t zeros = 0;
    for (size_t i = 0; i < length; i++)
        zeros += text[i] == '\0';
    char *copy = grus_arena_alloc(arena, grus_add_sat(grus_add_sat(length, grus_mul_sat(2, zeros)), 1), 1), *to = copy;
    if (!copy)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        bool zero = text[i] == '\0';
        memcpy(to, zero ? NUL_SIGN : text + i, zero ? 3 : 1);
        to += zero ? 3 : 1;
    }
    *to = '\0';
    return copy;
}

grus_arena_mark grus_arena_here(const grus_arena *arena)
{
    if (arena->counts)
        return (grus_arena_mark){nothing, arena->used};
    return (grus_arena_mark){arena->newest, arena->newest ? arena->newest->used : 0};
}

void grus_arena_release(grus_arena *arena, grus_arena_mark mark)
{
    if (arena->counts)
        arena->used = mark.used;
    else if (arena->newest && arena->newest == mark.block)
        arena->newest->used = mark.used;
}

void grus_arena_reset(grus_arena *arena)
{
    struct block *block = arena->newest;
    if (block && block->next) {
        size_t all = arena->held;
        free_blocks(arena);
        block = add_block(arena, all);
    }
    if (block)
        block->used = block->peak = 0;
}

bool grus_arena_reserve(grus_arena *arena, size_t bytes)
{
    if (arena->newest && !arena->newest->next && arena->newest->capacity >= bytes) {
        arena->newest->used = arena->newest->peak = 0;
        return true;
    }
    free_blocks(arena);
    return add_block(arena, grus_max(bytes, arena->block_bytes)) != NULL;
}

size_t grus_arena_bytes(const grus_arena *arena)
{
    return arena->held;
}

size_t grus_arena_peak(const grus_arena *arena)
{
    size_t peak = arena->peak;
    for (const struct block *block = arena->newest; block; block = block->next)
        peak += block->peak;
    return peak;
}

size_t grus_arena_count(bool (*list)(void *object, grus_arena *arena), void *object)
{
    grus_arena arena = {.counts = true};
    bool listed = list(object, &arena);
    return listed ? grus_arena_peak(&arena) : SIZE_MAX;
}

bool grus_arena_counts(const grus_arena *arena)
{
    return arena->counts;
}
