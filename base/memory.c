// memory.c: aligned allocation and array growth.
#include "config.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOW_GROWTH ((size_t)1 << 20) // bytes from which an array grows by a quarter, and below by as much again

// What is large lies on huge pages where the system has them: weights and workspaces are walked through all the time.
void *grus_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (!grus_mul(count, size, &bytes) || bytes > SIZE_MAX - GRUS_ALIGN)
        return NULL;
    bytes = grus_max((bytes + GRUS_ALIGN - 1) / GRUS_ALIGN * GRUS_ALIGN, GRUS_ALIGN);
    void *memory;
    if (posix_memalign(&memory, bytes < GRUS_HUGE_PAGE ? GRUS_ALIGN : GRUS_HUGE_PAGE, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= GRUS_HUGE_PAGE)
        madvise(memory, bytes / GRUS_HUGE_PAGE * GRUS_HUGE_PAGE, MADV_HUGEPAGE);
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
    size_t more = *capacity > SLOW_GROWTH / size ? *capacity / 4 : *capacity;
    size_t wanted = grus_max(need, grus_add_sat(*capacity, more));
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
