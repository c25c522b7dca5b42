// path.c: names of files.
#include "config.h"

#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *grus_path_join(const char *dir, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

char *grus_path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
}

bool grus_path_is_below(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 0 || (length <= 2 && strspn(path, ".") >= length))
            return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

int grus_path_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **grus_path_sorted(char *const *names, size_t n)
{
    char **sorted = calloc(n > 0 ? n : 1, sizeof *sorted);
    if (sorted && n > 0) {
        memcpy(sorted, names, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, grus_path_order);
    }
    return sorted;
}

bool grus_path_is_listed(char *const *sorted, size_t n, const char *name)
{
    return bsearch(&name, sorted, n, sizeof *sorted, grus_path_order) != NULL;
}

const char *grus_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Whatever the locale.
static char lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

bool grus_path_ends(const char *path, size_t length, const char *suffix)
{
    size_t n = strlen(suffix), same = 0;
    if (length < n)
        return false;
    while (same < n && lower(path[length - n + same]) == lower(suffix[same]))
        same++;
    return same == n;
}
