// attend.c: `grus attend`.
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/heatmap.h"
#include "cli/load.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/search.h"
#include "cli/svg.h"
#include "cli/whole_file.h"

#define DEFAULT_WIDTH 80
#define LONGEST_TEXT ((size_t)16 << 20) // of a text on standard input

enum option_number {
    OPT_SVG,
    OPT_WIDTH,
    OPT_STYLE,
    OPT_ATTENTION_HEADS,
    OPT_SEARCH,
    OPT_LOAD = OPT_SEARCH + GRUS_N_SEARCH_OPTIONS,
    N_OPTIONS = OPT_LOAD + GRUS_N_LOAD_OPTIONS,
};

enum style { STYLE_AUTO, STYLE_COLOR, STYLE_BLOCKS, STYLE_ASCII };
static const char *const styles[] = {"auto", "color", "blocks", "ascii", NULL};

static const grus_option options[N_OPTIONS] = {
    [OPT_SVG] =
        GRUS_TEXT("svg", 0, "FILE", GRUS_INTO_NOTHING, "write an SVG picture there instead; - is standard output"),
    [OPT_WIDTH] = GRUS_COUNT("width", 'w', "N", GRUS_HEATMAP_LEAST_WIDTH, 100000, GRUS_INTO_NOTHING,
                             "columns of the picture [the terminal's, else 80]"),
    [OPT_STYLE] = GRUS_CHOICE("style", styles, GRUS_INTO_NOTHING, "[auto]"),
    [OPT_ATTENTION_HEADS] =
        GRUS_FLAG("attention-heads", 0, GRUS_INTO_NOTHING, "draw the weights of each head instead of their mean"),
    GRUS_SEARCH_ROWS(OPT_SEARCH),
    GRUS_LOAD_ROWS(OPT_LOAD),
};

static int print_help(void)
{
    printf("usage: grus attend MODEL TEXT [OPTION]...\n\n"
           "Runs the model on one text and draws its attention: source across, target down. TEXT - is standard input;\n"
           "a model of features takes a JSON list of lists.\n\n");
    grus_options_help(options, N_OPTIONS);
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static int fail(grus_status status, const char *file, const char *cause)
{
    grus_error error = {.status = status};
    snprintf(error.file, sizeof error.file, "%s", file);
    snprintf(error.cause, sizeof error.cause, "%s", cause);
    return grus_fail_command(&error);
}

static int fail_memory(void)
{
    return fail(GRUS_E_MEMORY, "", "out of memory");
}

// ---- the text ----

// All of standard input, the last \n left out. *text is the caller's.
static int read_text(char **text, size_t *length)
{
    size_t capacity = 0;
    *text = NULL;
    *length = 0;
    for (size_t got = 1; got > 0; *length += got) {
        if (*length > LONGEST_TEXT)
            return fail(GRUS_E_INPUT, "-", "the text is longer than 16 MiB");
        if (*length + 1 >= capacity) {
            capacity = capacity ? 2 * capacity : 4096;
            char *grown = realloc(*text, capacity);
            if (!grown)
                return fail_memory();
            *text = grown;
        }
        got = fread(*text + *length, 1, capacity - *length - 1, stdin);
    }
    if (ferror(stdin))
        return fail(GRUS_E_INPUT, "-", strerror(errno));
    if (*length && (*text)[*length - 1] == '\n')
        --*length;
    (*text)[*length] = '\0';
    return GRUS_OK;
}

static int take_text(const char *argument, char **text, size_t *length)
{
    if (strcmp(argument, "-") == 0)
        return read_text(text, length);
    *text = strdup(argument);
    *length = strlen(argument);
    return *text ? GRUS_OK : fail_memory();
}

// ---- the terminal ----

static size_t find_width(const grus_option_value *asked)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (asked->set)
        return (size_t)asked->count;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    unsigned long set = columns ? strtoul(columns, NULL, 10) : 0;
    return set > 0 && set < 100000 ? set : DEFAULT_WIDTH;
}

static grus_heatmap_style find_style(uint64_t asked)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    switch ((enum style)asked) {
    case STYLE_COLOR:
        return GRUS_HEATMAP_COLOR;
    case STYLE_BLOCKS:
        return GRUS_HEATMAP_BLOCKS;
    case STYLE_ASCII:
        return GRUS_HEATMAP_ASCII;
    case STYLE_AUTO:
        break;
    }
    bool color = isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0 && !(no_color && *no_color);
    return color ? GRUS_HEATMAP_COLOR : GRUS_HEATMAP_ASCII;
}

static int draw(const grus_attention_map *map, const grus_option_value *values)
{
    if (!grus_heatmap_draw(map, find_style(values[OPT_STYLE].count), find_width(&values[OPT_WIDTH]),
                           values[OPT_ATTENTION_HEADS].set, stdout))
        return fail_memory();
    if (fflush(stdout) != 0 || ferror(stdout))
        return fail(GRUS_E_OUTPUT, "-", strerror(errno));
    return GRUS_OK;
}

// ---- the file ----

typedef struct picture {
    const grus_attention_map *map;
    const char *source;
    bool by_head;
} picture;

static bool draw_svg(const void *context, FILE *to)
{
    const picture *drawn = context;
    return grus_svg_draw(drawn->map, drawn->source, drawn->by_head, to);
}

// ---- the command ----

static int attend(const grus_model *model, const char *text, size_t length, const grus_option_value *values)
{
    grus_search search;
    grus_attention_map *map;
    grus_error error;
    grus_search_init(&search, sizeof search, model);
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_SEARCH, &search);
    if (grus_attend_text(model, text, length, &search, &map, &error) != GRUS_OK)
        return grus_fail_command(&error);
    bool features = map->columns && map->column_tokens[0][0] == '\0', by_head = values[OPT_ATTENTION_HEADS].set;
    const picture drawn = {map, features ? NULL : text, by_head};
    int code;
    if (by_head && !map->head_weights)
        code = grus_usage_error("attend: --attention-heads needs a model whose attention has heads");
    else
        code = values[OPT_SVG].set ? grus_write_whole(values[OPT_SVG].text, draw_svg, &drawn) : draw(map, values);
    grus_attention_map_free(map);
    return code;
}

int grus_command_attend(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (argc - first != 2)
        return grus_usage_error("attend: a model and a text are needed; put a text of several words in quotes");
    grus_model *model;
    code = grus_load_model(argv[first], options, N_OPTIONS, values, &model);
    if (code != GRUS_OK)
        return code;
    char *text;
    size_t length;
    code = take_text(argv[first + 1], &text, &length);
    if (code == GRUS_OK)
        code = attend(model, text, length, values);
    free(text);
    grus_model_free(model);
    return code;
}
