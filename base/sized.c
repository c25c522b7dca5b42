// sized.c: no byte behind the caller's size is read or written here.
#include "config.h"

#include "base/sized.h"

#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

static size_t size_of(const void *caller)
{
    size_t size;
    memcpy(&size, caller, sizeof size);
    return size;
}

void grus_sized_init(void *to, size_t size, const void *defaults, size_t known)
{
    if (size < sizeof size)
        return;
    memset(to, 0, size);
    memcpy(to, defaults, grus_min(size, known));
    memcpy(to, &size, sizeof size);
}

grus_status grus_sized_read(void *to, size_t known, const void *from, const char *name, grus_error *error)
{
    const unsigned char *bytes = from;
    size_t size = size_of(from), covered = grus_min(size, known);
    if (size < sizeof size)
        return grus_fail(error, GRUS_E_USAGE, NULL, name, "was not made by its _init");
    for (size_t i = covered; i < size; i++)
        if (bytes[i])
            return grus_fail(error, GRUS_E_USAGE, NULL, name, "has a field set that this version of the library lacks");
    memcpy(to, from, covered);
    memcpy(to, &known, sizeof known);
    return GRUS_OK;
}

void grus_sized_fill(void *to, const void *result, size_t known)
{
    size_t size = size_of(to), covered = grus_min(size, known);
    GRUS_ASSERT(known > sizeof size);
    if (covered > sizeof size)
        memcpy((char *)to + sizeof size, (const char *)result + sizeof size, covered - sizeof size);
}
