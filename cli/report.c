// report.c: `grus report`.
#include "config.h"

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/report_page.h"
#include "cli/report_settings.h"
#include "cli/whole_file.h"

#define MOST_SAMPLES 1000

enum option_number { OPT_HTML, OPT_SAMPLES, OPT_RECORDS, OPT_MODEL, N_OPTIONS };

static const grus_option options[N_OPTIONS] = {
    [OPT_HTML] = GRUS_TEXT("html", 0, "FILE", GRUS_INTO_NOTHING, "write the page there; - is standard output"),
    [OPT_SAMPLES] = GRUS_COUNT("samples", 0, "N", 0, MOST_SAMPLES, GRUS_INTO_NOTHING,
                               "records that are shown, and a third as many in error [12]"),
    [OPT_RECORDS] = GRUS_COUNT("records", 0, "N", 0, 0, GRUS_INTO_NOTHING,
                               "records of each output that are read, from its beginning [all]"),
    [OPT_MODEL] = GRUS_TEXT("model", 0, "MODEL", GRUS_INTO_NOTHING,
                            "the run's model: draw the attention of the samples by it, with its tokens"),
};

static int print_help(void)
{
    printf(
        "usage: grus report OUTDIR --html FILE [OPTION]...\n\n"
        "Writes a page about a run, finished or not, for a browser: counts, errors by cause, lengths, scores, labels,\n"
        "throughput over time, slowest shards, and sample records with their attention. It needs no network and no\n"
        "other file. The outputs are read once, in memory that does not grow with them.\n\n");
    grus_options_help(options, N_OPTIONS);
    printf(
        "\nExit codes: 0 the page is written; 1 it is, and some output cannot be read or does not fit its manifest;\n"
        "2 usage; 3 the model cannot be used; 5 not an output directory, or the page cannot be written.\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

typedef struct page {
    const grus_survey *survey;
    const char *outdir;
    const grus_model *model;
} page;

static bool write_page(const void *context, FILE *to)
{
    const page *written = context;
    return grus_report_page(written->survey, written->outdir, written->model, to);
}

// Tells of the outputs that could not be read; the exit code.
static int tell_faults(const grus_survey *survey)
{
    int code = GRUS_OK;
    for (size_t i = 0; i < survey->overview->n; i++)
        if (survey->shards[i]->fault) {
            grus_print_warning(NULL, survey->shards[i]->fault);
            code = GRUS_E_FAILED;
        }
    return code;
}

// The model as the run had it; *model NULL where none is asked for. The exit code.
static int load_model(const char *dir, const grus_survey *survey, grus_model **model)
{
    grus_load_options load;
    grus_error error;
    *model = NULL;
    if (!dir)
        return GRUS_OK;
    if (*grus_report_setting(survey, "ensemble"))
        return grus_usage_error(
            "report: --model: the run is of several models (--ensemble), whose attention one alone does not have");
    grus_load_options_init(&load, sizeof load);
    load.on_warning = grus_print_warning;
    load.allow_nonfinite = true;
    load.compute_type = (uint8_t)grus_report_compute_type(survey);
    return grus_model_load(dir, &load, model, &error) == GRUS_OK ? GRUS_OK : grus_fail_command(&error);
}

static int write_report(const char *outdir, const grus_option_value *values)
{
    grus_survey_options how;
    grus_survey *survey;
    grus_model *model;
    grus_error error;
    grus_survey_options_init(&how, sizeof how);
    if (values[OPT_SAMPLES].set)
        how.samples = (size_t)values[OPT_SAMPLES].count;
    if (values[OPT_RECORDS].set)
        how.records = values[OPT_RECORDS].count;
    if (grus_outdir_survey(outdir, &how, &survey, &error) != GRUS_OK)
        return grus_fail_command(&error);
    int code = load_model(values[OPT_MODEL].text, survey, &model);
    const page written = {survey, outdir, model};
    if (code == GRUS_OK)
        code = grus_write_whole(values[OPT_HTML].text, write_page, &written);
    if (code == GRUS_OK)
        code = tell_faults(survey);
    grus_model_free(model);
    grus_survey_free(survey);
    return code;
}

int grus_command_report(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (argc - first != 1)
        return grus_usage_error("report: one output directory is needed");
    if (!values[OPT_HTML].set)
        return grus_usage_error("report: --html FILE is needed");
    return write_report(argv[first], values);
}
