// feature_output.c: the spool is read twice, for the offsets and for the features.
#include "config.h"

#include "scheduler/feature_output.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/batch.h"
#include "io/outdir/spool.h"
#include "io/shard/feature_rows.h"

typedef struct feature_output {
    grus_spool *spool;
    grus_output *output;
    const atomic_bool *stop;
    uint64_t records, rows;
    size_t row_bytes;
} feature_output;

static grus_status take_count(const feature_output *f, uint64_t *count, grus_error *error)
{
    unsigned char bytes[GRUS_FEATURE_COUNT_BYTES];
    for (size_t got = 0, size; got < sizeof bytes; got += size) {
        const char *data;
        grus_status status = grus_spool_next(f->spool, sizeof bytes - got, &data, &size, error);
        if (status)
            return status;
        memcpy(bytes + got, data, size);
    }
    *count = grus_feature_count_read(bytes);
    return GRUS_OK;
}

// Passes over the next bytes of the spool; keep: into the output.
static grus_status take_rows(const feature_output *f, uint64_t bytes, bool keep, grus_error *error)
{
    grus_status status = GRUS_OK;
    for (size_t size; bytes > 0 && !status; bytes -= size) {
        const char *data;
        size = 0;
        if (grus_stop_asked(f->stop))
            return grus_fail(error, GRUS_E_INTERRUPTED, NULL, NULL, "stopped");
        status = grus_spool_next(f->spool, bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX, &data, &size, error);
        if (!status && keep)
            status = grus_output_write(f->output, data, size, error);
    }
    return status;
}

static grus_status put_offset(const feature_output *f, uint64_t offset, grus_error *error)
{
    unsigned char bytes[GRUS_FEATURE_COUNT_BYTES];
    grus_feature_count_write(bytes, offset);
    return grus_output_write(f->output, (const char *)bytes, sizeof bytes, error);
}

// A pass over the spool. What it says must be what its size says.
static grus_status pass(const feature_output *f, bool offsets, grus_error *error)
{
    uint64_t end = 0, rows;
    grus_status status = grus_spool_rewind(f->spool, error);
    if (!status && offsets)
        status = put_offset(f, 0, error);
    for (uint64_t i = 0; i < f->records && !status; i++) {
        status = take_count(f, &rows, error);
        if (!status && rows > f->rows - end)
            status = grus_fail(error, GRUS_E_OUTPUT, NULL, NULL, "what was kept for the output changed meanwhile");
        if (status)
            return status;
        end += rows;
        if (offsets)
            status = put_offset(f, end, error);
        if (!status)
            status = take_rows(f, rows * f->row_bytes, !offsets, error);
    }
    if (!status && end != f->rows)
        status = grus_fail(error, GRUS_E_OUTPUT, NULL, NULL, "what was kept for the output changed meanwhile");
    return status;
}

grus_status grus_feature_output_finish(grus_output *output, uint64_t records, size_t columns, const atomic_bool *stop,
                                       grus_error *error)
{
    feature_output f = {.spool = grus_output_unspool(output),
                        .output = output,
                        .stop = stop,
                        .records = records,
                        .row_bytes = columns * GRUS_FEATURE_VALUE_BYTES};
    f.rows = (grus_spool_bytes(f.spool) - records * GRUS_FEATURE_COUNT_BYTES) / f.row_bytes;
    char header[GRUS_FEATURE_HEADER_MOST];
    grus_status status =
        grus_output_write(output, header, grus_feature_rows_header(header, records, f.rows, columns), error);
    if (!status)
        status = pass(&f, true, error);
    return status ? status : pass(&f, false, error);
}
