// inspect.c: `grus inspect`.
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/options.h"

enum option_number { OPT_MAX_RECORD, OPT_STRICT, OPT_ALLOW_NONFINITE, OPT_HELP, N_OPTIONS };

static const grus_option options[N_OPTIONS] = {
    [OPT_MAX_RECORD] = {"max-record", 0, GRUS_OPTION_SIZE, "SIZE", "longest line of a shard [16M]", 1, 0, NULL},
    [OPT_STRICT] = {"strict", 0, GRUS_OPTION_FLAG, NULL, "a tensor that the configuration does not use is an error", 0,
                    0, NULL},
    [OPT_ALLOW_NONFINITE] = {"allow-nonfinite", 0, GRUS_OPTION_FLAG, NULL,
                             "a NaN or an infinity among the weights is no error", 0, 0, NULL},
    [OPT_HELP] = {"help", 'h', GRUS_OPTION_FLAG, NULL, "this text", 0, 0, NULL},
};

static int print_help(void)
{
    printf("usage: grus inspect MODEL|SHARD [OPTION]...\n\n"
           "Prints a model's architecture, tensors, sizes and FLOPs a token, or a shard's frames and counts.\n\n");
    grus_options_help(options, N_OPTIONS);
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static void on_warning(void *context, const char *text)
{
    (void)context;
    grus_print_warning(text);
}

static int inspect_model(const char *dir, unsigned flags)
{
    grus_model *model;
    grus_error error;
    if (grus_model_load_with(dir, flags, on_warning, NULL, &model, &error) != GRUS_OK)
        return grus_fail_command(&error);
    grus_status status = grus_model_describe(model, stdout, &error);
    grus_model_free(model);
    return status == GRUS_OK ? GRUS_OK : grus_fail_command(&error);
}

int grus_command_inspect(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first = grus_options_parse(options, N_OPTIONS, argc, argv, values);
    if (first < 0)
        return GRUS_E_USAGE;
    if (values[OPT_HELP].set)
        return print_help();
    if (argc - first != 1)
        return grus_usage_error("inspect: one model or shard is needed");
    const char *path = argv[first];
    struct stat facts;
    if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
        return inspect_model(path, (values[OPT_STRICT].set ? GRUS_LOAD_STRICT : 0) |
                                       (values[OPT_ALLOW_NONFINITE].set ? GRUS_LOAD_ALLOW_NONFINITE : 0));
    grus_run_options defaults;
    grus_run_options_init(&defaults, NULL);
    size_t max_record = values[OPT_MAX_RECORD].set ? (size_t)values[OPT_MAX_RECORD].count : defaults.max_record;
    grus_error error;
    if (grus_shard_describe(path, max_record, stdout, &error) != GRUS_OK)
        return grus_fail_command(&error);
    return GRUS_OK;
}
