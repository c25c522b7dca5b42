// source.c: the two kinds of shards behind one interface.
#include "config.h"

#include "scheduler/source.h"

#include "base/error.h"
#include "base/memory.h"

#define GROWTH_FACTOR 3     // of an array at its last growth, as a multiple of what it holds
#define WIDENED ((size_t)2) // bytes of a float for one of F16

// What concerns every record of a feature shard is said once, of the shard.
static grus_status check_features(const grus_job *job, const char *path, size_t dim, grus_error *error)
{
    if (!job->record.want_features)
        return grus_fail(error, GRUS_E_INPUT, path, NULL, "holds features; the model reads tokens");
    if (job->record.want_target)
        return grus_fail(error, GRUS_E_INPUT, path, NULL, "holds no targets, which --task score needs; take JSONL");
    if (dim != job->record.feature_dim)
        return grus_fail(error, GRUS_E_INPUT, path, "features", "has rows of %zu values; the model reads rows of %zu",
                         dim, job->record.feature_dim);
    return GRUS_OK;
}

grus_status grus_source_open(const grus_job *job, grus_shard_kind kind, const char *path, grus_source *source,
                             grus_error *error)
{
    *source = (grus_source){.job = job, .kind = kind};
    if (kind != GRUS_SHARD_SAFETENSORS) {
        source->number = 1;
        return grus_input_open(path, job->options->max_record, &source->lines, error);
    }
    grus_status status = grus_feature_shard_open(path, &source->features, error);
    if (status == GRUS_OK)
        status = check_features(job, path, grus_feature_shard_dim(source->features), error);
    if (status != GRUS_OK)
        grus_source_close(source);
    return status;
}

void grus_source_close(grus_source *source)
{
    grus_input_close(source->lines);
    grus_feature_shard_close(source->features);
    *source = (grus_source){0};
}

// FNV-1a, a length at a time.
static void add_length(grus_source *source, size_t length)
{
    source->lengths = (source->lengths ^ length) * 1099511628211u;
}

static grus_status next_line(grus_source *source, grus_packed *packed, grus_source_record *record, grus_error *error)
{
    grus_line_kind kind;
    grus_status status = grus_input_line(source->lines, &kind, &record->line, &record->length, error);
    record->end = kind == GRUS_LINE_END;
    if (status != GRUS_OK || record->end)
        return status;
    add_length(source, record->length);
    return grus_pack_line(source->job, source->kind, record->line, record->length, kind == GRUS_LINE_TOO_LONG,
                          record->number, packed, error);
}

static grus_status next_sequence(grus_source *source, grus_packed *packed, grus_source_record *record,
                                 grus_error *error)
{
    size_t rows;
    grus_status status = grus_feature_shard_next(source->features, &record->end, &rows, error);
    if (status != GRUS_OK || record->end)
        return status;
    add_length(source, rows);
    status = grus_pack_features(source->job, source->features, rows, record->number, packed, error);
    return status == GRUS_OK ? grus_feature_shard_pass(source->features, error) : status;
}

grus_status grus_source_next(grus_source *source, grus_packed *packed, grus_source_record *record, grus_error *error)
{
    *record = (grus_source_record){.number = source->number++, .line = ""};
    return source->features ? next_sequence(source, packed, record, error) : next_line(source, packed, record, error);
}

// ---- going on ----

static grus_stream *stream_of(const grus_source *source)
{
    return source->features ? grus_feature_shard_stream(source->features) : grus_input_stream(source->lines);
}

grus_slot_mark grus_source_mark(const grus_source *source)
{
    grus_input_counts counts = grus_stream_count(stream_of(source));
    return (grus_slot_mark){.bytes = counts.bytes_in, .xxh64 = counts.xxh64, .lengths = source->lengths};
}

void grus_source_expect(const grus_source *source, const grus_slot_mark *mark)
{
    grus_stream_expect(stream_of(source), mark->bytes, mark->xxh64);
}

static grus_status skip_record(grus_source *source, bool *end, grus_error *error)
{
    size_t length;
    grus_status status;
    if (source->features) {
        status = grus_feature_shard_next(source->features, end, &length, error);
        if (status == GRUS_OK && !*end)
            status = grus_feature_shard_pass(source->features, error);
    } else {
        grus_line_kind kind;
        const char *line;
        status = grus_input_line(source->lines, &kind, &line, &length, error);
        *end = kind == GRUS_LINE_END;
    }
    if (status == GRUS_OK && !*end) {
        source->number++;
        add_length(source, length);
    }
    return status;
}

grus_status grus_source_skip(grus_source *source, uint64_t records, grus_error *error)
{
    grus_status status = GRUS_OK;
    bool end = false;
    for (uint64_t i = 0; i < records && !end && status == GRUS_OK; i++)
        status = skip_record(source, &end, error);
    return status;
}

bool grus_source_is_at(const grus_source *source, const grus_slot_mark *mark)
{
    return source->lengths == mark->lengths && grus_stream_met(stream_of(source));
}

grus_input_counts grus_source_count(const grus_source *source)
{
    return source->features ? grus_feature_shard_count(source->features) : grus_input_count(source->lines);
}

// The memory of a parsed line, as a multiple of its bytes: two bytes of text are two and two more in lower case, two of
// a list are an id of 8 bytes, or a feature of 4. Of its tokens no more are kept than a record may have.
static size_t parse_factor(const grus_record_format *record)
{
    size_t source = record->want_ids ? 4 : 2, target = record->want_target_ids ? 4 : 2;
    return record->want_target ? source + target : source;
}

// What cutting the source, or the target, takes beside what is kept of it.
static size_t tokenizer_memory(const grus_job *job)
{
    size_t max_record = job->options->max_record, bytes = 0;
    if (job->model->source)
        bytes = grus_tokenizer_memory(job->model->source, max_record, GRUS_RECORD_POSITIONS);
    if (job->infer.force)
        bytes = grus_max(bytes, grus_tokenizer_memory(job->model->target, max_record, GRUS_RECORD_POSITIONS));
    return bytes;
}

size_t grus_source_memory(const grus_job *job)
{
    size_t max_record = job->options->max_record;
    size_t lines = grus_add_sat(grus_input_memory(max_record), grus_mul_sat(max_record, parse_factor(&job->record)));
    lines = grus_add_sat(lines, tokenizer_memory(job));
    if (!job->feature_shards)
        return lines;
    size_t record = grus_mul_sat(GRUS_RECORD_POSITIONS * sizeof(float), job->record.feature_dim);
    record = grus_min(record, grus_mul_sat(max_record, WIDENED));
    return grus_max(lines, grus_add_sat(grus_feature_shard_memory(), grus_mul_sat(record, GROWTH_FACTOR)));
}
