// run.c: `grus run`.
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/launcher.h"
#include "cli/load.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/search.h"
#include "cli/signals.h"

enum option_number {
    OPT_OUTPUT,
    OPT_TASK,
    OPT_SEARCH,
    OPT_ATTENTION = OPT_SEARCH + GRUS_N_SEARCH_OPTIONS,
    OPT_TOKEN_SCORES,
    OPT_TEXT_KEY,
    OPT_ID_KEY,
    OPT_TARGET_KEY,
    OPT_TEXT_COLUMN,
    OPT_TARGET_COLUMN,
    OPT_THREADS,
    OPT_BATCH_TOKENS,
    OPT_MAX_MEMORY,
    OPT_ON_ERROR,
    OPT_MAX_RECORD,
    OPT_LEVEL,
    OPT_FORMAT,
    OPT_RANK,
    OPT_WORLD_SIZE,
    OPT_CHECKPOINT_RECORDS,
    OPT_PROGRESS,
    OPT_QUIET,
    OPT_REPORT,
    OPT_SEED,
    OPT_LOAD,
    OPT_DRY_RUN = OPT_LOAD + GRUS_N_LOAD_OPTIONS,
    N_OPTIONS,
};

// Each list is in the order of the enumeration that it stands for.
static const char *const tasks[] = {"own", "embed", "classify", "tag", "translate", "score", NULL};
static const char *const attentions[] = {"none", "soft", "hard", NULL};
static const char *const policies[] = {"skip", "fail", NULL};
static const char *const formats[] = {"jsonl", "txt", "npy", NULL};
static const char *const modes[] = {"auto", "always", "never", NULL};

// clang-format off
#define COUNT(name, letter, argument, min, max, help) {name, letter, GRUS_OPTION_COUNT, argument, help, min, max, NULL}
#define SIZE(name, min, help) {name, 0, GRUS_OPTION_SIZE, "SIZE", help, min, 0, NULL}
#define TEXT(name, letter, argument, help) {name, letter, GRUS_OPTION_TEXT, argument, help, 0, 0, NULL}
#define CHOICE(name, list, help) {name, 0, GRUS_OPTION_CHOICE, "NAME", help, 0, 0, list}
#define FLAG(name, letter, help) {name, letter, GRUS_OPTION_FLAG, NULL, help, 0, 0, NULL}
// clang-format on

static const grus_option options[N_OPTIONS] = {
    [OPT_OUTPUT] = TEXT("output", 'o', "OUTDIR", "where the results go; - with the input -"),
    [OPT_TASK] = CHOICE("task", tasks, "embed, classify, tag, translate, score [own: the model's]"),
    GRUS_SEARCH_ROWS(OPT_SEARCH),
    [OPT_ATTENTION] = CHOICE("attention", attentions, "none, soft (weights), hard (alignment) [none]"),
    [OPT_TOKEN_SCORES] = FLAG("token-scores", 0, "with --task score: the log-probability of each token"),
    [OPT_TEXT_KEY] = TEXT("text-key", 0, "KEY", "JSON field of the text [text]"),
    [OPT_ID_KEY] = TEXT("id-key", 0, "KEY", "JSON field of the record's name [id]"),
    [OPT_TARGET_KEY] = TEXT("target-key", 0, "KEY", "JSON field of the target [target]"),
    [OPT_TEXT_COLUMN] = COUNT("text-column", 0, "N", 1, 1000000, "TSV column of the text [1]"),
    [OPT_TARGET_COLUMN] = COUNT("target-column", 0, "N", 1, 1000000, "TSV column of the target [2]"),
    [OPT_THREADS] = COUNT("threads", 't', "N", 1, 4096, "worker threads [what affinity and cgroup allow]"),
    [OPT_BATCH_TOKENS] = COUNT("batch-tokens", 0, "N", 1, 1 << 30, "source positions of a batch [16384]"),
    [OPT_MAX_MEMORY] = SIZE("max-memory", 1, "memory of the whole process [no bound]"),
    [OPT_ON_ERROR] = CHOICE("on-error", policies, "skip: mark a bad record; fail: fail its shard [skip]"),
    [OPT_MAX_RECORD] = SIZE("max-record", 1, "longest line [16M]"),
    [OPT_LEVEL] = COUNT("level", 0, "N", 1, 22, "zstd level of the output [3]"),
    [OPT_FORMAT] = CHOICE("format", formats, "jsonl, txt, npy [jsonl]"),
    [OPT_RANK] = COUNT("rank", 0, "R", 0, 0, "number of this process [the launcher's, else 0]"),
    [OPT_WORLD_SIZE] = COUNT("world-size", 0, "W", 1, 0, "number of processes [the launcher's, else 1]"),
    [OPT_CHECKPOINT_RECORDS] = COUNT("checkpoint-records", 0, "N", 0, 0, "records between two checkpoints of a shard"),
    [OPT_PROGRESS] = CHOICE("progress", modes, "auto, always, never [auto]"),
    [OPT_QUIET] = FLAG("quiet", 'q', "no plan, no progress, no summary"),
    [OPT_REPORT] = TEXT("report", 0, "FILE", "what the run did, as JSON [OUTDIR/report.json]"),
    [OPT_SEED] = COUNT("seed", 0, "N", 0, 0, "for tasks that draw random numbers; none does yet"),
    GRUS_LOAD_ROWS(OPT_LOAD),
    [OPT_DRY_RUN] = FLAG("dry-run", 0, "print the plan and the memory it takes; run nothing"),
};

static int print_help(void)
{
    printf(
        "usage: grus run MODEL INPUT... -o OUTDIR [OPTION]...\n\n"
        "Runs the model over every record of the inputs. An INPUT is a shard (.jsonl, .txt, .tsv, each also with\n"
        ".zst), a directory of shards, or - for JSONL on standard input. What OUTDIR holds already is not done again.\n"
        "\n");
    grus_options_help(options, N_OPTIONS);
    printf("\nExit codes: 0 all done; 1 a shard failed; 2 usage; 3 model; 4 no input can be opened; 5 output; "
           "128 + n signal n.\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

static void take_count(const grus_option_value *value, size_t *to)
{
    if (value->set)
        *to = (size_t)value->count;
}

static void take_text(const grus_option_value *value, const char **to)
{
    if (value->set)
        *to = value->text;
}

// What the command line says, over the defaults that are in run.
static void take_options(const grus_option_value *values, grus_run_options *run)
{
    grus_search_take(values + OPT_SEARCH, &run->search);
    run->task = (grus_task)values[OPT_TASK].count;
    run->attention = (grus_attention_output)values[OPT_ATTENTION].count;
    run->format = (grus_format)values[OPT_FORMAT].count;
    run->fail_on_error = values[OPT_ON_ERROR].count == 1;
    run->token_scores = values[OPT_TOKEN_SCORES].set;
    run->strict = values[OPT_LOAD + GRUS_LOADING_STRICT].set;
    run->dry_run = values[OPT_DRY_RUN].set;
    take_text(&values[OPT_TEXT_KEY], &run->text_key);
    take_text(&values[OPT_ID_KEY], &run->id_key);
    take_text(&values[OPT_TARGET_KEY], &run->target_key);
    take_text(&values[OPT_REPORT], &run->report);
    take_count(&values[OPT_TEXT_COLUMN], &run->text_column);
    take_count(&values[OPT_TARGET_COLUMN], &run->target_column);
    take_count(&values[OPT_THREADS], &run->threads);
    take_count(&values[OPT_BATCH_TOKENS], &run->batch_tokens);
    take_count(&values[OPT_MAX_MEMORY], &run->max_memory);
    take_count(&values[OPT_MAX_RECORD], &run->max_record);
    take_count(&values[OPT_CHECKPOINT_RECORDS], &run->checkpoint_records);
    if (values[OPT_LEVEL].set)
        run->level = (int)values[OPT_LEVEL].count;
    if (values[OPT_SEED].set)
        run->seed = values[OPT_SEED].count;
}

// false after a message.
static bool take_rank(const grus_option_value *values, grus_run_options *run)
{
    if (values[OPT_RANK].set != values[OPT_WORLD_SIZE].set) {
        grus_usage_error("--rank and --world-size go together");
        return false;
    }
    if (!values[OPT_RANK].set)
        return grus_launcher_find(run);
    run->rank = (size_t)values[OPT_RANK].count;
    run->world_size = (size_t)values[OPT_WORLD_SIZE].count;
    return true;
}

// ---- events ----

static void on_plan(void *context, const grus_progress *plan)
{
    grus_display_plan(context, plan);
}

static void on_progress(void *context, const grus_progress *progress, bool final)
{
    if (final)
        grus_display_clear(context);
    else
        grus_display_progress(context, progress);
}

static void on_shard_error(void *context, const grus_error *error)
{
    grus_display_clear(context);
    grus_print_error(error);
}

static int execute(const grus_model *model, char **inputs, size_t n_inputs, const char *outdir,
                   const grus_run_options *run, grus_display *display)
{
    grus_error error;
    grus_progress last;
    grus_run_events events = {
        .context = display,
        .on_plan = on_plan,
        .on_progress = on_progress,
        .on_shard_error = on_shard_error,
        .on_warning = grus_print_warning,
    };
    grus_status status = grus_run(model, (const char *const *)inputs, n_inputs, outdir, run, &events, &last, &error);
    grus_display_clear(display);
    bool ran = status == GRUS_OK || status == GRUS_E_FAILED || last.records > 0;
    if (ran && last.shards && !run->dry_run)
        grus_display_summary(display, &last, outdir, status);
    if (status == GRUS_OK)
        return GRUS_OK;
    grus_print_error(&error);
    int signal_number = grus_signals_caught();
    return status == GRUS_E_INTERRUPTED && signal_number ? 128 + signal_number : grus_exit_code(status);
}

int grus_command_run(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first, code = grus_options_parse(options, N_OPTIONS, print_help, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (argc - first < 2)
        return grus_usage_error("run: a model and at least one input are needed; grus run --help tells more");
    if (!values[OPT_OUTPUT].set)
        return grus_usage_error("run: -o OUTDIR is needed");

    grus_run_options run;
    grus_run_options_init(&run, NULL);
    if (!take_rank(values, &run))
        return GRUS_E_USAGE;
    const grus_run_options place = run;

    grus_display display;
    grus_display_init(&display, (grus_progress_mode)values[OPT_PROGRESS].count, values[OPT_QUIET].set);
    grus_signals_install();

    grus_model *model;
    code = grus_load_model(argv[first], values + OPT_LOAD, &model);
    if (code != GRUS_OK)
        return code;
    grus_run_options_init(&run, model);
    take_options(values, &run);
    run.rank = place.rank;
    run.world_size = place.world_size;
    run.launched = place.launched;
    run.array = place.array;
    code = execute(model, argv + first + 1, (size_t)(argc - first - 1), values[OPT_OUTPUT].text, &run, &display);
    grus_model_free(model);
    return code;
}
