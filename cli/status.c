// status.c: `grus status`.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/message.h"
#include "cli/options.h"

enum option_number { OPT_JSON, N_OPTIONS };

static const grus_option options[N_OPTIONS] = {
    [OPT_JSON] = GRUS_FLAG("json", 0, GRUS_INTO_NOTHING, "as JSON"),
};

static int print_help(void)
{
    printf("usage: grus status OUTDIR [--json]\n\n"
           "Tells which shards of a run are done and which are not, and the ranks that have shards left, as the array\n"
           "expression that Slurm takes. Nothing of the outputs is read; grus verify does that.\n\n");
    grus_options_help(options, N_OPTIONS);
    printf("\nExit codes: 0 all shards are done; 1 some are not, or have failed since; 2 usage; 5 not an output "
           "directory.\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

// Causes name fields of the library's options. No flag is longer than its field.
static grus_status name_flags(grus_text *text, grus_error *error)
{
    char *shown = malloc(text->size + 1);
    if (!shown) {
        *error = (grus_error){.status = GRUS_E_MEMORY, .cause = "out of memory"};
        return error->status;
    }
    grus_fields_to_flags(text->data, shown, text->size + 1);
    text->size = strlen(shown);
    memcpy(text->data, shown, text->size + 1);
    free(shown);
    return GRUS_OK;
}

static bool is_all_done(const grus_overview *overview)
{
    return overview->done == overview->n && overview->failed == 0;
}

static grus_status describe(const char *outdir, bool *all_done, grus_text *text, grus_error *error)
{
    grus_overview *overview;
    grus_status status = grus_outdir_examine(outdir, &overview, error);
    if (status != GRUS_OK)
        return status;
    *all_done = is_all_done(overview);
    status = grus_overview_describe(overview, false, text, error);
    grus_overview_free(overview);
    return status;
}

// With the sums over ranks, for which no record is read.
static grus_status describe_merged(const char *outdir, bool *all_done, grus_text *text, grus_error *error)
{
    grus_survey *survey;
    grus_survey_options survey_options;
    grus_survey_options_init(&survey_options, sizeof survey_options);
    survey_options.samples = 0;
    survey_options.records = 0;
    grus_status status = grus_outdir_survey(outdir, &survey_options, &survey, error);
    if (status != GRUS_OK)
        return status;
    *all_done = is_all_done(survey->overview);
    status = grus_survey_describe(survey, text, error);
    grus_survey_free(survey);
    return status;
}

int grus_command_status(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (argc - first != 1)
        return grus_usage_error("status: one output directory is needed");
    bool all_done = false;
    grus_text text;
    grus_error error;
    grus_status status = values[OPT_JSON].set ? describe_merged(argv[first], &all_done, &text, &error)
                                              : describe(argv[first], &all_done, &text, &error);
    if (status == GRUS_OK)
        status = name_flags(&text, &error);
    code = status == GRUS_OK ? grus_print_text(&text) : grus_fail_command(&error);
    if (code != GRUS_OK)
        return code;
    return all_done ? GRUS_OK : GRUS_E_FAILED;
}
