// memory.h: sizes whose products and sums are checked, aligned allocation, and the growth of arrays. What is allocated in
// rows and thrown away together is arena.h's.
#ifndef GRUS_BASE_MEMORY_H
#define GRUS_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRUS_ALIGN 64                    // bytes; a cache line and an AVX-512 vector
#define GRUS_HUGE_PAGE ((size_t)2 << 20) // bytes

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

// malloc'ed array growth: makes room for at least need elements of this size, by doubling, and by a quarter where the array
// is large; false leaves all as it was. *array keeps its content. Freed with free(). Not aligned beyond malloc.
bool grus_grow(void **array, size_t *capacity, size_t need, size_t size);

#endif
