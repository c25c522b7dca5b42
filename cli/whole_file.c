// whole_file.c: a temporary name beside the file's, and a rename.
#include "config.h"

#include "cli/whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"

static int fail(grus_status status, const char *file, const char *cause)
{
    grus_error error = {.status = status};
    snprintf(error.file, sizeof error.file, "%s", file);
    snprintf(error.cause, sizeof error.cause, "%s", cause);
    return grus_fail_command(&error);
}

// Closes the file, or only flushes standard output, and tells of the first error.
static int finish(FILE *file, const char *path, bool written)
{
    bool failed = fflush(file) != 0 || ferror(file);
    int cause = errno;
    if (file != stdout && fclose(file) != 0 && !failed) {
        failed = true;
        cause = errno;
    }
    if (!written)
        return fail(GRUS_E_MEMORY, "", "out of memory");
    return failed ? fail(GRUS_E_OUTPUT, path, strerror(cause)) : GRUS_OK;
}

int grus_write_whole(const char *path, bool (*write)(const void *context, FILE *to), const void *context)
{
    struct stat facts;
    if (strcmp(path, "-") == 0)
        return finish(stdout, path, write(context, stdout));
    bool direct = stat(path, &facts) == 0 && !S_ISREG(facts.st_mode);
    size_t size = strlen(path) + 32;
    char *temporary = malloc(size);
    if (!temporary)
        return fail(GRUS_E_MEMORY, "", "out of memory");
    snprintf(temporary, size, direct ? "%s" : "%s.%ld.partial", path, (long)getpid());
    FILE *file = fopen(temporary, direct ? "we" : "wxe");
    int code = file ? finish(file, path, write(context, file)) : fail(GRUS_E_OUTPUT, path, strerror(errno));
    if (code == GRUS_OK && !direct && rename(temporary, path) != 0)
        code = fail(GRUS_E_OUTPUT, path, strerror(errno));
    if (code != GRUS_OK && file && !direct)
        remove(temporary);
    free(temporary);
    return code;
}
