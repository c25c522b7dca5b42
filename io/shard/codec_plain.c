// codec_plain.c: the content as it is.
#include "config.h"

#include "io/shard/codec.h"

static bool begins(const grus_raw *raw)
{
    (void)raw;
    return true;
}

static grus_status open_plain(grus_raw *raw, unsigned window_log, void **state, grus_error *error)
{
    (void)raw;
    (void)window_log;
    (void)error;
    *state = NULL;
    return GRUS_OK;
}

static grus_status next(void *state, grus_raw *raw, const char **data, size_t *size, grus_error *error)
{
    (void)state;
    grus_status status = grus_raw_fill(raw, 1, error);
    *data = (const char *)raw->data + raw->at;
    *size = grus_raw_available(raw);
    grus_raw_pass(raw, *size);
    return status;
}

static grus_codec_counts count(const void *state)
{
    (void)state;
    return (grus_codec_counts){0};
}

static void close_plain(void *state)
{
    (void)state;
}

static size_t memory(unsigned window_log)
{
    (void)window_log;
    return 0;
}

const grus_codec grus_codec_plain = {
    .suffix = "",
    .begins = begins,
    .open = open_plain,
    .next = next,
    .count = count,
    .close = close_plain,
    .memory = memory,
};
