// faults.c: stands between grus and what it asks of the C library, zstd and xxHash (-Wl,--wrap, in tests/local.am), and
// refuses one call where a target asks for that. zstd's contexts are kept from input to input on the way, as long as they
// are like new ones: making them would be much of the work.
#include "config.h"

#include "tests/fuzz/faults.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#define KEPT 4

static unsigned ahead; // calls up to the one that is refused; 0: none is
static bool refused;

void fuzz_refuse(unsigned n)
{
    ahead = n;
    refused = false;
}

bool fuzz_refuse_end(void)
{
    ahead = 0;
    return refused;
}

static bool refuse(int reason)
{
    if (ahead == 0 || --ahead > 0)
        return false;
    refused = true;
    errno = reason;
    return true;
}

// ---- the C library ----

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
ssize_t __real_read(int fd, void *data, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
ssize_t __wrap_read(int fd, void *data, size_t size);
int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **text, int flag, const char *format, ...) __attribute__((format(printf, 3, 4)));

void *__wrap_malloc(size_t size)
{
    return refuse(ENOMEM) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse(ENOMEM) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refuse(ENOMEM) ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return refuse(ENOMEM) ? NULL : __real_strdup(text);
}

ssize_t __wrap_read(int fd, void *data, size_t size)
{
    return refuse(EIO) ? -1 : __real_read(fd, data, size);
}

int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = refuse(ENOMEM) ? -1 : vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
{
    (void)flag;
    va_list arguments;
    va_start(arguments, format);
    int length = refuse(ENOMEM) ? -1 : vasprintf(text, format, arguments);
    va_end(arguments);
    return length;
}

// ---- C++ ----

#ifdef GRUS_SENTENCEPIECE
// operator new, and what it throws: each second time what a string that would be too long throws.
void *__real__Znwm(size_t size);
void *__wrap__Znwm(size_t size);
_Noreturn void throw_bad_alloc(void) __asm__("_ZSt17__throw_bad_allocv");
_Noreturn void throw_length_error(const char *what) __asm__("_ZSt20__throw_length_errorPKc");

void *__wrap__Znwm(size_t size)
{
    if (refuse(ENOMEM)) {
        static unsigned times;
        if (times++ % 2)
            throw_length_error("refused");
        throw_bad_alloc();
    }
    return __real__Znwm(size);
}
#endif

// ---- states of libraries ----

XXH64_state_t *__real_XXH64_createState(void);
XXH64_state_t *__wrap_XXH64_createState(void);
ZSTD_DCtx *__real_ZSTD_createDCtx(void);
ZSTD_DCtx *__wrap_ZSTD_createDCtx(void);
size_t __real_ZSTD_freeDCtx(ZSTD_DCtx *zstd);
size_t __wrap_ZSTD_freeDCtx(ZSTD_DCtx *zstd);

static ZSTD_DCtx *kept[KEPT];
static size_t n_kept, new_bytes; // of a context that has no buffers yet, on which the place of an error may depend

XXH64_state_t *__wrap_XXH64_createState(void)
{
    return refuse(ENOMEM) ? NULL : __real_XXH64_createState();
}

ZSTD_DCtx *__wrap_ZSTD_createDCtx(void)
{
    if (refuse(ENOMEM))
        return NULL;
    ZSTD_DCtx *zstd = n_kept > 0 ? kept[--n_kept] : __real_ZSTD_createDCtx();
    new_bytes = ZSTD_sizeof_DCtx(zstd);
    return zstd;
}

size_t __wrap_ZSTD_freeDCtx(ZSTD_DCtx *zstd)
{
    if (!zstd || n_kept == KEPT || ZSTD_sizeof_DCtx(zstd) != new_bytes)
        return __real_ZSTD_freeDCtx(zstd);
    ZSTD_DCtx_reset(zstd, ZSTD_reset_session_and_parameters);
    kept[n_kept++] = zstd;
    return 0;
}
