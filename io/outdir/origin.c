// origin.c: asks the system. A host's name alone is not enough: containers share it and do not see one another's processes,
// and after a restart, or on another machine of the same name, nobody knows what a process number stood for.
#include "config.h"

#include "io/outdir/origin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "io/file.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define NAMESPACE "/proc/self/ns/pid"
#define BOOT_DIGITS 12
#define HEX "0123456789abcdef"

void grus_origin_host(char host[GRUS_HOST_MAX])
{
    if (gethostname(host, GRUS_HOST_MAX) != 0)
        strcpy(host, "unknown");
    host[GRUS_HOST_MAX - 1] = '\0';
    for (char *at = host; *at; at++)
        if (!((*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') || *at == '.'))
            *at = '-';
}

static bool is_untold(int reason)
{
    return reason == ENOENT || reason == ENOTDIR || reason == EACCES || reason == EPERM;
}

static grus_status read_boot(char boot[BOOT_DIGITS + 1], grus_error *error)
{
    grus_buffer text = {0};
    size_t n = 0;
    struct stat about;
    strcpy(boot, "0");
    if (stat(BOOT_ID, &about) != 0)
        return is_untold(errno) ? GRUS_OK : grus_fail_errno(error, GRUS_E_OUTPUT, BOOT_ID, "cannot be examined");
    grus_status status = grus_file_read(BOOT_ID, 256, GRUS_E_OUTPUT, &text, error);
    for (size_t i = 0; !status && i < text.size && n < BOOT_DIGITS; i++)
        if (text.data[i] && strchr(HEX, text.data[i]))
            boot[n++] = text.data[i];
    if (n > 0)
        boot[n] = '\0';
    grus_buffer_free(&text);
    return status;
}

grus_status grus_origin_this(char origin[GRUS_ORIGIN_MAX], grus_error *error)
{
    char host[GRUS_HOST_MAX], boot[BOOT_DIGITS + 1];
    struct stat about = {0};
    grus_origin_host(host);
    grus_status status = read_boot(boot, error);
    if (!status && stat(NAMESPACE, &about) != 0 && !is_untold(errno))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, NAMESPACE, "cannot be examined");
    snprintf(origin, GRUS_ORIGIN_MAX, "%s~%s~%" PRIuMAX, host, boot, (uintmax_t)about.st_ino);
    return status;
}

size_t grus_origin_length(const char *text, size_t *host)
{
    size_t length = strcspn(text, "+"), boot, space;
    *host = strcspn(text, "~+");
    if (*host == 0 || *host >= GRUS_HOST_MAX)
        return 0;
    if (*host == length)
        return length;
    boot = strspn(text + *host + 1, HEX);
    if (boot == 0 || boot > BOOT_DIGITS || text[*host + 1 + boot] != '~')
        return 0;
    space = strspn(text + *host + boot + 2, "0123456789");
    return space > 0 && space <= 20 && *host + boot + space + 2 == length ? length : 0;
}

bool grus_origin_is(const char *origin, size_t length, const char *this_origin)
{
    size_t whole = memchr(origin, '~', length) ? strlen(this_origin) : strcspn(this_origin, "~");
    return length == whole && memcmp(origin, this_origin, whole) == 0;
}
