// inspect.c: `grus inspect`.
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/message.h"
#include "cli/options.h"

enum option_number { OPT_JSON, OPT_MAX_RECORD, OPT_LOAD, N_OPTIONS = OPT_LOAD + GRUS_N_LOAD_OPTIONS };

static const grus_option options[N_OPTIONS] = {
    [OPT_JSON] = GRUS_FLAG("json", 0, GRUS_INTO_NOTHING, "as JSON"),
    [OPT_MAX_RECORD] = GRUS_SIZE("max-record", 1, GRUS_INTO(GRUS_INTO_RUN, grus_run_options, max_record),
                                 "longest line of a shard [16M]"),
    GRUS_LOAD_ROWS(OPT_LOAD),
};

static int print_help(void)
{
    printf("usage: grus inspect MODEL|SHARD [OPTION]...\n\n"
           "Prints a model's architecture, tensors, sizes and FLOPs a token, or a shard's frames and counts.\n\n");
    grus_options_help(options, N_OPTIONS);
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static int inspect_model(const char *dir, const grus_option_value *values)
{
    grus_model *model;
    grus_error error;
    int code = grus_load_model(dir, options, N_OPTIONS, values, &model);
    if (code != GRUS_OK)
        return code;
    grus_text text;
    grus_status status = grus_model_describe(model, values[OPT_JSON].set, &text, &error);
    grus_model_free(model);
    return status == GRUS_OK ? grus_print_text(&text) : grus_fail_command(&error);
}

static int inspect_shard(const char *path, const grus_option_value *values)
{
    grus_run_options run;
    grus_text text;
    grus_error error;
    grus_run_options_init(&run, sizeof run);
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_RUN, &run);
    if (grus_shard_describe(path, run.max_record, values[OPT_JSON].set, &text, &error) != GRUS_OK)
        return grus_fail_command(&error);
    return grus_print_text(&text);
}

int grus_command_inspect(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (argc - first != 1)
        return grus_usage_error("inspect: one model or shard is needed");
    const char *path = argv[first];
    struct stat facts;
    grus_error error = {.status = GRUS_E_INPUT};
    if (stat(path, &facts) != 0) {
        snprintf(error.file, sizeof error.file, "%s", path);
        snprintf(error.cause, sizeof error.cause, "%s", strerror(errno));
        return grus_fail_command(&error);
    }
    return S_ISDIR(facts.st_mode) ? inspect_model(path, values) : inspect_shard(path, values);
}
