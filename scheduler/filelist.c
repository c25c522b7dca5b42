// filelist.c: reads a list of names as a whole.
#include "config.h"

#include "scheduler/filelist.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"

#define LIST_MAX ((size_t)256 << 20) // bytes

static grus_status read_text(int fd, const char *path, grus_buffer *text, grus_error *error)
{
    char chunk[16384];
    for (size_t got = sizeof chunk; got == sizeof chunk;) {
        if (!grus_fd_read(fd, chunk, sizeof chunk, &got))
            return grus_fail_errno(error, GRUS_E_INPUT, path, "cannot be read");
        grus_buffer_append(text, chunk, got);
        if (text->size > LIST_MAX)
            return grus_fail(error, GRUS_E_INPUT, path, NULL, "is too large a list: more than %zu bytes", LIST_MAX);
    }
    grus_buffer_byte(text, '\0');
    return text->failed ? grus_fail_memory(error, text->size) : GRUS_OK;
}

// Ends each name with a byte 0, in place.
static grus_status split(grus_filelist *list, grus_error *error)
{
    char *text = list->text.data;
    size_t size = list->text.size - 1, capacity = 0; // of what was read
    const char end = memchr(text, '\0', size) ? '\0' : '\n';
    for (size_t at = 0, length; at < size; at += length + 1) {
        char *name = text + at, *found = memchr(name, end, size - at);
        length = found ? (size_t)(found - name) : size - at;
        name[length] = '\0';
        if (end == '\n' && length && name[length - 1] == '\r')
            name[length - 1] = '\0';
        if (!*name)
            continue;
        void *names = list->names;
        if (!grus_grow(&names, &capacity, list->n + 1, sizeof *list->names))
            return grus_fail_memory(error, (list->n + 1) * sizeof *list->names);
        list->names = names;
        list->names[list->n++] = name;
    }
    return GRUS_OK;
}

grus_status grus_filelist_read(const char *path, grus_filelist *list, grus_error *error)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : grus_fd_open(path, GRUS_E_INPUT, error);
    if (fd < 0)
        return GRUS_E_INPUT;
    grus_status status = read_text(fd, path, &list->text, error);
    if (!standard)
        close(fd);
    return status == GRUS_OK ? split(list, error) : status;
}

void grus_filelist_free(grus_filelist *list)
{
    free(list->names);
    grus_buffer_free(&list->text);
    *list = (grus_filelist){0};
}
