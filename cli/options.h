// options.h: a command line by a table: one row an option, with its type and the field that it sets, so that every value
// is checked in one place and written in another.
#ifndef GRUS_CLI_OPTIONS_H
#define GRUS_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grus.h>

typedef enum grus_option_type {
    GRUS_OPTION_FLAG,   // no argument
    GRUS_OPTION_COUNT,  // a whole number, min … max
    GRUS_OPTION_SIZE,   // bytes, as size.h reads them
    GRUS_OPTION_REAL,   // a number, low … high
    GRUS_OPTION_TEXT,   // anything but nothing
    GRUS_OPTION_CHOICE, // one of choices
    GRUS_OPTION_LIST,   // a text, any number of times
} grus_option_type;

// The structs of the library that options set fields of; NONE: the command itself looks at the value.
typedef enum grus_option_target {
    GRUS_INTO_NONE,
    GRUS_INTO_RUN,       // grus_run_options
    GRUS_INTO_SEARCH,    // grus_search
    GRUS_INTO_LOAD,      // grus_load_options
    GRUS_INTO_BENCHMARK, // grus_benchmark_options
} grus_option_target;

typedef struct grus_option {
    const char *name; // long, without dashes
    char letter;      // 0: none
    grus_option_type type;
    const char *argument;       // for the help text
    const char *help;           // of a choice that begins with "[": the words go before it
    uint64_t min, max;          // of a count or a size; max 0: no limit
    double low, high;           // of a real
    const char *const *choices; // of a choice: its words, ended by NULL; NULL: those of `names`
    grus_name_list names;
    grus_option_target target;
    size_t offset, bytes; // of the field in the target
} grus_option;

// Rows. `into` is GRUS_INTO(…) or GRUS_INTO_NOTHING.
// clang-format off
#define GRUS_INTO(to, type_, member) .target = (to), .offset = offsetof(type_, member), .bytes = sizeof(((type_ *)0)->member)
#define GRUS_INTO_NOTHING .target = GRUS_INTO_NONE
#define GRUS_FLAG(name_, letter_, into, help_) \
    {.name = (name_), .letter = (letter_), .type = GRUS_OPTION_FLAG, into, .help = (help_)}
#define GRUS_COUNT(name_, letter_, argument_, min_, max_, into, help_) \
    {.name = (name_), .letter = (letter_), .type = GRUS_OPTION_COUNT, .argument = (argument_), .min = (min_), .max = (max_), into, .help = (help_)}
#define GRUS_SIZE(name_, min_, into, help_) \
    {.name = (name_), .type = GRUS_OPTION_SIZE, .argument = "SIZE", .min = (min_), into, .help = (help_)}
#define GRUS_REAL(name_, argument_, low_, high_, into, help_) \
    {.name = (name_), .type = GRUS_OPTION_REAL, .argument = (argument_), .low = (low_), .high = (high_), into, .help = (help_)}
#define GRUS_TEXT(name_, letter_, argument_, into, help_) \
    {.name = (name_), .letter = (letter_), .type = GRUS_OPTION_TEXT, .argument = (argument_), into, .help = (help_)}
#define GRUS_LIST(name_, argument_, help_) \
    {.name = (name_), .type = GRUS_OPTION_LIST, .argument = (argument_), GRUS_INTO_NOTHING, .help = (help_)}
#define GRUS_CHOICE(name_, choices_, into, help_) \
    {.name = (name_), .type = GRUS_OPTION_CHOICE, .argument = "NAME", .choices = (choices_), into, .help = (help_)}
#define GRUS_CHOICE_OF(name_, list, into, help_) \
    {.name = (name_), .type = GRUS_OPTION_CHOICE, .argument = "NAME", .names = (list), into, .help = (help_)}
// clang-format on

#define GRUS_OPTION_LIST_MOST 16 // times that a list may be given

typedef struct grus_option_value {
    bool set;
    size_t times;   // that it was given
    uint64_t count; // of a count, a size, or the number of the choice; 1 of a flag
    double real;
    const char *text;                        // as it was given last
    const char *list[GRUS_OPTION_LIST_MOST]; // (times) of a list
} grus_option_value;

// The options of a command, without --help and -h, which every command has.
typedef struct grus_option_table {
    const grus_option *options; // (n)
    size_t n;
    int (*print_help)(void); // its exit code
} grus_option_table;

// Parses argv by the table into values (n), all unset before. Returns -1 when the command is to go on, *first then being
// the index of the first argument that is no option (argv is reordered so that these come last); else the exit code,
// after the help text or a message. Where --list-options is all there is, the table is printed for the completion of shells.
int grus_options_parse(const grus_option_table *table, int argc, char **argv, grus_option_value *values, int *first);

// Writes what was set into the fields of *to, the struct that target stands for; the others stay.
void grus_options_take(const grus_option *options, size_t n, const grus_option_value *values, grus_option_target target,
                       void *to);

// One line an option and one for --help, on standard output.
void grus_options_help(const grus_option *options, size_t n);

#endif
