// features.c: two cursors go through the file side by side, one in `offsets` and one in `features`; the second one
// goes on to the end, so that all of the file is checked and hashed.
#include "config.h"

#include "io/shard/features.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/shard/cursor.h"

#define HEADER_MAX ((size_t)1 << 20)
#define JSON_FACTOR 64 // memory of the parsed header, as a multiple of its bytes
#define OFFSET_BYTES 8
#define SCRATCH_BYTES ((size_t)64 << 10) // a multiple of every element's size

struct grus_feature_shard {
    char *path;
    grus_safetensors_header header;
    const grus_safetensors_entry *features, *offsets;
    grus_cursor features_cursor, offsets_cursor;
    size_t n_rows, dim, n_sequences;
    size_t n_given; // sequences so far
    size_t row;     // where the current sequence ends
    size_t unread;  // values of the current sequence
    char *scratch;  // (SCRATCH_BYTES)
};

static grus_status refuse(const grus_feature_shard *shard, const char *place, const char *cause, grus_error *error)
{
    return grus_fail(error, GRUS_E_INPUT, shard->path, place, "%s", cause);
}

// Takes exactly size bytes.
static grus_status take(const grus_feature_shard *shard, grus_cursor *cursor, void *to, size_t size, grus_error *error)
{
    size_t got;
    grus_status status = grus_cursor_take(cursor, to, size, &got, error);
    if (!status && got < size)
        return refuse(shard, NULL, "ends before the tensors that its header speaks of do", error);
    return status;
}

// ---- the header ----

static grus_safetensors_file describe_file(const grus_feature_shard *shard)
{
    return (grus_safetensors_file){
        .path = shard->path, .status = GRUS_E_INPUT, .bytes = SIZE_MAX, .header_most = HEADER_MAX};
}

static grus_status read_length(const grus_feature_shard *shard, grus_cursor *cursor, size_t *length, grus_error *error)
{
    unsigned char bytes[GRUS_SAFETENSORS_LENGTH_BYTES];
    const grus_safetensors_file about = describe_file(shard);
    size_t got;
    grus_status status = grus_cursor_take(cursor, bytes, sizeof bytes, &got, error);
    if (status)
        return status;
    if (got < sizeof bytes)
        return refuse(shard, NULL, "is no safetensors file: it has fewer than 8 bytes", error);
    return grus_safetensors_header_length(&about, bytes, length, error);
}

// Reads the header through both cursors, which then stand behind it.
static grus_status read_header(grus_feature_shard *shard, grus_error *error)
{
    const grus_safetensors_file about = describe_file(shard);
    size_t length = 0, again = 0;
    grus_status status = read_length(shard, &shard->features_cursor, &length, error);
    if (!status)
        status = read_length(shard, &shard->offsets_cursor, &again, error);
    if (status)
        return status;
    char *text = malloc(length + again + 1);
    if (!text)
        return grus_fail_memory(error, length + again);
    status = take(shard, &shard->features_cursor, text, length, error);
    if (!status)
        status = take(shard, &shard->offsets_cursor, text + length, again, error);
    if (!status && (length != again || memcmp(text, text + length, length) != 0))
        status = refuse(shard, NULL, "changed while it was read", error);
    if (!status)
        status = grus_safetensors_header_parse(&about, text, length, &shard->header, error);
    free(text);
    return status;
}

static grus_status find(const grus_feature_shard *shard, const char *name, const grus_safetensors_entry **entry,
                        grus_error *error)
{
    for (size_t i = 0; i < shard->header.n; i++) {
        *entry = &shard->header.entries[i];
        if (strcmp((*entry)->tensor.name, name) == 0)
            return GRUS_OK;
    }
    return refuse(shard, name, "the tensor is missing; a feature shard has features [N, D] and offsets [n+1]", error);
}

static grus_status check_form(grus_feature_shard *shard, grus_error *error)
{
    grus_status status = find(shard, "features", &shard->features, error);
    if (!status)
        status = find(shard, "offsets", &shard->offsets, error);
    if (status)
        return status;
    const grus_tensor *features = &shard->features->tensor, *offsets = &shard->offsets->tensor;
    if (!grus_dtype_is_float(features->dtype))
        return grus_fail(error, GRUS_E_INPUT, shard->path, "features", "dtype is %s, not F32, F16 or BF16",
                         grus_dtype_name(features->dtype));
    if (features->rank != 2)
        return grus_fail(error, GRUS_E_INPUT, shard->path, "features", "has %zu dimensions, not the two of [N, D]",
                         features->rank);
    if (offsets->dtype != GRUS_I64)
        return grus_fail(error, GRUS_E_INPUT, shard->path, "offsets", "dtype is %s, not I64",
                         grus_dtype_name(offsets->dtype));
    if (offsets->rank != 1 || offsets->count == 0)
        return refuse(shard, "offsets", "is not a list of at least one offset", error);
    shard->n_rows = features->shape[0];
    shard->dim = features->shape[1];
    shard->n_sequences = offsets->count - 1;
    return GRUS_OK;
}

// The next offset; it is a row of `features`, or N.
static grus_status read_offset(grus_feature_shard *shard, size_t i, size_t *offset, grus_error *error)
{
    unsigned char bytes[OFFSET_BYTES];
    char place[40];
    uint64_t value = 0;
    grus_status status = take(shard, &shard->offsets_cursor, bytes, sizeof bytes, error);
    if (status)
        return status;
    for (size_t k = sizeof bytes; k-- > 0;)
        value = value << 8 | bytes[k];
    snprintf(place, sizeof place, "offsets[%zu]", i);
    if (i == 0 && value != 0)
        return grus_fail(error, GRUS_E_INPUT, shard->path, place, "is %" PRId64 ", not 0", (int64_t)value);
    if (value > shard->n_rows)
        return grus_fail(error, GRUS_E_INPUT, shard->path, place, "is %" PRId64 ", which is none of the %zu rows",
                         (int64_t)value, shard->n_rows);
    if (value < shard->row)
        return grus_fail(error, GRUS_E_INPUT, shard->path, place, "is %" PRId64 ", less than the %zu before it",
                         (int64_t)value, shard->row);
    if (i == shard->n_sequences && value != shard->n_rows)
        return grus_fail(error, GRUS_E_INPUT, shard->path, place, "is the last and %" PRId64 ", not the %zu rows",
                         (int64_t)value, shard->n_rows);
    *offset = (size_t)value;
    return GRUS_OK;
}

static grus_status begin(grus_feature_shard *shard, grus_error *error)
{
    grus_status status = read_header(shard, error);
    if (!status)
        status = check_form(shard, error);
    if (!status)
        status = take(shard, &shard->features_cursor, NULL, shard->features->begin, error);
    if (!status)
        status = take(shard, &shard->offsets_cursor, NULL, shard->offsets->begin, error);
    return status ? status : read_offset(shard, 0, &shard->row, error);
}

static grus_status check_regular(const char *path, grus_error *error)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return grus_fail_errno(error, GRUS_E_INPUT, path, "cannot be examined");
    if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode))
        return GRUS_OK;
    return grus_fail(error, GRUS_E_INPUT, path, NULL, "is not a regular file");
}

grus_status grus_feature_shard_open(const char *path, unsigned window_log, grus_feature_shard **shard_out,
                                    grus_error *error)
{
    grus_status status = check_regular(path, error);
    if (status)
        return status;
    grus_feature_shard *shard = calloc(1, sizeof *shard);
    if (!shard)
        return grus_fail_memory(error, sizeof *shard);
    shard->path = strdup(path);
    shard->scratch = malloc(SCRATCH_BYTES);
    if (!shard->path || !shard->scratch)
        status = grus_fail_memory(error, SCRATCH_BYTES);
    if (!status)
        status = grus_cursor_open(path, window_log, &shard->features_cursor, error);
    if (!status)
        status = grus_cursor_open(path, window_log, &shard->offsets_cursor, error);
    if (!status)
        status = begin(shard, error);
    if (status)
        grus_feature_shard_close(shard);
    else
        *shard_out = shard;
    return status;
}

void grus_feature_shard_close(grus_feature_shard *shard)
{
    if (!shard)
        return;
    grus_cursor_close(&shard->features_cursor);
    grus_cursor_close(&shard->offsets_cursor);
    grus_safetensors_header_free(&shard->header);
    free(shard->scratch);
    free(shard->path);
    free(shard);
}

const grus_safetensors_header *grus_feature_shard_header(const grus_feature_shard *shard)
{
    return &shard->header;
}

size_t grus_feature_shard_dim(const grus_feature_shard *shard)
{
    return shard->dim;
}

size_t grus_feature_shard_sequences(const grus_feature_shard *shard)
{
    return shard->n_sequences;
}

size_t grus_feature_shard_element_bytes(const grus_feature_shard *shard)
{
    return grus_dtype_size(shard->features->tensor.dtype);
}

// ---- the sequences ----

// Passes over what is left of the file. There must be all of the data and nothing behind it.
static grus_status finish(grus_feature_shard *shard, grus_error *error)
{
    size_t got;
    char more;
    grus_status status =
        take(shard, &shard->features_cursor, NULL, shard->header.data_bytes - shard->features->end, error);
    if (!status)
        status = grus_cursor_take(&shard->features_cursor, &more, 1, &got, error);
    if (!status && got > 0)
        return refuse(shard, NULL, "has bytes behind the last tensor that belong to none", error);
    return status;
}

grus_status grus_feature_shard_pass(grus_feature_shard *shard, grus_error *error)
{
    size_t unread = shard->unread * grus_feature_shard_element_bytes(shard);
    shard->unread = 0;
    return take(shard, &shard->features_cursor, NULL, unread, error);
}

grus_status grus_feature_shard_next(grus_feature_shard *shard, bool *end, size_t *rows, grus_error *error)
{
    size_t next = 0;
    *rows = 0;
    *end = shard->n_given == shard->n_sequences;
    grus_status status = grus_feature_shard_pass(shard, error);
    if (status)
        return status;
    if (*end)
        return finish(shard, error);
    status = read_offset(shard, shard->n_given + 1, &next, error);
    if (status)
        return status;
    *rows = next - shard->row;
    shard->unread = *rows * shard->dim;
    shard->row = next;
    shard->n_given++;
    return GRUS_OK;
}

grus_status grus_feature_shard_values(grus_feature_shard *shard, float *values, grus_error *error)
{
    grus_tensor piece = shard->features->tensor;
    size_t element = grus_dtype_size(piece.dtype);
    piece.data = shard->scratch;
    while (shard->unread > 0) {
        size_t n = grus_min(shard->unread, SCRATCH_BYTES / element);
        grus_status status = take(shard, &shard->features_cursor, shard->scratch, n * element, error);
        if (status)
            return status;
        grus_tensor_floats(&piece, 0, n, values);
        values += n;
        shard->unread -= n;
    }
    return GRUS_OK;
}

size_t grus_feature_shard_ahead(const grus_feature_shard *shard)
{
    return shard->features_cursor.chunk_size;
}

grus_stream *grus_feature_shard_stream(const grus_feature_shard *shard)
{
    return shard->features_cursor.stream;
}

grus_stream_counts grus_feature_shard_count(const grus_feature_shard *shard)
{
    return grus_stream_count(shard->features_cursor.stream);
}

size_t grus_feature_shard_memory(unsigned window_log)
{
    size_t rest = HEADER_MAX * (2 + JSON_FACTOR) + SCRATCH_BYTES + sizeof(grus_feature_shard);
    return grus_add_sat(grus_mul_sat(2, grus_stream_memory(window_log)), rest);
}
