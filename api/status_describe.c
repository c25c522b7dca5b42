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
    grus_buffer_text(text, overview->n_stale ? "\n  ]\n}\n" : "]\n}\n");
}

grus_status grus_overview_describe(const grus_overview *overview, bool as_json, grus_text *text, grus_error *error)
{
    grus_buffer buffer = {0};
    if (as_json)
        put_json(overview, &buffer);
    else
        put_table(overview, &buffer);
    return grus_text_take(text, &buffer, error);
}
