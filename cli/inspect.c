// inspect.c: `grus inspect`.
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/message.h"
#include "cli/options.h"

enum option_number { OPT_MAX_RECORD, OPT_LOAD, N_OPTIONS = OPT_LOAD + GRUS_N_LOAD_OPTIONS };

static const grus_option options[N_OPTIONS] = {
    [OPT_MAX_RECORD] = {"max-record", 0, GRUS_OPTION_SIZE, "SIZE", "longest line of a shard [16M]", 1, 0, NULL},
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
    int code = grus_load_model(dir, values + OPT_LOAD, &model);
    if (code != GRUS_OK)
        return code;
    grus_status status = grus_model_describe(model, stdout, &error);
    grus_model_free(model);
    return status == GRUS_OK ? GRUS_OK : grus_fail_command(&error);
}

int grus_command_inspect(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first, code = grus_options_parse(options, N_OPTIONS, print_help, argc, argv, values, &first);
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
    if (S_ISDIR(facts.st_mode))
        return inspect_model(path, values);
    grus_run_options defaults;
    grus_run_options_init(&defaults, NULL);
    size_t max_record = values[OPT_MAX_RECORD].set ? (size_t)values[OPT_MAX_RECORD].count : defaults.max_record;
    if (grus_shard_describe(path, max_record, stdout, &error) != GRUS_OK)
        return grus_fail_command(&error);
    return GRUS_OK;
}
