// status_describe.c: an overview of a run as a table for people, or as JSON.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <string.h>

#include "base/names.h"
#include "base/text.h"
#include "io/json/json_write.h"
#include "io/outdir/outdir.h"

static bool is_undone(const grus_shard_overview *shard)
{
    return shard->state != GRUS_STATE_DONE;
}

// One that is done may have failed since, as its input changed.
static bool has_failed(const grus_shard_overview *shard)
{
    return shard->cause != NULL;
}

// ---- for people ----

// What is to be started again, and by what.
static void put_retry(const grus_overview *overview, grus_buffer *text)
{
    size_t parts = overview->world_size;
    const char *by = overview->in_array ? "for --array" : parts > 1 ? "for run.rank" : "by the same command";
    grus_buffer_printf(text, "retry     %s  (%s; %zu part%s in all)\n", overview->retry, by, parts,
                       parts == 1 ? "" : "s");
}

static void put_shard_line(const grus_shard_overview *shard, grus_buffer *text)
{
    grus_buffer_printf(text, "%-9s rank %-4zu %s", grus_state_names[shard->state], shard->rank, shard->input);
    if (shard->cause)
        grus_buffer_printf(text, "  (failed: %s)", shard->cause);
    else if (shard->detail[0])
        grus_buffer_printf(text, "  (%s)", shard->detail);
    grus_buffer_byte(text, '\n');
}

static void put_table(const grus_overview *overview, grus_buffer *text)
{
    for (size_t i = 0; i < overview->n; i++)
        if (is_undone(overview->shards[i]) || has_failed(overview->shards[i]))
            put_shard_line(overview->shards[i], text);
    for (size_t i = 0; i < overview->n_stale; i++)
        grus_buffer_printf(text,
                           "stale     " GRUS_OUTDIR_PARTIAL_NAME
                           "/%s: of another host, boot or pid namespace and untouched for over 7 days\n",
                           overview->stale[i]);
    grus_buffer_printf(text, "shards    %zu: %zu done, %zu partial, %zu broken, %zu missing\n", overview->n,
                       overview->done, overview->partial, overview->broken, overview->missing);
    if (overview->failed)
        grus_buffer_printf(text, "failed    %zu when they were tried last\n", overview->failed);
    grus_buffer_printf(text, "records   %" PRIu64 ", %" PRIu64 " of them in error\n", overview->records,
                       overview->records_failed);
    if (*overview->retry)
        put_retry(overview, text);
}

// ---- JSON ----

static void put_shard(const grus_shard_overview *shard, grus_buffer *text)
{
    grus_buffer_text(text, "\n    {");
    grus_json_member(text, "input");
    grus_json_name(text, shard->input, strlen(shard->input));
    grus_json_member(text, "rank");
    grus_buffer_printf(text, "%zu", shard->rank);
    grus_json_member(text, "state");
    grus_json_string(text, grus_state_names[shard->state], strlen(grus_state_names[shard->state]));
    if (shard->detail[0]) {
        grus_json_member(text, "detail");
        grus_json_name(text, shard->detail, strlen(shard->detail));
    }
    if (shard->cause) {
        grus_json_member(text, "cause");
        grus_json_name(text, shard->cause, strlen(shard->cause));
        grus_json_member(text, "failed_at");
        grus_json_string(text, shard->cause_time, strlen(shard->cause_time));
    }
    grus_buffer_byte(text, '}');
}

// Those of which it is true, as the members of a list.
static void put_shards(const grus_overview *overview, bool (*is_one)(const grus_shard_overview *shard),
                       grus_buffer *text)
{
    size_t n = 0;
    for (size_t i = 0; i < overview->n; i++) {
        if (!is_one(overview->shards[i]))
            continue;
        grus_buffer_text(text, n++ ? "," : "");
        put_shard(overview->shards[i], text);
    }
    grus_buffer_text(text, n ? "\n  " : "");
}

// Without the end.
static void put_json(const grus_overview *overview, grus_buffer *text)
{
    grus_buffer_printf(
        text,
        "{\n  \"shards\": %zu,\n  \"done\": %zu,\n  \"partial\": %zu,\n  \"broken\": %zu,\n"
        "  \"missing\": %zu,\n  \"failed\": %zu,\n  \"records\": %" PRIu64 ",\n  \"records_failed\": %" PRIu64
        ",\n  \"world_size\": %zu,\n  \"retry\": \"%s\",\n  \"not_done\": [",
        overview->n, overview->done, overview->partial, overview->broken, overview->missing, overview->failed,
        overview->records, overview->records_failed, overview->world_size, overview->retry);
    put_shards(overview, is_undone, text);
    grus_buffer_text(text, "],\n  \"failures\": [");
    put_shards(overview, has_failed, text);
    grus_buffer_text(text, "],\n  \"stale\": [");
    for (size_t i = 0; i < overview->n_stale; i++) {
        grus_buffer_text(text, i ? ",\n    " : "\n    ");
        grus_json_name(text, overview->stale[i], strlen(overview->stale[i]));
    }
    grus_buffer_text(text, overview->n_stale ? "\n  ]" : "]");
}

// ---- sums ----

#define NAMES 64 // of causes

// Of some shards. Names point into the overview.
typedef struct grus_sums {
    size_t shards, done, failed;
    uint64_t records, records_failed, input_bytes, output_bytes;
    const char *names[NAMES];
    uint64_t errors[NAMES];
    size_t n_errors;
} grus_sums;

// In the order of their names.
static void add_errors(grus_sums *sums, const grus_shard_overview *shard)
{
    for (size_t i = 0; i < shard->n_errors; i++) {
        const char *name = shard->errors[i]->text;
        size_t at = 0, behind;
        while (at < sums->n_errors && strcmp(sums->names[at], name) < 0)
            at++;
        bool known = at < sums->n_errors && strcmp(sums->names[at], name) == 0;
        if (!known && sums->n_errors == NAMES)
            continue;
        behind = sums->n_errors - at;
        if (!known) {
            memmove(sums->names + at + 1, sums->names + at, behind * sizeof *sums->names);
            memmove(sums->errors + at + 1, sums->errors + at, behind * sizeof *sums->errors);
            sums->names[at] = name;
            sums->errors[at] = 0;
            sums->n_errors++;
        }
        sums->errors[at] += shard->errors[i]->n;
    }
}

// Those of shards first, first + step, ….
static void sum_shards(const grus_overview *overview, size_t first, size_t step, grus_sums *sums)
{
    *sums = (grus_sums){0};
    for (size_t i = first; i < overview->n; i += step) {
        const grus_shard_overview *shard = overview->shards[i];
        sums->shards++;
        sums->done += !is_undone(shard);
        sums->failed += has_failed(shard);
        sums->records += shard->records;
        sums->records_failed += shard->records_failed;
        sums->input_bytes += shard->input_bytes;
        sums->output_bytes += shard->output_bytes;
        add_errors(sums, shard);
    }
}

static void put_errors(const grus_sums *sums, grus_buffer *text)
{
    uint64_t told = 0;
    grus_json_member(text, "errors");
    grus_buffer_byte(text, '{');
    for (size_t i = 0; i < sums->n_errors; i++) {
        grus_json_count_member(text, sums->names[i], sums->errors[i]);
        told += sums->errors[i];
    }
    if (told < sums->records_failed)
        grus_json_count_member(text, "untold", sums->records_failed - told);
    grus_buffer_byte(text, '}');
}

static void put_measure(grus_buffer *text, const char *name, double value)
{
    grus_json_member(text, name);
    grus_buffer_printf(text, "%.6g", value);
}

// What the last process of a rank did.
static void put_last(const grus_survey_rank *rank, grus_buffer *text)
{
    grus_json_member(text, "last");
    grus_buffer_byte(text, '{');
    grus_json_text_member(text, "outcome", rank->outcome);
    grus_json_count_member(text, "records", rank->records);
    put_measure(text, "seconds", rank->seconds);
    put_measure(text, "records_per_second", rank->records_per_second);
    put_measure(text, "tokens_in_per_second", rank->tokens_in_per_second);
    put_measure(text, "tokens_out_per_second", rank->tokens_out_per_second);
    grus_json_count_member(text, "threads", rank->threads);
    grus_json_count_member(text, "peak_memory", rank->peak_memory);
    grus_json_text_member(text, "cpu", rank->cpu);
    grus_buffer_byte(text, '}');
}

// report: of the rank's last process, or NULL.
static void put_rank(const grus_overview *overview, size_t rank, const grus_survey_rank *report, grus_buffer *text)
{
    grus_sums sums;
    sum_shards(overview, rank, overview->world_size, &sums);
    grus_buffer_printf(text, "%s\n    {", rank ? "," : "");
    grus_json_count_member(text, "rank", rank);
    grus_json_count_member(text, "shards", sums.shards);
    grus_json_count_member(text, "done", sums.done);
    grus_json_count_member(text, "failed", sums.failed);
    grus_json_count_member(text, "records", sums.records);
    grus_json_count_member(text, "records_failed", sums.records_failed);
    put_errors(&sums, text);
    grus_json_count_member(text, "input_bytes", sums.input_bytes);
    grus_json_count_member(text, "output_bytes", sums.output_bytes);
    if (report)
        put_last(report, text);
    grus_buffer_byte(text, '}');
}

// Behind the overview. Ranks go side by side, so that their rates add up.
static void put_merged(const grus_survey *survey, grus_buffer *text)
{
    const grus_overview *overview = survey->overview;
    double seconds = 0, records = 0, tokens_in = 0, tokens_out = 0;
    grus_sums sums;
    sum_shards(overview, 0, 1, &sums);
    for (size_t i = 0; i < survey->n_ranks; i++) {
        const grus_survey_rank *rank = survey->ranks[i];
        seconds = rank->seconds > seconds ? rank->seconds : seconds;
        records += rank->records_per_second;
        tokens_in += rank->tokens_in_per_second;
        tokens_out += rank->tokens_out_per_second;
    }
    grus_buffer_printf(text, ",\n  \"input_bytes\": %" PRIu64 ",\n  \"output_bytes\": %" PRIu64, sums.input_bytes,
                       sums.output_bytes);
    grus_buffer_printf(text,
                       ",\n  \"seconds\": %.6g,\n  \"records_per_second\": %.6g,\n  \"tokens_in_per_second\": %.6g,"
                       "\n  \"tokens_out_per_second\": %.6g",
                       seconds, records, tokens_in, tokens_out);
    put_errors(&sums, text);
    grus_buffer_text(text, ",\n  \"ranks\": [");
    size_t ranks = overview->world_size < overview->n ? overview->world_size : overview->n;
    for (size_t rank = 0, next = 0; rank < ranks; rank++) {
        bool reported = next < survey->n_ranks && survey->ranks[next]->rank == rank;
        put_rank(overview, rank, reported ? survey->ranks[next] : NULL, text);
        next += reported;
    }
    grus_buffer_text(text, "\n  ]");
}

grus_status grus_survey_describe(const grus_survey *survey, grus_text *text, grus_error *error)
{
    grus_buffer buffer = {0};
    put_json(survey->overview, &buffer);
    put_merged(survey, &buffer);
    grus_buffer_text(&buffer, "\n}\n");
    return grus_text_take(text, &buffer, error);
}

grus_status grus_overview_describe(const grus_overview *overview, bool as_json, grus_text *text, grus_error *error)
{
    grus_buffer buffer = {0};
    if (as_json) {
        put_json(overview, &buffer);
        grus_buffer_text(&buffer, "\n}\n");
    } else {
        put_table(overview, &buffer);
    }
    return grus_text_take(text, &buffer, error);
}
