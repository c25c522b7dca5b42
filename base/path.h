// path.h: names of files put together and taken apart, as text. What lies behind them is io's business.
#ifndef GRUS_BASE_PATH_H
#define GRUS_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

// dir + "/" + name in a fresh string (free it); NULL when memory is short.
char *grus_path_join(const char *dir, const char *name);

// The directory that holds path, "." where it names none, in a fresh string (free it); NULL when memory is short.
char *grus_path_dir(const char *path);

// Whether path leads from a directory to a file below it: not from the root, and no part of it is empty, "." or "..".
bool grus_path_is_below(const char *path);

// The order of names in a list of strings, by their bytes; for qsort and bsearch.
int grus_path_order(const void *a, const void *b);

// A sorted copy of a list of names, which are not copied (free it); NULL when memory is short. And whether one is in it.
char **grus_path_sorted(char *const *names, size_t n);
bool grus_path_is_listed(char *const *sorted, size_t n, const char *name);

// Where the last part of path begins, behind the last slash.
const char *grus_path_name(const char *path);

// Whether the first length bytes of path end with this suffix, ASCII letters in either case.
bool grus_path_ends(const char *path, size_t length, const char *suffix);

#endif
