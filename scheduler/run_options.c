// run_options.c: defaults, and values that no model can run with.
#include "config.h"

#include "scheduler/run_options.h"

#include <math.h>
#include <string.h>
#include <unistr.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/search_defaults.h"
#include "base/sized.h"
#include "engine/search_rules.h"
#include "io/shard/stream.h"
#include "scheduler/model.h"

// A field that is appended begins where the caller's struct ends: there is no padding that it could come to lie in.
_Static_assert(sizeof(grus_search) == offsetof(grus_search, sampling_temperature) + sizeof(double), "padding");
_Static_assert(sizeof(grus_run_options) == offsetof(grus_run_options, filelist) + sizeof(char *), "padding");
_Static_assert(sizeof(grus_progress) == offsetof(grus_progress, bytes_resumed) + sizeof(uint64_t), "padding");
_Static_assert(sizeof(grus_run_events) == offsetof(grus_run_events, on_shard) + sizeof(void (*)(void)), "padding");

static const grus_run_options run_defaults = {
    .task = GRUS_TASK_OWN,
    .attention = GRUS_ATTENTION_NONE,
    .text_key = "text",
    .id_key = "id",
    .target_key = "target",
    .text_column = 1,
    .target_column = 2,
    .max_record = (size_t)16 << 20,
    .level = 3,
    .format = GRUS_FORMAT_JSONL,
    .world_size = 1,
    .window_log = GRUS_WINDOW_LOG,
    .max_errors = UINT64_MAX,
    .max_errors_percent = 100,
};

void grus_search_init(grus_search *search, size_t size, const grus_model *model)
{
    const grus_search *own = model && model->config.seq2seq ? &model->config.generation : &grus_search_defaults;
    grus_sized_init(search, size, own, sizeof *own);
}

void grus_run_options_init(grus_run_options *options, size_t size)
{
    grus_sized_init(options, size, &run_defaults, sizeof run_defaults);
}

void grus_run_events_init(grus_run_events *events, size_t size)
{
    static const grus_run_events none;
    grus_sized_init(events, size, &none, sizeof none);
}

void grus_progress_init(grus_progress *progress, size_t size)
{
    static const grus_progress none;
    grus_sized_init(progress, size, &none, sizeof none);
}

// ---- values that no model can run with ----

static grus_status refuse(grus_error *error, const char *field, const char *why)
{
    return grus_fail(error, GRUS_E_USAGE, NULL, field, "%s", why);
}

// The numbers of enumerations, which a caller may have from a later header.
static grus_status check_choices(const grus_run_settings *settings, grus_error *error)
{
    static const char why[] = "is none of its values";
    const grus_run_options *run = &settings->run;
    if ((unsigned)run->task > GRUS_TASK_STATES)
        return refuse(error, "run.task", why);
    if ((unsigned)run->attention > GRUS_ATTENTION_HARD)
        return refuse(error, "run.attention", why);
    if ((unsigned)run->format > GRUS_FORMAT_SAFETENSORS)
        return refuse(error, "run.format", why);
    if (run->input_type > GRUS_INPUT_TSV)
        return refuse(error, "run.input_type", why);
    if (run->head_output > GRUS_HEAD_LOGITS)
        return refuse(error, "run.head_output", why);
    if (run->compress > GRUS_COMPRESS_NONE)
        return refuse(error, "run.compress", why);
    if (run->on_changed > GRUS_CHANGED_KEEP)
        return refuse(error, "run.on_changed", why);
    if ((unsigned)settings->search.length_norm > GRUS_NORM_GNMT)
        return refuse(error, "search.length_norm", why);
    return GRUS_OK;
}

static grus_status check_search(const grus_search *search, grus_error *error)
{
    if (search->beam_size == 0)
        return refuse(error, "search.beam_size", "must be at least 1");
    if (search->n_best == 0)
        return refuse(error, "search.n_best", "must be at least 1");
    if (grus_search_samples(search) && search->beam_size > 1)
        return refuse(error, "search.sampling_topk", "goes with a search.beam_size of 1");
    if (search->n_best > search->beam_size && !grus_search_samples(search))
        return grus_fail(error, GRUS_E_USAGE, NULL, "search.n_best", "%zu is more than the beam size, %zu",
                         search->n_best, search->beam_size);
    if (search->max_length == 0)
        return refuse(error, "search.max_length", "must be at least 1");
    if (!(search->max_length_factor >= 0 && search->max_length_factor <= GRUS_LENGTH_FACTOR_MOST))
        return grus_fail(error, GRUS_E_USAGE, NULL, "search.max_length_factor", "%g is not between 0 and %d",
                         search->max_length_factor, GRUS_LENGTH_FACTOR_MOST);
    if (!(fabs(search->length_penalty) <= GRUS_LENGTH_PENALTY_MOST))
        return grus_fail(error, GRUS_E_USAGE, NULL, "search.length_penalty", "%g is not between -%d and %d",
                         search->length_penalty, GRUS_LENGTH_PENALTY_MOST, GRUS_LENGTH_PENALTY_MOST);
    if (!(search->repetition_penalty >= GRUS_REPETITION_LEAST && search->repetition_penalty <= GRUS_REPETITION_MOST))
        return grus_fail(error, GRUS_E_USAGE, NULL, "search.repetition_penalty", "%g is not between %g and %g",
                         search->repetition_penalty, GRUS_REPETITION_LEAST, GRUS_REPETITION_MOST);
    double temperature = search->sampling_temperature;
    if (temperature != 0 && !(temperature >= GRUS_TEMPERATURE_LEAST && temperature <= GRUS_TEMPERATURE_MOST))
        return grus_fail(error, GRUS_E_USAGE, NULL, "search.sampling_temperature",
                         "%g is neither 0 nor between %g and %g", temperature, GRUS_TEMPERATURE_LEAST,
                         GRUS_TEMPERATURE_MOST);
    return GRUS_OK;
}

// Of a field of a record.
static bool is_name(const char *text)
{
    return *text && !u8_check((const uint8_t *)text, strlen(text));
}

static grus_status check_run(const grus_run_options *run, grus_error *error)
{
    if (!run->text_key || !run->id_key || !run->target_key)
        return refuse(error, "run.text_key", "a key is missing");
    if (run->output_key && !is_name(run->output_key))
        return refuse(error, "run.output_key", "must be UTF-8, and not empty");
    if (run->field_prefix && !is_name(run->field_prefix))
        return refuse(error, "run.field_prefix", "must be UTF-8, and not empty");
    if (run->text_column == 0 || run->target_column == 0)
        return refuse(error, "run.text_column", "columns count from 1");
    if (run->max_record == 0)
        return refuse(error, "run.max_record", "must be at least 1 byte");
    if (run->window_log < 10 || run->window_log > GRUS_WINDOW_LOG_MOST)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.window_log", "%u is not between 10 and %u", run->window_log,
                         GRUS_WINDOW_LOG_MOST);
    if (run->report && run->outdir && strcmp(run->report, "-") == 0 && strcmp(run->outdir, "-") == 0)
        return refuse(error, "run.report", "standard output has the records already");
    if (!(run->max_errors_percent >= 0 && run->max_errors_percent <= 100))
        return refuse(error, "run.max_errors", "a share is between 0 and 100 %");
    if (run->level < 1 || run->level > 22)
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.level", "%d is not between 1 and 22", run->level);
    if (run->world_size == 0 || (run->rank >= run->world_size && !run->launched))
        return grus_fail(error, GRUS_E_USAGE, NULL, "run.rank", "rank %zu is not below the world size, %zu", run->rank,
                         run->world_size);
    return GRUS_OK;
}

grus_status grus_run_settings_read(grus_run_settings *settings, const grus_model *model,
                                   const grus_run_options *options, grus_error *error)
{
    settings->run = run_defaults;
    grus_search_init(&settings->search, sizeof settings->search, model);
    grus_status status = grus_sized_read(&settings->run, sizeof settings->run, options, "run", error);
    if (status == GRUS_OK && settings->run.search)
        status = grus_sized_read(&settings->search, sizeof settings->search, settings->run.search, "search", error);
    settings->run.search = &settings->search;
    GRUS_ASSERT(status != GRUS_OK || settings->run.size == sizeof settings->run);
    if (status == GRUS_OK)
        status = check_choices(settings, error);
    if (status == GRUS_OK)
        status = check_search(&settings->search, error);
    return status == GRUS_OK ? check_run(&settings->run, error) : status;
}
