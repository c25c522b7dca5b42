// memory.c: aligned allocation, array growth, and the arena.
#include "config.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

// What is large lies on huge pages where the system has them: weights and workspaces are walked through all the time.
void *grus_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (!grus_mul(count, size, &bytes) || bytes > SIZE_MAX - GRUS_ALIGN)
        return NULL;
    bytes = grus_max((bytes + GRUS_ALIGN - 1) / GRUS_ALIGN * GRUS_ALIGN, GRUS_ALIGN);
    void *memory;
    if (posix_memalign(&memory, bytes < HUGE_PAGE ? GRUS_ALIGN : HUGE_PAGE, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGE)
        madvise(memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return memory;
}

void *grus_alloc_zero(size_t count, size_t size)
{
    void *memory = grus_alloc(count, size);
    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

bool grus_grow(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t wanted = *capacity > SIZE_MAX / 2 ? need : grus_max(need, 2 * *capacity);
    wanted = grus_max(wanted, 16);
    size_t bytes;
    if (!grus_mul(wanted, size, &bytes))
        return false;
    void *grown = realloc(*array, bytes);
    if (!grown)
        return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

struct block {
    struct block *next; // older
    size_t used, capacity;
    char *data;
};

struct grus_arena {
    struct block *newest;
    size_t block_bytes;
    size_t held; // bytes of all blocks
};

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
static struct block *add_block(grus_arena *arena, size_t bytes)
{
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    if (bytes >= HUGE_PAGE && bytes <= SIZE_MAX - HUGE_PAGE)
        bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
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

void *grus_arena_alloc(grus_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (!grus_mul(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = grus_max((bytes + GRUS_ALIGN - 1) / GRUS_ALIGN * GRUS_ALIGN, GRUS_ALIGN);
    struct block *block = arena->newest;
    if (!block || block->capacity - block->used < bytes)
        block = add_block(arena, grus_max(bytes, arena->block_bytes));
    if (!block)
        return NULL;
    void *memory = block->data + block->used;
    block->used += bytes;
    return memory;
}

grus_arena_mark grus_arena_here(const grus_arena *arena)
{
    return (grus_arena_mark){arena->newest, arena->newest ? arena->newest->used : 0};
}

void grus_arena_release(grus_arena *arena, grus_arena_mark mark)
{
    if (arena->newest && arena->newest == mark.block)
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
        block->used = 0;
}

bool grus_arena_reserve(grus_arena *arena, size_t bytes)
{
    if (arena->newest && !arena->newest->next && arena->newest->capacity >= bytes) {
        arena->newest->used = 0;
        return true;
    }
    // A quarter more than is needed, never touched until it is, spares most of the growing from batch to batch.
    free_blocks(arena);
    return add_block(arena, grus_max(bytes + bytes / 4, arena->block_bytes)) != NULL;
}

size_t grus_arena_bytes(const grus_arena *arena)
{
    return arena->held;
}
