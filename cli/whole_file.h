// whole_file.h: a file that appears only when it is whole.
#ifndef GRUS_CLI_WHOLE_FILE_H
#define GRUS_CLI_WHOLE_FILE_H

#include <stdbool.h>
#include <stdio.h>

// Writes what `write` gives to path, or to standard output where it is "-". What can be renamed appears only when it is whole;
// a device or a pipe is written to as it is. `write` returns false when memory is short; whether the file took it is asked here.
// Returns the exit code, after a message where it is not 0.
int grus_write_whole(const char *path, bool (*write)(const void *context, FILE *to), const void *context);

#endif
