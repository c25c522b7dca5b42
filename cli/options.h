// options.h: a command line by a table: one row an option, with its type, so that every value is checked in one place.
#ifndef GRUS_CLI_OPTIONS_H
#define GRUS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum grus_option_type {
    GRUS_OPTION_FLAG,   // no argument
    GRUS_OPTION_COUNT,  // a whole number, min … max
    GRUS_OPTION_SIZE,   // bytes, with K, M, G or T behind the number for 1024, 1024², …
    GRUS_OPTION_REAL,   // a finite number
    GRUS_OPTION_TEXT,   // anything but nothing
    GRUS_OPTION_CHOICE, // one of choices, a NULL-terminated list
} grus_option_type;

typedef struct grus_option {
    const char *name; // long, without dashes
    char letter;      // 0: none
    grus_option_type type;
    const char *argument; // for the help text
    const char *help;
    uint64_t min, max; // of a count or a size; max 0: no limit
    const char *const *choices;
} grus_option;

typedef struct grus_option_value {
    bool set;
    uint64_t count; // of a count, a size, or the number of the choice
    double real;
    const char *text; // as it was given
} grus_option_value;

// Parses argv by options (n, without --help and -h, which every command has) into values (n), all unset before.
// Returns -1 when the command is to go on, *first then being the index of the first argument that is no option (argv is
// reordered so that these come last); else the exit code, after the help text or a message.
int grus_options_parse(const grus_option *options, size_t n, int (*print_help)(void), int argc, char **argv,
                       grus_option_value *values, int *first);

// One line an option and one for --help, on standard output.
void grus_options_help(const grus_option *options, size_t n);

#endif
