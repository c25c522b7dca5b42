// safetensors_header.c: every rule of the format that the header can break is checked here, with nothing allocated but
// for the header itself.
#include "config.h"

#include "io/model/safetensors_header.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/json/tree.h"

typedef struct parser {
    const char *path;
    grus_status status; // of every error
    size_t data_bytes;  // behind the header; SIZE_MAX: not known
} parser;

grus_status grus_safetensors_header_length(const grus_safetensors_file *file, const unsigned char *first,
                                           size_t *length, grus_error *error)
{
    uint64_t value = 0;
    for (size_t i = GRUS_SAFETENSORS_LENGTH_BYTES; i-- > 0;)
        value = value << 8 | first[i];
    if (value <= file->header_most && value <= file->bytes - GRUS_SAFETENSORS_LENGTH_BYTES) {
        *length = (size_t)value;
        return GRUS_OK;
    }
    if (file->bytes == SIZE_MAX)
        return grus_fail(error, file->status, file->path, "header",
                         "is said to have %llu bytes; at most %zu are accepted", (unsigned long long)value,
                         file->header_most);
    return grus_fail(error, file->status, file->path, "header",
                     "is said to have %llu bytes; the file has %zu, and at most %zu are accepted",
                     (unsigned long long)value, file->bytes, file->header_most);
}

static grus_status refuse(const parser *file, const char *name, const char *cause, grus_error *error)
{
    return grus_fail(error, file->status, file->path, name, "%s", cause);
}

static bool read_dtype(const json_t *json, grus_dtype *dtype)
{
    *dtype = json_is_string(json) ? grus_dtype_named(json_string_value(json)) : GRUS_N_DTYPES;
    return *dtype < GRUS_N_DTYPES;
}

static bool read_size(const json_t *json, size_t *size)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return false;
    *size = (size_t)json_integer_value(json);
    return true;
}

static bool known_keys(json_t *about)
{
    const char *key;
    json_t *value;
    json_object_foreach(about, key, value) if (strcmp(key, "dtype") != 0 && strcmp(key, "shape") != 0 &&
                                               strcmp(key, "data_offsets") != 0) return false;
    return true;
}

static grus_status read_shape(const parser *file, const json_t *shape, grus_tensor *tensor, size_t *bytes,
                              grus_error *error)
{
    if (!json_is_array(shape))
        return refuse(file, tensor->name, "shape is not a list", error);
    if (json_array_size(shape) > GRUS_TENSOR_RANK)
        return refuse(file, tensor->name, "shape has more than 8 dimensions", error);
    tensor->rank = json_array_size(shape);
    tensor->count = 1;
    bool empty = false;
    size_t product = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!read_size(json_array_get(shape, i), &tensor->shape[i]))
            return refuse(file, tensor->name, "shape is not a list of sizes", error);
        empty = empty || tensor->shape[i] == 0;
        if (tensor->shape[i] > 0 && !grus_mul(product, tensor->shape[i], &product))
            return refuse(file, tensor->name, "the product of shape overflows", error);
    }
    tensor->count = empty ? 0 : product;
    if (!grus_dtype_bytes(tensor->dtype, tensor->count, bytes))
        return refuse(file, tensor->name, "the product of shape overflows, or is no whole number of bytes", error);
    return GRUS_OK;
}

static grus_status read_entry(const parser *file, const char *name, json_t *about, grus_safetensors_entry *entry,
                              grus_error *error)
{
    entry->tensor.name = name;
    if (!json_is_object(about) || !known_keys(about))
        return refuse(file, name, "expected an object of dtype, shape and data_offsets", error);
    const json_t *dtype = json_object_get(about, "dtype"), *offsets = json_object_get(about, "data_offsets");
    if (!read_dtype(dtype, &entry->tensor.dtype))
        return grus_fail(error, file->status, file->path, name, "dtype %.40s is none that safetensors has",
                         json_is_string(dtype) ? json_string_value(dtype) : "(not a string)");
    size_t bytes = 0;
    grus_status status = read_shape(file, json_object_get(about, "shape"), &entry->tensor, &bytes, error);
    if (status)
        return status;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !read_size(json_array_get(offsets, 0), &entry->begin) || !read_size(json_array_get(offsets, 1), &entry->end))
        return refuse(file, name, "data_offsets is not a pair of offsets", error);
    if (entry->begin > entry->end || entry->end > file->data_bytes)
        return grus_fail(error, file->status, file->path, name,
                         "data_offsets [%zu, %zu] are not inside the %zu bytes of data that the file has", entry->begin,
                         entry->end, file->data_bytes);
    if (entry->end - entry->begin != bytes)
        return grus_fail(error, file->status, file->path, name,
                         "data_offsets span %zu bytes, dtype and shape ask for %zu", entry->end - entry->begin, bytes);
    return GRUS_OK;
}

static grus_status check_metadata(const parser *file, json_t *metadata, grus_error *error)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return refuse(file, "__metadata__", "expected an object of strings", error);
    json_object_foreach(metadata, key, value) if (!json_is_string(value)) return refuse(
        file, "__metadata__", "expected an object of strings", error);
    return GRUS_OK;
}

static int by_offset(const void *a, const void *b)
{
    const grus_safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

// The tensors must cover the data from the first byte to the last, each byte once.
static grus_status check_cover(const parser *file, grus_safetensors_header *header, grus_error *error)
{
    size_t at = 0;
    for (size_t i = 0; i < header->n; i++) {
        const grus_safetensors_entry *entry = &header->entries[i];
        if (entry->begin < at)
            return refuse(file, entry->tensor.name, "overlaps the tensor before it", error);
        if (entry->begin > at)
            return grus_fail(error, file->status, file->path, entry->tensor.name,
                             "begins at offset %zu, but the tensor before it ends at %zu: there is a gap", entry->begin,
                             at);
        at = entry->end;
    }
    if (file->data_bytes != SIZE_MAX && at != file->data_bytes)
        return grus_fail(error, file->status, file->path, NULL,
                         "has %zu bytes behind the last tensor that belong to none", file->data_bytes - at);
    header->data_bytes = at;
    return GRUS_OK;
}

static grus_status read_entries(const parser *file, json_t *json, grus_safetensors_header *header, grus_error *error)
{
    const char *name;
    json_t *about;
    header->entries = grus_alloc_zero(json_object_size(json), sizeof *header->entries);
    if (!header->entries)
        return grus_fail_memory(error, json_object_size(json));
    json_object_foreach(json, name, about)
    {
        bool metadata = strcmp(name, "__metadata__") == 0;
        grus_status status = metadata ? check_metadata(file, about, error)
                                      : read_entry(file, name, about, &header->entries[header->n], error);
        if (status)
            return status;
        header->n += !metadata;
    }
    qsort(header->entries, header->n, sizeof *header->entries, by_offset);
    return check_cover(file, header, error);
}

// Behind a header of this length.
static size_t data_bytes(const grus_safetensors_file *file, size_t length)
{
    if (file->bytes == SIZE_MAX)
        return SIZE_MAX;
    GRUS_ASSERT(length <= file->bytes - GRUS_SAFETENSORS_LENGTH_BYTES);
    return file->bytes - GRUS_SAFETENSORS_LENGTH_BYTES - length;
}

grus_status grus_safetensors_header_parse(const grus_safetensors_file *from, const char *text, size_t length,
                                          grus_safetensors_header *header, grus_error *error)
{
    const parser file = {.path = from->path, .status = from->status, .data_bytes = data_bytes(from, length)};
    grus_json_fault fault;
    char place[60];
    *header = (grus_safetensors_header){0};
    if (length == 0 || text[0] != '{')
        return refuse(&file, "header", "does not begin with {", error);
    json_t *json;
    grus_status result = grus_json_tree(text, length, &json, &fault);
    header->names = json;
    if (!result)
        return read_entries(&file, json, header, error);
    if (result == GRUS_E_MEMORY)
        return grus_fail_memory(error, length);
    snprintf(place, sizeof place, "header byte %zu", fault.offset);
    return grus_fail(error, from->status, from->path, place, "%s", fault.reason);
}

void grus_safetensors_header_free(grus_safetensors_header *header)
{
    free(header->entries);
    json_decref(header->names);
    *header = (grus_safetensors_header){0};
}
