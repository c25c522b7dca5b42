// verify.c: `grus verify`.
#include "config.h"

#include <inttypes.h>

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/options.h"

enum option_number { OPT_INPUTS, OPT_QUIET, N_OPTIONS };

static const grus_option options[N_OPTIONS] = {
    [OPT_INPUTS] = GRUS_FLAG("inputs", 0, GRUS_INTO_NOTHING, "compare the INPUTs behind OUTDIR too"),
    [OPT_QUIET] = GRUS_FLAG("quiet", 'q', GRUS_INTO_NOTHING, "no summary"),
};

static int print_help(void)
{
    printf("usage: grus verify OUTDIR [--inputs INPUT...]\n\n"
           "Reads every output of a run again and compares it with its manifest: size, hash, one whole zstd frame or\n"
           "gzip member, one line a record. With --inputs, the shards or directories that follow are compared with the "
           "manifests too.\n"
           "\n");
    grus_options_help(options, N_OPTIONS);
    printf("\nExit codes: 0 no difference; 1 some; 2 usage; 4 no input can be opened; 5 not an output directory.\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static void on_difference(void *context, const grus_error *difference)
{
    (void)context;
    grus_print_error(difference);
}

static int print_summary(const char *outdir, const grus_verified *counts, bool with_inputs)
{
    printf("%s: %" PRIu64 " of %" PRIu64 " shards read: %" PRIu64 " records (%" PRIu64 " in error), %" PRIu64
           " bytes\n",
           outdir, counts->outputs, counts->shards, counts->records, counts->records_failed, counts->bytes);
    if (with_inputs)
        printf("%s: %" PRIu64 " inputs compared\n", outdir, counts->inputs);
    if (counts->missing)
        printf("%s: %" PRIu64 " shards are not done; grus status tells which\n", outdir, counts->missing);
    if (counts->differences)
        printf("%s: %" PRIu64 " %s\n", outdir, counts->differences,
               counts->differences == 1 ? "difference" : "differences");
    else
        printf("%s: no differences\n", outdir);
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

int grus_command_verify(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    int n = argc - first;
    bool with_inputs = values[OPT_INPUTS].set;
    if (n < 1)
        return grus_usage_error("verify: an output directory is needed");
    if (n > 1 && !with_inputs)
        return grus_usage_error("verify: one output directory is needed; inputs go behind --inputs");
    if (n < 2 && with_inputs)
        return grus_usage_error("verify: --inputs needs shards or directories behind OUTDIR");
    grus_verify_options how;
    grus_verified counts;
    grus_error error;
    grus_verify_options_init(&how, sizeof how);
    grus_verified_init(&counts, sizeof counts);
    how.inputs = (const char *const *)argv + first + 1;
    how.n_inputs = (size_t)(n - 1);
    how.on_difference = on_difference;
    grus_status status = grus_outdir_verify(argv[first], &how, &counts, &error);
    if (status != GRUS_OK && status != GRUS_E_FAILED)
        return grus_fail_command(&error);
    int written = values[OPT_QUIET].set ? GRUS_OK : print_summary(argv[first], &counts, with_inputs);
    return status == GRUS_OK ? written : grus_exit_code(status);
}
