// records.c: the two kinds of shards behind one interface.
#include "config.h"

#include "scheduler/records.h"

#include "base/error.h"

// What concerns every record of a feature shard is said once, of the shard.
static grus_status check_features(const grus_job *job, const char *path, size_t dim, grus_error *error)
{
    if (!job->record.want_features)
        return grus_fail(error, GRUS_E_INPUT, path, NULL, "holds features; the model reads tokens");
    if (job->record.want_target)
        return grus_fail(error, GRUS_E_INPUT, path, NULL, "holds no targets, which run.task score needs; take JSONL");
    if (dim != job->record.feature_dim)
        return grus_fail(error, GRUS_E_INPUT, path, "features", "has rows of %zu values; the model reads rows of %zu",
                         dim, job->record.feature_dim);
    return GRUS_OK;
}

grus_status grus_records_open(const grus_job *job, grus_shard_kind kind, const char *path, grus_records *records,
                              grus_error *error)
{
    *records = (grus_records){.job = job, .kind = kind};
    if (kind != GRUS_SHARD_SAFETENSORS) {
        records->number = 1;
        return grus_lines_open(path, job->options->max_record, job->options->window_log, &records->lines, error);
    }
    grus_status status = grus_feature_shard_open(path, job->options->window_log, &records->features, error);
    if (status == GRUS_OK)
        status = check_features(job, path, grus_feature_shard_dim(records->features), error);
    if (status != GRUS_OK)
        grus_records_close(records);
    return status;
}

void grus_records_close(grus_records *records)
{
    grus_lines_close(records->lines);
    grus_feature_shard_close(records->features);
    *records = (grus_records){0};
}

// FNV-1a, a length at a time.
static void add_length(grus_records *records, size_t length)
{
    records->lengths = (records->lengths ^ length) * 1099511628211u;
}

static grus_status next_line(grus_records *records, grus_parsed *parsed, bool *end, grus_error *error)
{
    grus_line_kind kind;
    grus_raw_line line = {.kind = records->kind, .number = records->number++};
    grus_status status = grus_lines_next(records->lines, &kind, &line.text, &line.length, error);
    *end = kind == GRUS_LINE_END;
    if (status != GRUS_OK || *end)
        return status;
    add_length(records, line.length);
    line.too_long = kind == GRUS_LINE_TOO_LONG;
    return grus_parse_line(records->job, &line, parsed, error);
}

static grus_status next_sequence(grus_records *records, grus_parsed *parsed, bool *end, grus_error *error)
{
    size_t rows;
    uint64_t number = records->number++;
    grus_status status = grus_feature_shard_next(records->features, end, &rows, error);
    if (status != GRUS_OK || *end)
        return status;
    add_length(records, rows);
    status = grus_parse_features(records->job, records->features, rows, number, parsed, error);
    return status == GRUS_OK ? grus_feature_shard_pass(records->features, error) : status;
}

grus_status grus_records_next(grus_records *records, grus_parsed *parsed, bool *end, grus_error *error)
{
    return records->features ? next_sequence(records, parsed, end, error) : next_line(records, parsed, end, error);
}

bool grus_records_is_drained(const grus_records *records)
{
    return records->lines && grus_lines_is_drained(records->lines);
}

// ---- going on ----

static grus_stream *stream_of(const grus_records *records)
{
    return records->features ? grus_feature_shard_stream(records->features) : grus_lines_stream(records->lines);
}

uint64_t grus_records_passed(const grus_records *records)
{
    grus_stream_counts counts = grus_stream_count(stream_of(records));
    size_t ahead = records->features ? grus_feature_shard_ahead(records->features) : grus_lines_ahead(records->lines);
    return counts.bytes_out ? (uint64_t)((double)counts.bytes_used * (1 - (double)ahead / (double)counts.bytes_out))
                            : 0;
}

grus_slot_mark grus_records_mark(const grus_records *records)
{
    grus_stream_counts counts = grus_stream_count(stream_of(records));
    return (grus_slot_mark){.bytes = counts.bytes_in, .xxh64 = counts.xxh64, .lengths = records->lengths};
}

void grus_records_expect(const grus_records *records, const grus_slot_mark *mark)
{
    grus_stream_expect(stream_of(records), mark->bytes, mark->xxh64);
}

static grus_status skip_record(grus_records *records, bool *end, grus_error *error)
{
    size_t length;
    grus_status status;
    if (records->features) {
        status = grus_feature_shard_next(records->features, end, &length, error);
        if (status == GRUS_OK && !*end)
            status = grus_feature_shard_pass(records->features, error);
    } else {
        grus_line_kind kind;
        const char *line;
        status = grus_lines_next(records->lines, &kind, &line, &length, error);
        *end = kind == GRUS_LINE_END;
    }
    if (status == GRUS_OK && !*end) {
        records->number++;
        add_length(records, length);
    }
    return status;
}

grus_status grus_records_skip(grus_records *records, uint64_t n, grus_error *error)
{
    grus_status status = GRUS_OK;
    bool end = false;
    for (uint64_t i = 0; i < n && !end && status == GRUS_OK; i++)
        status = skip_record(records, &end, error);
    return status;
}

bool grus_records_are_at(const grus_records *records, const grus_slot_mark *mark)
{
    return records->lengths == mark->lengths && grus_stream_met(stream_of(records));
}

grus_stream_counts grus_records_count(const grus_records *records)
{
    return records->features ? grus_feature_shard_count(records->features) : grus_lines_count(records->lines);
}
