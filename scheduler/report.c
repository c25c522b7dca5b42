// report.c: run.json and report.json.
#include "config.h"

#include "scheduler/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/names.h"
#include "engine/search_rules.h"
#include "io/json/json_write.h"
#include "io/json/number.h"
#include "io/outdir/claim.h"
#include "io/outdir/outdir.h"
#include "io/outdir/temporary.h"

// ---- members, one a line ----

static void begin_member(grus_buffer *text, const char *name, int depth)
{
    if (text->size && text->data[text->size - 1] != '{')
        grus_buffer_byte(text, ',');
    grus_buffer_printf(text, "\n%*s", 2 * depth, "");
    grus_json_string(text, name, strlen(name));
    grus_buffer_text(text, ": ");
}

static void put_text(grus_buffer *text, int depth, const char *name, const char *value)
{
    begin_member(text, name, depth);
    grus_json_name(text, value, strlen(value));
}

static void put_count(grus_buffer *text, int depth, const char *name, uint64_t value)
{
    begin_member(text, name, depth);
    grus_buffer_printf(text, "%" PRIu64, value);
}

static void put_number(grus_buffer *text, int depth, const char *name, double value)
{
    begin_member(text, name, depth);
    grus_json_double(text, value);
}

// For measurements: as many digits as mean something.
static void put_measure(grus_buffer *text, int depth, const char *name, double value)
{
    begin_member(text, name, depth);
    grus_buffer_printf(text, "%.6g", value);
}

static void put_flag(grus_buffer *text, int depth, const char *name, bool value)
{
    begin_member(text, name, depth);
    grus_buffer_text(text, value ? "true" : "false");
}

static void begin_group(grus_buffer *text, const char *name)
{
    begin_member(text, name, 1);
    grus_buffer_byte(text, '{');
}

static void end_group(grus_buffer *text)
{
    grus_buffer_text(text, "\n  }");
}

// ---- run.json ----

static void put_options(const grus_run_options *options, grus_compute_type compute, grus_buffer *text)
{
    const grus_search *search = options->search;
    put_text(text, 1, "task", grus_task_names[options->task]);
    put_count(text, 1, "beam_size", search->beam_size);
    put_count(text, 1, "n_best", search->n_best);
    put_text(text, 1, "length_norm", grus_norm_names[search->length_norm]);
    put_number(text, 1, "length_penalty", search->length_penalty);
    put_number(text, 1, "max_length_factor", search->max_length_factor);
    put_count(text, 1, "max_length", search->max_length);
    put_count(text, 1, "min_length", search->min_length);
    put_text(text, 1, "attention", grus_attention_names[options->attention]);
    put_flag(text, 1, "token_scores", options->token_scores);
    put_text(text, 1, "text_key", options->text_key);
    put_text(text, 1, "id_key", options->id_key);
    put_text(text, 1, "target_key", options->target_key);
    put_count(text, 1, "text_column", options->text_column);
    put_count(text, 1, "target_column", options->target_column);
    put_text(text, 1, "on_error", options->fail_on_error ? "fail" : "skip");
    put_count(text, 1, "max_record", options->max_record);
    put_text(text, 1, "format", grus_format_names[options->format]);
    put_count(text, 1, "level", (uint64_t)options->level);
    put_count(text, 1, "world_size", options->world_size);
    // What came later than the first runs is told where it is asked for, so that a run that was begun before goes on.
    if (search->unique_nbest)
        put_flag(text, 1, "unique_nbest", true);
    if (search->disable_unk)
        put_flag(text, 1, "disable_unk", true);
    if (search->replace_unk)
        put_flag(text, 1, "replace_unk", true);
    if (search->no_repeat_ngram_size)
        put_count(text, 1, "no_repeat_ngram_size", search->no_repeat_ngram_size);
    if (search->repetition_penalty != 1)
        put_number(text, 1, "repetition_penalty", search->repetition_penalty);
    if (grus_search_samples(search)) {
        put_count(text, 1, "sampling_topk", search->sampling_topk);
        put_number(text, 1, "sampling_temperature", search->sampling_temperature);
        put_count(text, 1, "seed", options->seed);
    }
    if (options->compress != GRUS_COMPRESS_ZST)
        put_text(text, 1, "compress", grus_compress_names[options->compress]);
    if (options->mark_truncated)
        put_flag(text, 1, "mark_truncated", true);
    if (options->prefix_key)
        put_text(text, 1, "prefix_key", options->prefix_key);
    if (options->attention_heads)
        put_flag(text, 1, "attention_heads", true);
    if (options->output_key)
        put_text(text, 1, "output_key", options->output_key);
    if (options->field_prefix)
        put_text(text, 1, "field_prefix", options->field_prefix);
    if (options->head_output)
        put_text(text, 1, "head_output", grus_output_names[options->head_output]);
    if (compute != GRUS_COMPUTE_FLOAT32)
        put_text(text, 1, "compute_type", grus_compute_names[compute]);
    if (options->input_type)
        put_text(text, 1, "input_type", options->input_type == GRUS_INPUT_TXT ? "txt" : "tsv");
}

// For people: a copy of the model elsewhere is the same model. A path that ends in no name has none.
static void put_model_name(const char *dir, grus_buffer *text)
{
    size_t end = strlen(dir), begin;
    while (end > 1 && dir[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && dir[begin - 1] != '/'; begin--)
        ;
    char *name = strndup(dir + begin, end - begin);
    if (!name)
        text->failed = true;
    else if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        put_text(text, 1, GRUS_CLAIM_MODEL_NAME, name);
    free(name);
}

void grus_claim_text(const grus_job *job, const grus_shards *shards, const char *run, grus_buffer *text)
{
    const grus_array_place *array = &job->options->array;
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, job->model->hash);
    grus_buffer_byte(text, '{');
    put_text(text, 1, "model", hash);
    if (run)
        put_model_name(job->model->dir, text);
    if (job->options->n_ensemble) {
        begin_member(text, "ensemble", 1);
        for (size_t i = 0; i < job->options->n_ensemble; i++)
            grus_buffer_printf(text, "%s\"%016" PRIx64 "\"", i ? ", " : "[", job->options->ensemble[i]->hash);
        grus_buffer_byte(text, ']');
    }
    put_options(job->options, job->model->compute_type, text);
    if (run && array->tasks) {
        begin_group(text, "array");
        put_count(text, 2, "first", array->first);
        put_count(text, 2, "step", array->step);
        put_count(text, 2, "tasks", array->tasks);
        end_group(text);
    }
    if (run)
        put_text(text, 1, "run", run);
    begin_member(text, "inputs", 1);
    grus_buffer_byte(text, '[');
    for (size_t i = 0; i < shards->n; i++) {
        grus_buffer_text(text, i ? ",\n    " : "\n    ");
        grus_json_name(text, shards->list[i].name, strlen(shards->list[i].name));
    }
    grus_buffer_text(text, "\n  ]\n}\n");
}

// ---- report.json ----

static double rate(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}

static double waste(uint64_t wanted, uint64_t computed)
{
    return computed > wanted ? 1 - (double)wanted / (double)computed : 0;
}

static void put_counts(const grus_progress *progress, const grus_figures *figures, grus_buffer *text)
{
    begin_group(text, "shards");
    put_count(text, 2, "all", progress->shards);
    put_count(text, 2, "done", progress->shards_done);
    put_count(text, 2, "skipped", progress->shards_skipped);
    put_count(text, 2, "failed", progress->shards_failed);
    end_group(text);
    put_count(text, 1, "records", progress->records);
    put_count(text, 1, "records_failed", progress->records_failed);
    put_count(text, 1, "records_resumed", progress->records_resumed);
    begin_group(text, "errors");
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        if (figures->causes[i])
            put_count(text, 2, grus_cause_name((grus_cause)i), figures->causes[i]);
    end_group(text);
    put_count(text, 1, "bytes_in", progress->bytes_in);
    put_count(text, 1, "tokens_in", progress->tokens_in);
    put_count(text, 1, "tokens_out", progress->tokens_out);
    put_count(text, 1, "tokens_unknown", progress->tokens_unknown);
    put_count(text, 1, "records_truncated", progress->records_truncated);
}

static void put_speed(const grus_progress *progress, const grus_figures *figures, grus_buffer *text)
{
    begin_group(text, "seconds");
    put_measure(text, 2, "all", progress->seconds);
    put_measure(text, 2, "read", figures->read_seconds);
    put_measure(text, 2, "compute", figures->compute_seconds);
    put_measure(text, 2, "write", figures->write_seconds);
    end_group(text);
    put_measure(text, 1, "records_per_second",
                rate((double)(progress->records - progress->records_resumed), progress->seconds));
    put_measure(text, 1, "tokens_in_per_second",
                rate((double)(progress->tokens_in - progress->tokens_in_resumed), progress->seconds));
    put_measure(text, 1, "tokens_out_per_second",
                rate((double)(progress->tokens_out - progress->tokens_out_resumed), progress->seconds));
    put_measure(text, 1, "workers_busy", rate(figures->compute_seconds, progress->seconds * (double)progress->threads));
    put_count(text, 1, "encoder_positions", progress->positions);
    put_count(text, 1, "encoder_positions_computed", progress->positions_computed);
    put_measure(text, 1, "encoder_padding", waste(progress->positions, progress->positions_computed));
    put_count(text, 1, "decoder_rows", progress->rows);
    put_count(text, 1, "decoder_rows_computed", progress->rows_computed);
    put_measure(text, 1, "decoder_lanes_idle", waste(progress->rows, progress->rows_computed));
}

static const char *outcome(grus_status status, const grus_progress *progress)
{
    switch (status) {
    case GRUS_OK:
        return "done";
    case GRUS_E_FAILED:
        return progress->shards_failed ? "some shards failed" : "all records failed";
    case GRUS_E_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

void grus_report_text(const grus_shared *shared, const grus_progress *progress, const grus_figures *figures,
                      grus_status status, grus_buffer *text)
{
    const grus_run_options *options = shared->job->options;
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    grus_buffer_byte(text, '{');
    put_text(text, 1, "outcome", outcome(status, progress));
    put_counts(progress, figures, text);
    put_speed(progress, figures, text);
    put_count(text, 1, "peak_memory", (uint64_t)usage.ru_maxrss * 1024);
    put_count(text, 1, "predicted_memory", shared->plan->memory);
    put_count(text, 1, "threads", shared->plan->threads);
    put_count(text, 1, "slots", shared->plan->slots);
    put_count(text, 1, "batch_tokens", shared->plan->bounds.batch_tokens);
    put_count(text, 1, "rank", options->rank);
    put_count(text, 1, "world_size", options->world_size);
    put_text(text, 1, "cpu", grus_cpu_name());
    put_text(text, 1, "compute_type", grus_compute_names[shared->job->model->compute_type]);
    put_text(text, 1, "kernel", shared->job->model->facts.kernel);
    put_text(text, 1, "version", PACKAGE_VERSION);
    grus_buffer_text(text, "\n}\n");
}

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

// A device, a pipe or a socket: it is written to, for a rename would put a file in its place.
static bool is_special(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode);
}

static grus_status write_special(const char *path, const grus_buffer *text, grus_error *error)
{
    FILE *to = fopen(path, "we");
    bool written = to && fwrite(text->data, 1, text->size, to) == text->size;
    if (to)
        written = fclose(to) == 0 && written;
    return written ? GRUS_OK : grus_fail_errno(error, GRUS_E_OUTPUT, path, "the report cannot be written");
}

grus_status grus_report_write(const char *path, const grus_buffer *text, grus_error *error)
{
    if (!is_stdout(path))
        return is_special(path) ? write_special(path, text, error)
                                : grus_temp_replace(path, text->data, text->size, error);
    if (fwrite(text->data, 1, text->size, stdout) == text->size && fflush(stdout) == 0)
        return GRUS_OK;
    return grus_fail_errno(error, GRUS_E_OUTPUT, "standard output", "the report cannot be written");
}

char *grus_report_path(const grus_run_options *options)
{
    return options->report ? strdup(options->report)
                           : grus_outdir_report(options->outdir, options->rank, options->world_size);
}
