// run.c: `grus run`.
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/launcher.h"
#include "cli/launcher_table.h"
#include "cli/load.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/search.h"
#include "cli/signals.h"
#include "cli/watch.h"

enum option_number {
    OPT_OUTPUT,
    OPT_TASK,
    OPT_SEARCH,
    OPT_UNIQUE_NBEST = OPT_SEARCH + GRUS_N_SEARCH_OPTIONS,
    OPT_SAMPLING_TOPK,
    OPT_SAMPLING_TEMPERATURE,
    OPT_ENSEMBLE,
    OPT_ATTENTION,
    OPT_ATTENTION_HEADS,
    OPT_HEAD_OUTPUT,
    OPT_TOKEN_SCORES,
    OPT_MARK_TRUNCATED,
    OPT_RECURSIVE,
    OPT_FILELIST,
    OPT_INPUT_TYPE,
    OPT_TEXT_KEY,
    OPT_ID_KEY,
    OPT_TARGET_KEY,
    OPT_PREFIX_KEY,
    OPT_OUTPUT_KEY,
    OPT_FIELD_PREFIX,
    OPT_TEXT_COLUMN,
    OPT_TARGET_COLUMN,
    OPT_THREADS,
    OPT_BATCH_TOKENS,
    OPT_MAX_MEMORY,
    OPT_ON_ERROR,
    OPT_MAX_ERRORS,
    OPT_ON_CHANGED,
    OPT_GROW,
    OPT_MAX_RECORD,
    OPT_LONG,
    OPT_COMPRESS,
    OPT_LEVEL,
    OPT_FORMAT,
    OPT_RANK,
    OPT_WORLD_SIZE,
    OPT_LAUNCHER,
    OPT_CHECKPOINT_RECORDS,
    OPT_PROGRESS,
    OPT_PROGRESS_INTERVAL,
    OPT_LOG,
    OPT_LOG_FORMAT,
    OPT_METRICS,
    OPT_QUIET,
    OPT_REPORT,
    OPT_SEED,
    OPT_LOAD,
    OPT_DRY_RUN = OPT_LOAD + GRUS_N_LOAD_OPTIONS,
    N_OPTIONS,
};

static const char *const policies[] = {"skip", "fail", NULL};         // fail_on_error
static const char *const changes[] = {"fail", "redo", "keep", NULL};  // grus_on_changed
static const char *const types[] = {"jsonl", "txt", "tsv", NULL};     // grus_input_type
static const char *const modes[] = {"auto", "always", "never", NULL}; // grus_progress_mode

static const char *const log_formats[] = {"text", "json", NULL};

#define RUN(member) GRUS_INTO(GRUS_INTO_RUN, grus_run_options, member)

static const grus_option options[N_OPTIONS] = {
    [OPT_OUTPUT] = GRUS_TEXT("output", 'o', "OUTDIR", RUN(outdir), "where the results go; - with the input -"),
    [OPT_TASK] = GRUS_CHOICE_OF("task", GRUS_NAMES_TASK, RUN(task), "[own: the model's]"),
    GRUS_SEARCH_ROWS(OPT_SEARCH),
    [OPT_UNIQUE_NBEST] = GRUS_FLAG("unique-nbest", 0, GRUS_SEARCH_FIELD(unique_nbest),
                                   "of hypotheses with the same text the best alone"),
    [OPT_SAMPLING_TOPK] = GRUS_COUNT("sampling-topk", 0, "K", 0, 0, GRUS_SEARCH_FIELD(sampling_topk),
                                     "draw tokens from the K likeliest; 0: from all [1: the best]"),
    [OPT_SAMPLING_TEMPERATURE] = GRUS_REAL("sampling-temperature", "T", 0, 1000,
                                           GRUS_SEARCH_FIELD(sampling_temperature), "divides logits before a draw [1]"),
    [OPT_ENSEMBLE] = GRUS_LIST("ensemble", "MODEL", "decode by the mean of MODEL, too; may be given several times"),
    [OPT_ATTENTION] = GRUS_CHOICE_OF("attention", GRUS_NAMES_ATTENTION, RUN(attention),
                                     "none, soft (weights), hard (alignment) [none]"),
    [OPT_ATTENTION_HEADS] = GRUS_FLAG("attention-heads", 0, RUN(attention_heads),
                                      "with --attention soft: the weights of each head instead of their mean"),
    [OPT_HEAD_OUTPUT] = GRUS_CHOICE_OF("head-output", GRUS_NAMES_HEAD_OUTPUT, RUN(head_output),
                                       "labels, or numbers of the task's heads: probs, logits [labels]"),
    [OPT_TOKEN_SCORES] =
        GRUS_FLAG("token-scores", 0, RUN(token_scores), "with --task score: the log-probability of each token"),
    [OPT_MARK_TRUNCATED] = GRUS_FLAG("mark-truncated", 0, RUN(mark_truncated),
                                     "\"truncated\": true where a hypothesis was cut at its limit"),
    [OPT_RECURSIVE] =
        GRUS_FLAG("recursive", 'r', RUN(recursive), "also the shards in the folders of an INPUT, each in its own"),
    [OPT_FILELIST] =
        GRUS_TEXT("filelist", 0, "FILE", RUN(filelist),
                  "of the INPUT, or the working directory, the shards that FILE names; - is standard input"),
    [OPT_INPUT_TYPE] = GRUS_CHOICE("input-type", types, RUN(input_type), "of standard input: jsonl, txt, tsv [jsonl]"),
    [OPT_TEXT_KEY] = GRUS_TEXT("text-key", 0, "KEY", RUN(text_key), "JSON field of the text [text]"),
    [OPT_ID_KEY] = GRUS_TEXT("id-key", 0, "KEY", RUN(id_key), "JSON field of the record's name [id]"),
    [OPT_TARGET_KEY] = GRUS_TEXT("target-key", 0, "KEY", RUN(target_key), "JSON field of the target [target]"),
    [OPT_PREFIX_KEY] =
        GRUS_TEXT("prefix-key", 0, "KEY", RUN(prefix_key), "JSON field of what the output begins with [none]"),
    [OPT_OUTPUT_KEY] =
        GRUS_TEXT("output-key", 0, "KEY", RUN(output_key), "JSON field of the main result [its own name]"),
    [OPT_FIELD_PREFIX] =
        GRUS_TEXT("field-prefix", 0, "P", RUN(field_prefix), "before the names of the result's other fields"),
    [OPT_TEXT_COLUMN] = GRUS_COUNT("text-column", 0, "N", 1, 1000000, RUN(text_column), "TSV column of the text [1]"),
    [OPT_TARGET_COLUMN] =
        GRUS_COUNT("target-column", 0, "N", 1, 1000000, RUN(target_column), "TSV column of the target [2]"),
    [OPT_THREADS] =
        GRUS_COUNT("threads", 't', "N", 1, 4096, RUN(threads), "worker threads [what affinity and cgroup allow]"),
    [OPT_BATCH_TOKENS] = GRUS_COUNT("batch-tokens", 0, "N", 1, 1 << 30, RUN(batch_tokens),
                                    "source positions of a batch [16384; 4096 for states]"),
    [OPT_MAX_MEMORY] = GRUS_SIZE("max-memory", 1, RUN(max_memory), "memory of the whole process [no bound]"),
    [OPT_ON_ERROR] =
        GRUS_CHOICE("on-error", policies, RUN(fail_on_error), "skip: mark a bad record; fail: fail its shard [skip]"),
    [OPT_MAX_ERRORS] = GRUS_TEXT("max-errors", 0, "N|P%", GRUS_INTO_NOTHING,
                                 "records in error, or their share, above which a shard fails [100%]"),
    [OPT_ON_CHANGED] = GRUS_CHOICE("on-changed", changes, RUN(on_changed),
                                   "a done shard whose input changed since: fail, redo or keep it [fail]"),
    [OPT_GROW] = GRUS_FLAG("grow", 0, RUN(grow), "add inputs that are not in OUTDIR's list to it"),
    [OPT_MAX_RECORD] = GRUS_SIZE("max-record", 1, RUN(max_record), "longest line [16M]"),
    [OPT_LONG] = GRUS_COUNT("long", 0, "N", 10, 31, RUN(window_log), "read zstd windows of up to 2^N bytes [27]"),
    [OPT_COMPRESS] =
        GRUS_CHOICE_OF("compress", GRUS_NAMES_COMPRESS, RUN(compress), "of the output: zst, gz, none [zst]"),
    [OPT_LEVEL] = GRUS_COUNT("level", 0, "N", 1, 22, RUN(level), "of that compression, to 9 with gz [3]"),
    [OPT_FORMAT] = GRUS_CHOICE_OF("format", GRUS_NAMES_FORMAT, RUN(format), "[jsonl]"),
    [OPT_RANK] = GRUS_COUNT("rank", 0, "R", 0, 0, RUN(rank), "number of this process [the launcher's, else 0]"),
    [OPT_WORLD_SIZE] =
        GRUS_COUNT("world-size", 0, "W", 1, 0, RUN(world_size), "number of processes [the launcher's, else 1]"),
    [OPT_LAUNCHER] = GRUS_CHOICE("launcher", grus_launcher_words, GRUS_INTO_NOTHING, "[auto]"),
    [OPT_CHECKPOINT_RECORDS] = GRUS_COUNT("checkpoint-records", 0, "N", 0, 0, RUN(checkpoint_records),
                                          "records between two checkpoints of a shard"),
    [OPT_PROGRESS] = GRUS_CHOICE("progress", modes, GRUS_INTO_NOTHING, "auto, always, never [auto]"),
    [OPT_PROGRESS_INTERVAL] = GRUS_REAL("progress-interval", "S", 0.01, 1e6, GRUS_INTO_NOTHING,
                                        "seconds between progress lines [1], log lines and metrics [10]"),
    [OPT_LOG] =
        GRUS_TEXT("log", 0, "FILE", GRUS_INTO_NOTHING, "append events to FILE, one a line; - is standard error"),
    [OPT_LOG_FORMAT] = GRUS_CHOICE("log-format", log_formats, GRUS_INTO_NOTHING, "text (key=value), json [text]"),
    [OPT_METRICS] =
        GRUS_TEXT("metrics", 0, "FILE", GRUS_INTO_NOTHING, "keep metrics in FILE, in Prometheus' text format"),
    [OPT_QUIET] = GRUS_FLAG("quiet", 'q', GRUS_INTO_NOTHING, "no plan, no progress, no summary"),
    [OPT_REPORT] = GRUS_TEXT("report", 0, "FILE", RUN(report),
                             "what the run did, as JSON; - for standard output [OUTDIR/report.json]"),
    [OPT_SEED] = GRUS_COUNT("seed", 0, "N", 0, 0, RUN(seed), "what draws begin with [0]"),
    GRUS_LOAD_ROWS(OPT_LOAD),
    [OPT_DRY_RUN] = GRUS_FLAG("dry-run", 0, RUN(dry_run), "print the plan and the memory it takes; run nothing"),
};

static int print_help(void)
{
    printf("usage: grus run MODEL INPUT... -o OUTDIR [OPTION]...\n\n"
           "Runs the model over every record of the inputs. An INPUT is a shard (.jsonl, .json, .ndjson, .txt,\n"
           ".tsv or .safetensors, each also with .zst or .gz), a directory of shards, or - for standard input. What\n"
           "OUTDIR holds already is not done again.\n\n");
    grus_options_help(options, N_OPTIONS);
    printf("\nExit codes: 0 all done; 1 a shard failed; 2 usage; 3 model; 4 no input can be opened; 5 output; "
           "128 + n signal n.\n");
    return fflush(stdout) == 0 ? GRUS_OK : GRUS_E_OUTPUT;
}

// The place among the processes of the run; where it comes from goes to the display. false after a message.
static bool find_rank(const grus_option_value *values, grus_run_options *run, grus_display *display)
{
    const grus_launcher_wish wish = {values[OPT_LAUNCHER].count, values[OPT_WORLD_SIZE].set,
                                     values[OPT_WORLD_SIZE].count};
    if (values[OPT_RANK].set && !values[OPT_WORLD_SIZE].set) {
        grus_usage_error("--rank needs --world-size");
        return false;
    }
    if (values[OPT_RANK].set) {
        snprintf(display->source, sizeof display->source, "--rank");
        display->world_size = values[OPT_WORLD_SIZE].count;
        return true;
    }
    if (!grus_launcher_find(&wish, run, display->source))
        return false;
    display->world_size = run->world_size;
    return true;
}

// --max-errors, a number or a share. false after a message.
static bool take_max_errors(const grus_option_value *value, grus_run_options *run)
{
    if (!value->set)
        return true;
    const char *text = value->text;
    size_t length = strlen(text);
    bool is_share = text[length - 1] == '%';
    char *end;
    errno = 0;
    if (is_share)
        run->max_errors_percent = strtod(text, &end);
    else
        run->max_errors = strtoull(text, &end, 10);
    bool plain =
        *text >= '0' && *text <= '9' && strspn(text, is_share ? "0123456789." : "0123456789") + is_share == length;
    if (plain && errno == 0 && end + is_share == text + length && run->max_errors_percent <= 100)
        return true;
    grus_usage_error("--max-errors: \"%s\" is neither a number of records nor a share from 0%% to 100%%", text);
    return false;
}

// Opens what the run is watched by. false after a message.
static bool watch_run(const grus_option_value *values, const grus_run_options *run, grus_watch *watch)
{
    watch->interval = GRUS_WATCH_INTERVAL;
    if (values[OPT_PROGRESS_INTERVAL].set)
        watch->interval = watch->display.interval = values[OPT_PROGRESS_INTERVAL].real;
    grus_metrics_init(&watch->metrics, run->dry_run ? NULL : values[OPT_METRICS].text, run->outdir);
    if (!grus_log_open(&watch->log, run->dry_run ? NULL : values[OPT_LOG].text, values[OPT_LOG_FORMAT].count == 1))
        return false;
    watch->log.rank = run->rank;
    const grus_progress nothing = {.rank = run->rank};
    if (grus_metrics_write(&watch->metrics, &nothing, -1))
        return true;
    grus_log_close(&watch->log);
    return false;
}

static int execute(const grus_model *model, const grus_run_options *run, grus_watch *watch)
{
    grus_error error;
    grus_progress last;
    grus_run_events events;
    grus_progress_init(&last, sizeof last);
    grus_run_events_init(&events, sizeof events);
    grus_watch_events(watch, &events);
    grus_status status = grus_run(model, run, &events, &last, &error);
    int signal_number = grus_signals_caught();
    int code = status == GRUS_E_INTERRUPTED && signal_number ? 128 + signal_number : grus_exit_code(status);
    if (!run->dry_run)
        grus_watch_end(watch, &last, run->outdir, status == GRUS_OK ? NULL : &error, code);
    else if (status != GRUS_OK)
        grus_print_error(&error);
    return code;
}

// The models of a run: the first, and those of --ensemble.
typedef struct member_models {
    size_t n;
    grus_model *list[1 + GRUS_OPTION_LIST_MOST];
} member_models;

static int load_models(const char *dir, const grus_option_value *values, member_models *models)
{
    const grus_option_value *others = &values[OPT_ENSEMBLE];
    int code = GRUS_OK;
    for (models->n = 0; models->n < 1 + others->times && code == GRUS_OK; models->n += code == GRUS_OK)
        code = grus_load_model(models->n ? others->list[models->n - 1] : dir, options, N_OPTIONS, values,
                               &models->list[models->n]);
    return code;
}

static void free_models(member_models *models)
{
    for (size_t i = 0; i < models->n; i++)
        grus_model_free(models->list[i]);
}

static int execute_models(const member_models *models, const grus_option_value *values, grus_run_options *run,
                          grus_watch *watch)
{
    const grus_model *model = models->list[0];
    grus_search search;
    grus_compute_type compute = grus_model_compute_type(model);
    watch->display.kernel = grus_model_kernel_name(model);
    if (compute != GRUS_COMPUTE_FLOAT32)
        watch->display.compute = grus_names(GRUS_NAMES_COMPUTE)[compute];
    grus_search_init(&search, sizeof search, model);
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_SEARCH, &search);
    run->search = &search;
    run->ensemble = (const grus_model *const *)models->list + 1;
    run->n_ensemble = models->n - 1;
    return execute(model, run, watch);
}

static int load_and_run(const char *dir, const grus_option_value *values, grus_run_options *run, grus_watch *watch)
{
    member_models models;
    int code = load_models(dir, values, &models);
    if (code == GRUS_OK) {
        code = execute_models(&models, values, run, watch);
    } else {
        const grus_progress nothing = {.rank = run->rank};
        grus_watch_end(watch, &nothing, run->outdir, NULL, code);
    }
    free_models(&models);
    return code;
}

int grus_command_run(int argc, char **argv)
{
    grus_option_value values[N_OPTIONS] = {0};
    int first,
        code = grus_options_parse(&(grus_option_table){options, N_OPTIONS, print_help}, argc, argv, values, &first);
    if (code >= 0)
        return code;
    if (argc - first < 2 - (argc > first && values[OPT_FILELIST].set))
        return grus_usage_error("run: a model and at least one input are needed; grus run --help tells more");
    if (!values[OPT_OUTPUT].set)
        return grus_usage_error("run: -o OUTDIR is needed");

    grus_watch watch = {0};
    grus_display_init(&watch.display, (grus_progress_mode)values[OPT_PROGRESS].count, values[OPT_QUIET].set);
    grus_run_options run;
    grus_run_options_init(&run, sizeof run);
    if (!find_rank(values, &run, &watch.display))
        return GRUS_E_USAGE;
    grus_options_take(options, N_OPTIONS, values, GRUS_INTO_RUN, &run);
    if (!take_max_errors(&values[OPT_MAX_ERRORS], &run))
        return GRUS_E_USAGE;
    run.strict = values[OPT_LOAD + GRUS_LOADING_STRICT].set;
    run.inputs = (const char *const *)argv + first + 1;
    run.n_inputs = (size_t)(argc - first - 1);
    run.stop = grus_signals_install();
    if (!run.stop)
        return GRUS_E_FAILED;
    if (!watch_run(values, &run, &watch))
        return GRUS_E_OUTPUT;
    code = load_and_run(argv[first], values, &run, &watch);
    grus_log_close(&watch.log);
    return code;
}
