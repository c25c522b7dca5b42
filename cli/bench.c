// bench.c: `grus bench`.
#include "config.h"

#include <string.h>

#include "cli/commands.h"
#include "cli/load.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/search.h"
#include "cli/whole_file.h"

enum option_number {
    OPT_THREADS,
    OPT_BEAM_SIZE,
    OPT_BATCH_TOKENS,
    OPT_RECORDS,
    OPT_SECONDS,
    OPT_TEXT_KEY,
    OPT_OUTPUT_KEY,
    OPT_FIELD_PREFIX,
    OPT_LONG,
    OPT_JSON,
    OPT_COMPARE,
    OPT_LOAD,
    N_OPTIONS = OPT_LOAD + GRUS_N_LOAD_OPTIONS,
};

#define RUN(member) GRUS_INTO(GRUS_INTO_RUN, grus_run_options, member)
#define BENCHMARK(member) GRUS_INTO(GRUS_INTO_BENCHMARK, grus_benchmark_options, member)

static const grus_option options[N_OPTIONS] = {
    [OPT_THREADS] = GRUS_COUNT("threads", 't', "N", 1, 4096, RUN(threads), "threads [what affinity and cgroup allow]"),
    [OPT_BEAM_SIZE] = GRUS_SEARCH_BEAM_ROW,
    [OPT_BATCH_TOKENS] =
        GRUS_COUNT("batch-tokens", 0, "N", 1, 1 << 30, RUN(batch_tokens), "source positions of a batch [16384]"),
    [OPT_RECORDS] = GRUS_COUNT("records", 0, "N", 1, 10000000, BENCHMARK(records),
                               "the first N records alone [20000; for the whole run all]"),
    [OPT_SECONDS] = GRUS_REAL("seconds", "S", 0, 1e6, BENCHMARK(seconds),
                              "for each part, and for whole runs, of which one is made at least [2, three]"),
    [OPT_TEXT_KEY] = GRUS_TEXT("text-key", 0, "KEY", RUN(text_key), "JSON field of the text [text]"),
    [OPT_OUTPUT_KEY] =
        GRUS_TEXT("output-key", 0, "KEY", RUN(output_key), "JSON field of the main result [its own name]"),
    [OPT_FIELD_PREFIX] =
        GRUS_TEXT("field-prefix", 0, "P", RUN(field_prefix), "before the names of the result's other fields"),
    [OPT_LONG] = GRUS_COUNT("long", 0, "N", 10, 31, RUN(window_log), "read zstd windows of up to 2^N bytes [27]"),
    [OPT_JSON] = GRUS_TEXT("json", 0, "FILE", GRUS_INTO_NOTHING, "write the figures as JSON; - is standard output"),
    [OPT_COMPARE] = GRUS_FLAG("compare", 0, GRUS_INTO_NOTHING,
                              "measure nothing: lay two files of --json side by side, the earlier one first"),
    GRUS_LOAD_ROWS(OPT_LOAD),
};

static int print_help(void)
{
    printf(
        "usage: grus bench MODEL [INPUT...] [OPTION]...\n"
        "       grus bench --compare BEFORE.json AFTER.json [--json FILE]\n\n"
        "Measures the throughput of each part of a run and of the whole, on the inputs (.jsonl, .json, .ndjson, .txt,\n"
        ".tsv, each also with .zst or .gz, or directories of them), or without any on made-up sequences of log-normal "
        "lengths.\n\n");
    grus_options_help(options, N_OPTIONS);
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

// Nothing where it has no meaning.
static void print_number(double value)
{
    if (value > 0)
        printf("%10.1f", value);
    else
        printf("%10s", "");
}

// "float32" or "int8".
static const char *compute_name(const grus_model *model)
{
    return grus_names(GRUS_NAMES_COMPUTE)[grus_model_compute_type(model)];
}

static void print_table(const grus_model *model, const grus_benchmark_result *result)
{
    size_t threads = 1;
    for (size_t i = 0; i < result->n; i++)
        threads = result->parts[i]->threads > threads ? result->parts[i]->threads : threads;
    printf("CPU %s, up to %zu %s on %zu %s\n", grus_cpu_name(), threads, threads == 1 ? "thread" : "threads",
           result->cores, result->cores == 1 ? "core" : "cores");
    printf("kernel %s, %s; parts on %llu records, %llu source tokens%s; medians, seconds of one repetition\n",
           grus_model_kernel_name(model), compute_name(model), (unsigned long long)result->records,
           (unsigned long long)result->positions, result->records_failed ? " (some records are in error)" : "");
    const grus_benchmark_part *whole = result->parts[result->n - 1];
    if (strcmp(whole->name, "run") == 0)
        printf("run on %s %.0f records of the inputs, %zu %s\n", result->run_is_cut ? "the first" : "all",
               whole->records, whole->repetitions, whole->repetitions == 1 ? "time" : "times");
    printf("\n%-8s %7s %9s %9s %9s %9s %11s %11s %9s %9s %8s %8s\n", "part", "threads", "seconds", "min", "max", "cpu",
           "records/s", "tokens/s", "MB/s", "GFLOP/s", "padding", "idle");
    for (size_t i = 0; i < result->n; i++) {
        const grus_benchmark_part *part = result->parts[i];
        printf("%-8s %7zu %9.4f %9.4f %9.4f %9.4f %11.0f %11.0f", part->name, part->threads, part->median, part->min,
               part->max, part->cpu, part->records / part->median, part->tokens / part->median);
        print_number(part->bytes / part->median / 1e6);
        print_number(part->flops / part->median / 1e9);
        if (part->flops > 0)
            printf(" %6.2f %% %6.2f %%", 100 * part->padding, 100 * part->rows_empty);
        printf("\n");
    }
}

static bool write_text(const void *context, FILE *to)
{
    const grus_text *text = context;
    fwrite(text->data, 1, text->size, to);
    return true;
}

// The figures as JSON to a file, or to standard output.
static int save_json(const char *path, const grus_model *model, const grus_run_options *run,
                     const grus_benchmark_result *result)
{
    grus_text text = {0};
    grus_error error;
    if (grus_benchmark_describe(model, run->inputs, run->n_inputs, result, &text, &error) != GRUS_OK)
        return grus_fail_command(&error);
    int code = grus_write_whole(path, write_text, &text);
    grus_text_free(&text);
    return code;
}

static int print_result(const grus_model *model, const grus_run_options *run, const grus_benchmark_result *result,
                        const char *json)
{
    if (!json || strcmp(json, "-") != 0)
        print_table(model, result);
    if (json)
        return save_json(json, model, run, result);
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static void on_progress(void *context, const grus_benchmark_progress *progress)
{
    char step[GRUS_DISPLAY_STEP] = "reading records";
    if (progress->name)
        snprintf(step, sizeof step, "%s (%zu of %zu), repetition %zu", progress->name, progress->part, progress->parts,
                 progress->repetition);
    bool is_new = progress->repetition <= 1 && !progress->run;
    grus_display_step(context, progress->seconds, step, is_new, progress->run);
}

static grus_status measure(const grus_model *model, const grus_option_value *values, grus_run_options *run,
                           grus_benchmark_result **result, grus_error *error)
{
    grus_search search;
    grus_display display;
    grus_benchmark_options how;
    grus_search_init(&search, sizeof search, model);
    grus_benchmark_options_init(&how, sizeof how);
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_SEARCH, &search);
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_BENCHMARK, &how);
    if (values[OPT_RECORDS].set)
        how.run_records = how.records;
    if (values[OPT_SECONDS].set)
        how.run_repetitions = 1;
    grus_display_init(&display, GRUS_PROGRESS_AUTO, false);
    how.context = &display;
    how.on_progress = on_progress;
    run->search = &search;
    grus_status status = grus_benchmark(model, run, &how, result, error);
    grus_display_clear(&display);
    return status;
}

static int execute(const char *dir, const grus_option_value *values, grus_run_options *run)
{
    grus_model *model;
    grus_error error;
    grus_benchmark_result *result;
    int code = grus_load_model(dir, options, N_OPTIONS, values, &model);
    if (code != GRUS_OK)
        return code;
    grus_status status = measure(model, values, run, &result, &error);
    if (status == GRUS_OK) {
        code = print_result(model, run, result, values[OPT_JSON].text);
        grus_benchmark_result_free(result);
    } else {
        code = grus_fail_command(&error);
    }
    grus_model_free(model);
    return code;
}

// What was measured before and after, from files. No other option has a meaning.
static int compare(const grus_option_value *values, char **files, int n)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (values[i].set && i != OPT_COMPARE && i != OPT_JSON)
            return grus_usage_error("bench: --%s has no meaning with --compare", options[i].name);
    if (n != 2)
        return grus_usage_error("bench: --compare takes two files that grus bench --json has written");
    grus_text text = {0};
    grus_error error;
    const char *json = values[OPT_JSON].text;
    if (grus_benchmark_compare(files[0], files[1], json != NULL, &text, &error) != GRUS_OK)
        return grus_fail_command(&error);
    if (!json)
        return grus_print_text(&text);
    int code = grus_write_whole(json, write_text, &text);
    grus_text_free(&text);
    return code;
}

int grus_command_bench(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (values[OPT_COMPARE].set)
        return compare(values, argv + first, argc - first);
    if (argc == first)
        return grus_usage_error("bench: a model is needed; grus bench --help tells more");
    grus_run_options run;
    grus_run_options_init(&run, sizeof run);
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_RUN, &run);
    run.inputs = (const char *const *)argv + first + 1;
    run.n_inputs = (size_t)(argc - first - 1);
    return execute(argv[first], values, &run);
}
