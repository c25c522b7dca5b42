// asked.c: a library to be preloaded (LD_PRELOAD), which counts the bytes that a process has asked the C library for and
// not given back. At the process's end the most that there were at any moment is written to the file that ASKED names.
#undef _FORTIFY_SOURCE
#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static atomic_size_t held, most;

// Of a piece of memory: what it can hold, as the C library does not keep what was asked for; a few bytes more.
static void *count(void *memory)
{
    size_t size = memory ? malloc_usable_size(memory) : 0;
    size_t sum = atomic_fetch_add_explicit(&held, size, memory_order_relaxed) + size;
    size_t before = atomic_load_explicit(&most, memory_order_relaxed);
    while (sum > before &&
           !atomic_compare_exchange_weak_explicit(&most, &before, sum, memory_order_relaxed, memory_order_relaxed))
        ;
    return memory;
}

EXPORT void *malloc(size_t size)
{
    return count(__libc_malloc(size));
}

EXPORT void *calloc(size_t n, size_t size)
{
    return count(__libc_calloc(n, size));
}

EXPORT void *realloc(void *memory, size_t size)
{
    size_t before = memory ? malloc_usable_size(memory) : 0;
    void *moved = __libc_realloc(memory, size);
    if (!moved && size)
        return NULL;
    atomic_fetch_sub_explicit(&held, before, memory_order_relaxed);
    return count(moved);
}

EXPORT void *reallocarray(void *memory, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, bytes);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return count(__libc_memalign(alignment, size));
}

EXPORT void *memalign(size_t alignment, size_t size)
{
    return count(__libc_memalign(alignment, size));
}

EXPORT int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = count(__libc_memalign(alignment, size));
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}

EXPORT void free(void *memory)
{
    if (memory)
        atomic_fetch_sub_explicit(&held, malloc_usable_size(memory), memory_order_relaxed);
    __libc_free(memory);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("ASKED");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file)
        return;
    fprintf(file, "%zu\n", atomic_load(&most));
    fclose(file);
}
