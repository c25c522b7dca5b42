// stream.c: finds out how a file is coded, and hands on what its codec reads.
#include "config.h"

#include "io/shard/stream.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "io/shard/codec.h"

struct grus_stream {
    grus_raw raw;
    const grus_codec *codec; // NULL before the first byte
    void *state;             // the codec's
    unsigned window_log;     // at most
    bool end;                // nothing more comes
    uint64_t bytes_out;
};

grus_status grus_stream_open(const char *path, unsigned window_log, grus_stream **stream_out, grus_error *error)
{
    grus_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return grus_fail_memory(error, sizeof *stream);
    stream->window_log = window_log;
    grus_status status = grus_raw_open(path, &stream->raw, error);
    int reason = errno;
    if (status)
        grus_stream_close(stream);
    else
        *stream_out = stream;
    errno = reason;
    return status;
}

void grus_stream_close(grus_stream *stream)
{
    if (!stream)
        return;
    if (stream->codec)
        stream->codec->close(stream->state);
    grus_raw_close(&stream->raw);
    free(stream);
}

static grus_status start(grus_stream *stream, grus_error *error)
{
    // No more than it takes to tell: a first line may be shorter, and nothing come behind it.
    size_t need = 1;
    grus_status status;
    do
        status = grus_raw_fill(&stream->raw, need, error);
    while (!status && ++need <= GRUS_CODEC_MAGIC_BYTES && grus_codec_may_begin(&stream->raw));
    if (status)
        return status;
    const grus_codec *codec = grus_codec_of_content(&stream->raw), *named = grus_codec_of_name(stream->raw.path);
    if (codec == &grus_codec_plain && named != codec)
        return grus_raw_damaged(&stream->raw, error,
                                grus_raw_available(&stream->raw) > 0 ? named->not_begun : named->no_bytes, NULL);
    status = codec->open(&stream->raw, stream->window_log, &stream->state, error);
    if (!status)
        stream->codec = codec;
    else
        codec->close(stream->state);
    return status;
}

grus_status grus_stream_next(grus_stream *stream, const char **data, size_t *size, grus_error *error)
{
    *data = "";
    *size = 0;
    grus_status status = stream->codec ? GRUS_OK : start(stream, error);
    if (!status && !stream->end) {
        status = stream->codec->next(stream->state, &stream->raw, data, size, error);
        stream->end = !status && *size == 0;
    }
    if (status)
        *size = 0;
    GRUS_ASSERT(*size == 0 || !stream->end);
    stream->bytes_out += *size;
    return status;
}

const char *grus_stream_path(const grus_stream *stream)
{
    return stream->raw.path;
}

bool grus_stream_is_drained(const grus_stream *stream)
{
    return !stream->end && grus_raw_available(&stream->raw) == 0;
}

grus_stream_counts grus_stream_count(const grus_stream *stream)
{
    grus_codec_counts counts = {0};
    if (stream->codec && stream->state)
        counts = stream->codec->count(stream->state);
    return (grus_stream_counts){
        .bytes_in = stream->raw.bytes,
        .bytes_used = grus_raw_offset(&stream->raw),
        .bytes_out = stream->bytes_out,
        .frames = counts.frames,
        .skippable_frames = counts.skippable_frames,
        .window = counts.window,
        .gzip = stream->codec == &grus_codec_gzip,
        .xxh64 = XXH64_digest(stream->raw.hash),
        .file = stream->raw.facts,
    };
}

void grus_stream_expect(grus_stream *stream, uint64_t bytes, uint64_t xxh64)
{
    grus_raw_expect(&stream->raw, bytes, xxh64);
}

bool grus_stream_met(const grus_stream *stream)
{
    return stream->raw.met;
}

size_t grus_stream_memory(unsigned window_log)
{
    return GRUS_RAW_BYTES + grus_codec_memory(window_log);
}
