// old_caller.c: a program that was built with an earlier grus.h: loads, runs, looks at what it has done, through every struct
// that the caller makes. Each struct ends where a page begins that nobody may touch, so that a library which reads or
// writes behind the caller's size ends the process.
//
//     old_caller MODEL OUTDIR INPUT
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <grus.h>

// size bytes with a forbidden page behind them, full of what no field may come to hold.
static void *guarded(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page;
    char *memory = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + pages * page, page, PROT_NONE) != 0)
        exit(99);
    char *made = memory + pages * page - size;
    memset(made, 0xAA, size);
    return made;
}

static void expect(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "old_caller: %s\n", what);
    exit(EXIT_FAILURE);
}

static void succeed(grus_status status, const grus_error *error)
{
    if (status == GRUS_OK)
        return;
    fprintf(stderr, "old_caller: %s: %s: %s\n", error->file, error->place, error->cause);
    exit(EXIT_FAILURE);
}

static void count_plan(void *context, const grus_progress *plan)
{
    *(size_t *)context += plan->shards == 1;
}

static void run(const grus_model *model, const char *outdir, const char *input, const grus_search *search)
{
    grus_error error;
    size_t plans = 0;
    grus_run_options *options = guarded(sizeof *options);
    grus_run_events *events = guarded(sizeof *events);
    grus_progress *last = guarded(sizeof *last);
    grus_stop *stop = grus_stop_new();
    grus_run_options_init(options, sizeof *options);
    grus_run_events_init(events, sizeof *events);
    grus_progress_init(last, sizeof *last);
    options->inputs = &input;
    options->n_inputs = 1;
    options->outdir = outdir;
    options->search = search;
    options->stop = stop;
    options->threads = 1;
    events->context = &plans;
    events->on_plan = count_plan;
    succeed(grus_run(model, options, events, last, &error), &error);
    expect(plans == 1, "the plan is told once");
    expect(last->size == sizeof *last && last->shards_done == 1 && last->records > 0, "the figures of the run");
    static const char line[] = "{\"text\": \"og\"}\n";
    grus_text text;
    succeed(grus_annotate(model, options, line, sizeof line - 1, &text, &error), &error);
    expect(text.size > 0 && text.data[text.size - 1] == '\n', "a line for a line");
    grus_text_free(&text);
    grus_stop_ask(stop);
    options->outdir = "nowhere";
    expect(grus_annotate(model, options, line, sizeof line - 1, &text, &error) == GRUS_E_INTERRUPTED, "a stop");
    grus_stop_free(stop);
}

static void look(const char *outdir, const char *input)
{
    grus_error error;
    grus_verify_options *how = guarded(sizeof *how);
    grus_verified *counts = guarded(sizeof *counts);
    grus_overview *overview;
    grus_verify_options_init(how, sizeof *how);
    grus_verified_init(counts, sizeof *counts);
    how->inputs = &input;
    how->n_inputs = 1;
    succeed(grus_outdir_verify(outdir, how, counts, &error), &error);
    expect(counts->outputs == 1 && counts->inputs == 1 && counts->records > 0, "the figures of verify");
    succeed(grus_outdir_examine(outdir, &overview, &error), &error);
    expect(overview->n == 1 && overview->shards[0]->state == GRUS_STATE_DONE, "the overview");
    grus_overview_free(overview);
}

// What options ask for is refused only once they have been read.
static void measure(const grus_model *model)
{
    grus_error error;
    grus_run_options *options = guarded(sizeof *options);
    grus_benchmark_options *how = guarded(sizeof *how);
    grus_benchmark_result *result;
    grus_run_options_init(options, sizeof *options);
    grus_benchmark_options_init(how, sizeof *how);
    expect(how->seconds >= 2 && how->seconds <= 2, "the default of a field that is covered");
    options->task = GRUS_TASK_TAG;
    expect(grus_benchmark(model, options, how, &result, &error) == GRUS_E_USAGE, "a task that the model has not");
    expect(strcmp(error.place, "run.task") == 0, "the field in the error");
}

// Sizes that no _init has set, and a field that this library cannot know.
static void mistake(const grus_model *model)
{
    grus_error error;
    grus_text text;
    grus_run_options options;
    struct {
        grus_run_options known;
        size_t unknown[64];
    } newer;
    memset(&options, 0, sizeof options);
    expect(grus_annotate(model, &options, "", 0, &text, &error) == GRUS_E_USAGE, "options without a size");
    grus_run_options_init(&newer.known, sizeof newer);
    succeed(grus_annotate(model, &newer.known, "", 0, &text, &error), &error);
    grus_text_free(&text);
    newer.unknown[63] = 1;
    expect(grus_annotate(model, &newer.known, "", 0, &text, &error) == GRUS_E_USAGE, "a field that is not known");
}

int main(int n_words, char *words[])
{
    grus_error error;
    grus_model *model;
    if (n_words != 4)
        return 2;
    grus_load_options *load = guarded(sizeof *load);
    grus_search *search = guarded(sizeof *search);
    grus_load_options_init(load, sizeof *load);
    load->on_warning = NULL;
    succeed(grus_model_load(words[1], load, &model, &error), &error);
    grus_search_init(search, sizeof *search, model);
    search->beam_size = 4;
    search->n_best = 2;
    run(model, words[2], words[3], search);
    look(words[2], words[3]);
    measure(model);
    mistake(model);
    grus_model_free(model);
    return EXIT_SUCCESS;
}
