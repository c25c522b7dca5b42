// options.c: getopt_long by a table.
#include "config.h"

#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/message.h"
#include "cli/size.h"
#include "cli/suggest.h"

#define FIRST_LONG 256 // getopt's value of option i is FIRST_LONG + i
#define HELP 'h'       // and that of --help

static bool bad_value(const grus_option *option, const char *text, const char *expected)
{
    grus_usage_error("--%s: \"%s\" is not %s", option->name, text, expected);
    return false;
}

static bool check_range(const grus_option *option, const char *text, uint64_t value)
{
    if (value >= option->min && (option->max == 0 || value <= option->max))
        return true;
    if (option->max)
        grus_usage_error("--%s: %s is not between %" PRIu64 " and %" PRIu64, option->name, text, option->min,
                         option->max);
    else
        grus_usage_error("--%s: %s is less than %" PRIu64, option->name, text, option->min);
    return false;
}

// The digits at the start of text; false when there are none or they are too many.
static bool parse_digits(const char *text, char **end, uint64_t *value)
{
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    unsigned long long parsed = strtoull(text, end, 10);
    *value = parsed;
    return errno == 0 && parsed <= SIZE_MAX;
}

static bool parse_count(const grus_option *option, const char *text, grus_option_value *value)
{
    char *end;
    if (!parse_digits(text, &end, &value->count) || *end)
        return bad_value(option, text, "a whole number");
    return check_range(option, text, value->count);
}

static bool parse_size(const grus_option *option, const char *text, grus_option_value *value)
{
    switch (grus_size_read(text, &value->count)) {
    case GRUS_SIZE_READ:
        return check_range(option, text, value->count);
    case GRUS_SIZE_TOO_GREAT:
        return bad_value(option, text, "a size that this machine can hold");
    case GRUS_SIZE_NONE:
        break;
    }
    return bad_value(option, text, GRUS_SIZE_FORM);
}

static bool parse_real(const grus_option *option, const char *text, grus_option_value *value)
{
    char *end;
    value->real = strtod(text, &end);
    if (end == text || *end || !isfinite(value->real))
        return bad_value(option, text, "a number");
    if (value->real >= option->low && value->real <= option->high)
        return true;
    grus_usage_error("--%s: %s is not between %g and %g", option->name, text, option->low, option->high);
    return false;
}

static const char *const *words_of(const grus_option *option)
{
    return option->choices ? option->choices : grus_names(option->names);
}

static bool parse_choice(const grus_option *option, const char *text, grus_option_value *value)
{
    char list[256] = "one of";
    const char *const *words = words_of(option);
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            value->count = i;
            return true;
        }
        size_t length = strlen(list);
        snprintf(list + length, sizeof list - length, "%s %s", i ? "," : "", words[i]);
    }
    return bad_value(option, text, list);
}

static bool add_to_list(const grus_option *option, const char *text, grus_option_value *value)
{
    if (value->times == GRUS_OPTION_LIST_MOST) {
        grus_usage_error("--%s: is given more than %d times", option->name, GRUS_OPTION_LIST_MOST);
        return false;
    }
    value->list[value->times++] = text;
    return true;
}

static bool parse_value(const grus_option *option, const char *text, grus_option_value *value)
{
    value->set = true;
    value->text = text;
    switch (option->type) {
    case GRUS_OPTION_FLAG:
        value->count = 1;
        return true;
    case GRUS_OPTION_COUNT:
        return parse_count(option, text, value);
    case GRUS_OPTION_SIZE:
        return parse_size(option, text, value);
    case GRUS_OPTION_REAL:
        return parse_real(option, text, value);
    case GRUS_OPTION_CHOICE:
        return parse_choice(option, text, value);
    case GRUS_OPTION_TEXT:
        return *text ? true : bad_value(option, text, "a value");
    case GRUS_OPTION_LIST:
        return *text ? add_to_list(option, text, value) : bad_value(option, text, "a value");
    }
    return false;
}

// getopt's own lists of a table's options and --help behind them.
typedef struct getopt_lists {
    struct option *longs; // ended by zeros
    char *letters;
    const char **names; // (n + 1) of longs
} getopt_lists;

static void free_lists(getopt_lists *lists)
{
    free(lists->longs);
    free(lists->letters);
    free(lists->names);
}

// A long option that is none, or may be several since it is cut short.
static void report_unknown(const char *given, const getopt_lists *lists, size_t n)
{
    const char *word = given + 2;
    size_t length = strcspn(word, "=");
    char several[256] = "";
    for (size_t i = 0; i < n; i++)
        if (length && strncmp(lists->names[i], word, length) == 0) {
            size_t used = strlen(several);
            snprintf(several + used, sizeof several - used, "%s--%s", used ? ", " : "", lists->names[i]);
        }
    const char *meant = grus_suggest(word, length, lists->names, n);
    if (*several)
        grus_usage_error("%.*s: may be any of %s", (int)length + 2, given, several);
    else if (meant)
        grus_usage_error("%.*s: no such option; did you mean --%s?", (int)length + 2, given, meant);
    else
        grus_usage_error("%.*s: no such option", (int)length + 2, given);
}

static void report_refused(int kind, char **argv, const getopt_lists *lists, size_t n)
{
    if (kind == ':' && optopt >= FIRST_LONG)
        grus_usage_error("%s: needs a value", argv[optind - 1]);
    else if (kind == ':')
        grus_usage_error("-%c: needs a value", optopt);
    else if (optopt > 0 && optopt < FIRST_LONG && !strchr(lists->letters, optopt))
        grus_usage_error("-%c: no such option", optopt);
    else if (optopt >= FIRST_LONG)
        grus_usage_error("%s: takes no value", argv[optind - 1]);
    else
        report_unknown(argv[optind - 1], lists, n + 1);
}

// false: no memory.
static bool list_options(const grus_option *options, size_t n, getopt_lists *lists)
{
    struct option *longs = lists->longs = calloc(n + 2, sizeof *longs);
    char *letters = lists->letters = calloc(2 * n + 3, 1);
    lists->names = calloc(n + 1, sizeof *lists->names);
    if (!longs || !letters || !lists->names)
        return false;
    size_t n_letters = 0;
    letters[n_letters++] = ':';
    for (size_t i = 0; i < n; i++) {
        bool takes = options[i].type != GRUS_OPTION_FLAG;
        longs[i] = (struct option){options[i].name, takes ? required_argument : no_argument, NULL, FIRST_LONG + (int)i};
        if (options[i].letter) {
            letters[n_letters++] = options[i].letter;
            if (takes)
                letters[n_letters++] = ':';
        }
    }
    letters[n_letters++] = HELP;
    longs[n] = (struct option){"help", no_argument, NULL, HELP};
    for (size_t i = 0; i <= n; i++)
        lists->names[i] = longs[i].name;
    return true;
}

static int parse_all(const grus_option_table *table, const getopt_lists *lists, int argc, char **argv,
                     grus_option_value *values)
{
    const grus_option *options = table->options;
    size_t n = table->n;
    opterr = 0;
    optind = 1;
    for (int found; (found = getopt_long(argc, argv, lists->letters, lists->longs, NULL)) != -1;) {
        if (found == '?' || found == ':') {
            report_refused(found, argv, lists, n);
            return GRUS_E_USAGE;
        }
        if (found == HELP)
            return table->print_help();
        size_t i = 0;
        while (i < n && found != FIRST_LONG + (int)i && found != options[i].letter)
            i++;
        if (i == n || !parse_value(&options[i], optarg, &values[i]))
            return GRUS_E_USAGE;
    }
    return -1;
}

// A row an option, in columns with a tab between them, "-" where there is nothing: names, argument, words, help.
static int print_rows(const grus_option_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        const grus_option *option = &table->options[i];
        char letter[3] = {'-', option->letter, 0};
        printf("--%s\t%s\t%s\t", option->name, letter, option->argument ? option->argument : "-");
        const char *const *words = option->type == GRUS_OPTION_CHOICE ? words_of(option) : NULL;
        for (size_t w = 0; words && words[w]; w++)
            printf("%s%s", w ? " " : "", words[w]);
        printf("%s\t%s\n", words ? "" : "-", option->help);
    }
    printf("--help\t-h\t-\t-\tthis text\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

int grus_options_parse(const grus_option_table *table, int argc, char **argv, grus_option_value *values, int *first)
{
    if (argc == 2 && strcmp(argv[1], "--list-options") == 0)
        return print_rows(table);
    getopt_lists lists = {0};
    int code = GRUS_E_FAILED;
    if (list_options(table->options, table->n, &lists))
        code = parse_all(table, &lists, argc, argv, values);
    else
        grus_usage_error("out of memory");
    free_lists(&lists);
    *first = optind;
    return code;
}

static void store(const grus_option *option, const grus_option_value *value, void *to)
{
    uint8_t byte = (uint8_t)value->count;
    uint32_t word = (uint32_t)value->count;
    const void *from = &value->count;
    if (option->type == GRUS_OPTION_REAL)
        from = &value->real;
    else if (option->type == GRUS_OPTION_TEXT)
        from = &value->text;
    else if (option->bytes == sizeof byte)
        from = &byte;
    else if (option->bytes == sizeof word)
        from = &word;
    memcpy(to, from, option->bytes);
}

void grus_options_take(const grus_option *options, size_t n, const grus_option_value *values, grus_option_target target,
                       void *to)
{
    for (size_t i = 0; i < n; i++)
        if (values[i].set && options[i].target == target)
            store(&options[i], &values[i], (char *)to + options[i].offset);
}

// The words of a choice, but for one that the help text itself explains ("[own: …").
static void print_words(const grus_option *option)
{
    const char *const *words = words_of(option);
    const char *explained = option->help + 1, *separator = "";
    for (size_t i = 0; words[i]; i++) {
        size_t length = strlen(words[i]);
        if (strncmp(explained, words[i], length) == 0 && explained[length] == ':')
            continue;
        printf("%s%s", separator, words[i]);
        separator = ", ";
    }
    printf(" ");
}

void grus_options_help(const grus_option *options, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const grus_option *option = &options[i];
        char left[64], letter[8] = "   ";
        if (option->letter)
            snprintf(letter, sizeof letter, "-%c,", option->letter);
        snprintf(left, sizeof left, "%s --%s%s%s", letter, option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        printf("  %-34s ", left);
        if (option->type == GRUS_OPTION_CHOICE && option->help[0] == '[')
            print_words(option);
        printf("%s\n", option->help);
    }
    printf("  %-34s %s\n", "-h, --help", "this text");
}
