// fuzz_tensors.c: safetensors files, feature shards, and the header that grus writes before a matrix of NumPy's. The
// oracle reads a header by jansson and holds every rule of the format against a map of the bytes.
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/tensor.h"
#include "io/model/safetensors.h"
#include "io/shard/features.h"
#include "io/shard/npy.h"
#include "tests/fuzz/fuzz.h"

#define HEADER_MAX 100000000

__extension__ typedef unsigned __int128 wide;

// ---- the oracle ----

static bool is_float(const char *dtype)
{
    return strcmp(dtype, "F32") == 0 || strcmp(dtype, "F16") == 0 || strcmp(dtype, "BF16") == 0;
}

static size_t element_bits(const char *dtype)
{
    static const struct {
        const char *name;
        size_t bits;
    } dtypes[] = {{"F32", 32},    {"F16", 16},    {"BF16", 16},       {"I64", 64},        {"F64", 64},
                  {"C64", 64},    {"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"U16", 16},
                  {"I16", 16},    {"U32", 32},    {"I32", 32},        {"U64", 64},        {"F8_E4M3", 8},
                  {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6},
                  {"F6_E3M2", 6}, {"F4", 4}};
    for (size_t i = 0; dtype && i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtype, dtypes[i].name) == 0)
            return dtypes[i].bits;
    return 0;
}

// Counts how often each byte of the data belongs to a tensor; false: the entry breaks a rule.
static bool mark_entry(const json_t *about, uint8_t *marks, size_t data_bytes)
{
    const json_t *shape = json_object_get(about, "shape"), *offsets = json_object_get(about, "data_offsets"), *item;
    size_t i, element = element_bits(json_string_value(json_object_get(about, "dtype")));
    if (!json_is_object(about) || json_object_size(about) != 3 || element == 0 || !json_is_array(shape) ||
        json_array_size(shape) > 8 || json_array_size(offsets) != 2)
        return false;
    wide count = 1, most = (wide)SIZE_MAX, nonzero = 1;
    json_array_foreach(shape, i, item)
    {
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return false;
        wide length = (wide)json_integer_value(item);
        count = count * length;
        nonzero = nonzero * (length ? length : 1);
        if (nonzero > most)
            return false;
    }
    wide bits = count * element;
    if (bits % 8 != 0 || bits / 8 > most || (element % 8 != 0 && bits > most))
        return false;
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (!json_is_integer(begin) || !json_is_integer(end))
        return false;
    json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from || (wide)to > data_bytes || (wide)(to - from) != bits / 8)
        return false;
    for (json_int_t at = from; at < to; at++)
        if (marks[at]++)
            return false;
    return true;
}

static bool is_map_of_strings(json_t *json)
{
    const char *key;
    json_t *value;
    if (!json_is_object(json))
        return false;
    json_object_foreach(json, key, value) if (!json_is_string(value)) return false;
    return true;
}

// The parsed header of a sound file, or NULL.
static json_t *sound_header(const char *data, size_t size, const char **values)
{
    uint64_t length = 0;
    for (size_t i = 8; size >= 8 && i-- > 0;)
        length = length << 8 | (unsigned char)data[i];
    if (size < 8 || length > size - 8 || length > HEADER_MAX || length == 0 || data[8] != '{')
        return NULL;
    if (memchr(data + 8, 0, (size_t)length)) // jansson passes over one behind a number
        return NULL;
    json_t *header = json_loadb(data + 8, (size_t)length, JSON_REJECT_DUPLICATES, NULL), *about;
    size_t data_bytes = size - 8 - (size_t)length, covered = 0;
    uint8_t *marks = calloc(data_bytes + 1, 1);
    const char *name;
    bool sound = header != NULL;
    json_object_foreach(header, name, about)
    {
        sound = sound &&
                (strcmp(name, "__metadata__") == 0 ? is_map_of_strings(about) : mark_entry(about, marks, data_bytes));
    }
    for (size_t i = 0; i < data_bytes; i++)
        covered += marks[i];
    free(marks);
    *values = data + 8 + length;
    if (sound && covered == data_bytes)
        return header;
    json_decref(header);
    return NULL;
}

static double half_value(unsigned bits)
{
    unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 31
                           ? (fraction ? (double)NAN : (double)INFINITY)
                           : ldexp(exponent ? 1024 + fraction : fraction, (int)(exponent ? exponent : 1) - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

// Element i of bytes of this type; I64 has none.
static double element_value(const char *dtype, const char *bytes, size_t i)
{
    if (strcmp(dtype, "F32") == 0) {
        float value;
        memcpy(&value, bytes + 4 * i, sizeof value);
        return (double)value;
    }
    unsigned bits = (unsigned char)bytes[2 * i] | (unsigned)(unsigned char)bytes[2 * i + 1] << 8;
    if (strcmp(dtype, "F16") == 0)
        return half_value(bits);
    uint32_t wider = bits << 16;
    float value;
    memcpy(&value, &wider, sizeof value);
    return (double)value;
}

// Denormal floats are zeros.
static void check_values(const float *found, size_t n, const char *dtype, const char *bytes, size_t first)
{
    for (size_t i = 0; i < n; i++) {
        double expected = element_value(dtype, bytes, first + i);
        if (fabs(expected) < 0x1p-126)
            expected = 0;
        FUZZ_CHECK(isnan(expected) ? isnan(found[i]) : (double)found[i] == expected);
    }
}

// ---- safetensors ----

// The scales of a tensor of 8 bits, as bytes; NULL: there are none that fit, or it is no matrix of them.
static const char *scales_beside(const json_t *header, const char *name, const char *values)
{
    char beside[300];
    const json_t *about = json_object_get(header, name), *shape = json_object_get(about, "shape"), *scale;
    if (strcmp(json_string_value(json_object_get(about, "dtype")), "I8") != 0 || json_array_size(shape) != 2 ||
        strlen(name) > 280)
        return NULL;
    snprintf(beside, sizeof beside, "%s_scale", name);
    scale = json_object_get(header, beside);
    const json_t *length = json_object_get(scale, "shape");
    if (!scale || strcmp(json_string_value(json_object_get(scale, "dtype")), "F32") != 0 ||
        json_array_size(length) != 1 ||
        json_integer_value(json_array_get(length, 0)) != json_integer_value(json_array_get(shape, 0)))
        return NULL;
    return values + json_integer_value(json_array_get(json_object_get(scale, "data_offsets"), 0));
}

// In two pieces, which cut a row somewhere.
static void check_quantised(const grus_tensor *tensor, const char *bytes, const char *scales)
{
    float floats[4096];
    size_t cut = tensor->count / 3;
    if (tensor->count > 4096)
        return;
    grus_tensor_floats(tensor, 0, cut, floats);
    grus_tensor_floats(tensor, cut, tensor->count - cut, floats + cut);
    for (size_t i = 0; i < tensor->count; i++) {
        double scale = element_value("F32", scales, i / tensor->shape[1]);
        float expected = (float)((signed char)bytes[i] * (fabs(scale) < 0x1p-126 ? 0 : scale));
        FUZZ_CHECK(isnan(expected) ? isnan(floats[i]) : floats[i] == expected);
    }
}

static void check_tensor(const grus_tensor *tensor, const json_t *about, const char *values)
{
    json_int_t begin = json_integer_value(json_array_get(json_object_get(about, "data_offsets"), 0));
    const char *dtype = json_string_value(json_object_get(about, "dtype"));
    FUZZ_CHECK(!strcmp(grus_dtype_name(tensor->dtype), dtype));
    FUZZ_CHECK(tensor->rank == json_array_size(json_object_get(about, "shape")));
    if (!is_float(dtype) || tensor->count > 4096)
        return;
    float floats[4096];
    grus_tensor_floats(tensor, 0, tensor->count, floats);
    check_values(floats, tensor->count, dtype, values + begin, 0);
    size_t bad = 0;
    while (bad < tensor->count && isfinite(floats[bad]))
        bad++;
    FUZZ_CHECK(grus_tensor_find_nonfinite(tensor) == bad);
}

void fuzz_safetensors(const uint8_t *data, size_t size)
{
    static char from[] = "encoder", to[] = "model.enc";
    static const grus_rename renames[] = {{from, to}};
    grus_safetensors *file = NULL;
    grus_error error = {0};
    grus_status status = grus_safetensors_open(fuzz_put("model.safetensors", data, size), renames, 1, &file, &error);
    fuzz_check_error(status, &error);
    const char *values;
    json_t *header = sound_header((const char *)data, size, &values);
    FUZZ_CHECK((status == GRUS_OK) == (header != NULL));
    if (status)
        return;
    FUZZ_CHECK(grus_safetensors_count(file) ==
               json_object_size(header) - (json_object_get(header, "__metadata__") != NULL));
    grus_tensors tensors = grus_safetensors_tensors(file);
    for (size_t i = 0; i < grus_safetensors_count(file); i++) {
        grus_tensor tensor, found;
        bool used;
        grus_safetensors_get(file, i, &tensor, &used);
        if (strncmp(tensor.name, from, strlen(from)) != 0) {
            FUZZ_CHECK(tensors.find(tensors.user, tensor.name, &found) && found.name == tensor.name);
            grus_safetensors_get(file, i, &tensor, &used);
            FUZZ_CHECK(used);
            const json_t *about = json_object_get(header, tensor.name);
            check_tensor(&tensor, about, values);
            const char *scales = scales_beside(header, tensor.name, values);
            if (scales)
                check_quantised(&tensor,
                                values + json_integer_value(json_array_get(json_object_get(about, "data_offsets"), 0)),
                                scales);
        }
    }
    grus_tensor found;
    bool renamed = tensors.find(tensors.user, "encoder.weight", &found);
    FUZZ_CHECK(renamed == (json_object_get(header, "model.enc.weight") != NULL));
    uint64_t hash;
    FUZZ_CHECK(grus_safetensors_hash(file, &hash, &error) == GRUS_OK && hash == XXH64(data, size, 0));
    json_decref(header);
    grus_safetensors_close(file);
}

// ---- feature shards ----

typedef struct shard_form {
    size_t rows, dim, sequences;
    const char *dtype, *features, *offsets;
} shard_form;

static int64_t offset_at(const shard_form *form, size_t i)
{
    uint64_t value = 0;
    for (size_t k = 8; k-- > 0;)
        value = value << 8 | (unsigned char)form->offsets[8 * i + k];
    return (int64_t)value;
}

static bool read_form(const json_t *header, const char *values, shard_form *form)
{
    const json_t *features = json_object_get(header, "features"), *offsets = json_object_get(header, "offsets");
    const json_t *shape = json_object_get(features, "shape"), *length = json_object_get(offsets, "shape");
    if (!features || !offsets || json_array_size(shape) != 2 || json_array_size(length) != 1)
        return false;
    form->dtype = json_string_value(json_object_get(features, "dtype"));
    form->rows = (size_t)json_integer_value(json_array_get(shape, 0));
    form->dim = (size_t)json_integer_value(json_array_get(shape, 1));
    form->features = values + json_integer_value(json_array_get(json_object_get(features, "data_offsets"), 0));
    form->offsets = values + json_integer_value(json_array_get(json_object_get(offsets, "data_offsets"), 0));
    size_t n = (size_t)json_integer_value(json_array_get(length, 0));
    if (n == 0 || !is_float(form->dtype) || strcmp(json_string_value(json_object_get(offsets, "dtype")), "I64") != 0)
        return false;
    form->sequences = n - 1;
    for (size_t i = 0; i < n; i++)
        if (offset_at(form, i) < (i ? offset_at(form, i - 1) : 0))
            return false;
    return offset_at(form, 0) == 0 && (uint64_t)offset_at(form, n - 1) == form->rows;
}

// Reads the shard; every second sequence is passed over.
static grus_status read_shard(const char *path, const shard_form *form, size_t *sequences, grus_error *error)
{
    grus_feature_shard *shard = NULL;
    grus_status status = grus_feature_shard_open(path, GRUS_WINDOW_LOG, &shard, error);
    *sequences = 0;
    if (status)
        return status;
    for (bool end = false;; (*sequences)++) {
        size_t rows;
        status = grus_feature_shard_next(shard, &end, &rows, error);
        if (status || end)
            break;
        size_t n = rows * grus_feature_shard_dim(shard);
        if (*sequences % 2 == 1 || n > 65536)
            continue;
        float *values = malloc((n + 1) * sizeof *values);
        status = grus_feature_shard_values(shard, values, error);
        if (!status && form)
            check_values(values, n, form->dtype, form->features, (size_t)offset_at(form, *sequences) * form->dim);
        free(values);
        if (status)
            break;
    }
    grus_feature_shard_close(shard);
    return status;
}

void fuzz_features(const uint8_t *data, size_t size)
{
    // Great headers are refused all alike, and slowly.
    if (size >= 8 && size % 16 != 0 && (data[2] | data[3] | data[4] | data[5] | data[6] | data[7]) != 0)
        return;
    const char *values, *path = fuzz_put("shard.safetensors", data, size);
    json_t *header = sound_header((const char *)data, size, &values);
    shard_form form = {0};
    bool sound = header && read_form(header, values, &form);
    // What begins as a frame, skippable or not, is read as zstd; fuzz_stream.c judges those.
    bool is_zstd = size >= 4 && (memcmp(data, "\x28\xB5\x2F\xFD", 4) == 0 || memcmp(data + 1, "\x2A\x4D\x18", 3) == 0);
    grus_error error = {0};
    size_t sequences;
    grus_status status = read_shard(path, sound ? &form : NULL, &sequences, &error);
    fuzz_check_error(status, &error);
    if (!is_zstd) {
        FUZZ_CHECK((status == GRUS_OK) == sound);
        FUZZ_CHECK(status || sequences == form.sequences);
    }
    json_decref(header);
}

// ---- .npy ----

void fuzz_npy(const uint8_t *data, size_t size)
{
    fuzz_bytes bytes = {data, size};
    uint64_t rows = (uint64_t)fuzz_word(&bytes) << 32 | fuzz_word(&bytes), found_rows, found_columns;
    uint64_t columns = (uint64_t)fuzz_word(&bytes) << 32 | fuzz_word(&bytes);
    rows >>= fuzz_byte(&bytes) % 64;
    columns >>= fuzz_byte(&bytes) % 64;
    char header[GRUS_NPY_HEADER_BYTES + 1];
    header[GRUS_NPY_HEADER_BYTES] = '\0';
    grus_npy_header(header, rows, (size_t)columns);
    FUZZ_CHECK(memcmp(header, "\x93NUMPY\x01\x00", 8) == 0);
    size_t length = (unsigned char)header[8] | (size_t)(unsigned char)header[9] << 8;
    FUZZ_CHECK(10 + length == GRUS_NPY_HEADER_BYTES && header[GRUS_NPY_HEADER_BYTES - 1] == '\n');
    int used = 0;
    FUZZ_CHECK(sscanf(header + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" SCNu64 ", %" SCNu64 "), }%n",
                      &found_rows, &found_columns, &used) == 2);
    FUZZ_CHECK(found_rows == rows && found_columns == columns && used > 0);
    FUZZ_CHECK(strspn(header + 10 + used, " ") == length - (size_t)used - 1);
    grus_buffer out = {0};
    size_t n = bytes.size / 4;
    float *values = malloc(n * 4 + 1);
    memcpy(values, bytes.data, n * 4);
    grus_npy_floats(&out, values, n);
    grus_npy_missing(&out, 1);
    FUZZ_CHECK(out.size == 4 * (n + 1));
    check_values(values, n, "F32", out.data, 0);
    FUZZ_CHECK(memcmp(out.data + 4 * n, "\0\0\xc0\x7f", 4) == 0);
    free(values);
    grus_buffer_free(&out);
}
