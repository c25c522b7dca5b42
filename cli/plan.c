// plan.c: `grus plan`.
#include "config.h"

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/options.h"

enum option_number { OPT_PER_TASK, OPT_RECURSIVE, OPT_FILELIST, OPT_OUTPUT, OPT_JSON, N_OPTIONS };

#define RUN(member) GRUS_INTO(GRUS_INTO_RUN, grus_run_options, member)

static const grus_option options[N_OPTIONS] = {
    [OPT_PER_TASK] = GRUS_SIZE("per-task", 1, GRUS_INTO_NOTHING, "bytes of shards that a task is to have at most"),
    [OPT_RECURSIVE] = GRUS_FLAG("recursive", 'r', RUN(recursive), "as of grus run"),
    [OPT_FILELIST] = GRUS_TEXT("filelist", 0, "FILE", RUN(filelist), "as of grus run"),
    [OPT_OUTPUT] = GRUS_TEXT("output", 'o', "OUTDIR", RUN(outdir), "of the run, where it lies below an INPUT"),
    [OPT_JSON] = GRUS_FLAG("json", 0, GRUS_INTO_NOTHING, "as JSON"),
};

static int print_help(void)
{
    printf(
        "usage: grus plan [INPUT...] --per-task SIZE [OPTION]...\n\n"
        "Proposes the number of tasks for a run over the inputs, so that none has more than SIZE of their bytes, as\n"
        "they lie on the disk, and tells what each would have. Nothing is read but names and sizes.\n\n");
    grus_options_help(options, N_OPTIONS);
    printf("\nExit codes: 0 told; 2 usage; 4 an input cannot be opened.\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

int grus_command_plan(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (argc == first && !values[OPT_FILELIST].set)
        return grus_usage_error("plan: at least one input is needed; grus plan --help tells more");
    if (!values[OPT_PER_TASK].set)
        return grus_usage_error("plan: --per-task SIZE is needed");
    grus_run_options run;
    grus_text text;
    grus_error error;
    grus_run_options_init(&run, sizeof run);
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_RUN, &run);
    run.inputs = (const char *const *)argv + first;
    run.n_inputs = (size_t)(argc - first);
    if (grus_run_propose(&run, values[OPT_PER_TASK].count, values[OPT_JSON].set, &text, &error) != GRUS_OK)
        return grus_fail_command(&error);
    return grus_print_text(&text);
}
