// safetensors.c: the header is read and judged before memory is taken for the data it speaks of; then the data is read
// (not mapped: a file that another process cuts short would end this one).
#include "config.h"

#include "io/safetensors.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"

#define LENGTH_BYTES ((size_t)8)
#define HEADER_MAX ((size_t)100 * 1000 * 1000)

struct entry {
    grus_tensor tensor; // its data is set once the file is read
    size_t begin, end;  // offsets in the data
    bool used;
};

struct grus_safetensors {
    char *path;
    const grus_rename *renames; // (n_renames), the caller's
    size_t n_renames;
    size_t file_bytes, header_bytes;
    char *header;
    json_t *json; // owns the names
    struct entry *entries;
    size_t n_entries;
    char *data; // (file_bytes - LENGTH_BYTES - header_bytes)
    uint64_t hash;
};

static size_t data_bytes(const grus_safetensors *file)
{
    return file->file_bytes - LENGTH_BYTES - file->header_bytes;
}

// ---- the header ----

static grus_status refuse(const grus_safetensors *file, const char *name, const char *cause, grus_error *error)
{
    return grus_fail(error, GRUS_E_MODEL, file->path, name, "%s", cause);
}

static bool read_dtype(const json_t *json, grus_dtype *dtype)
{
    const char *text = json_string_value(json);
    for (grus_dtype kind = GRUS_F32; text && kind <= GRUS_I64; kind++) {
        if (strcmp(text, grus_dtype_name(kind)) == 0) {
            *dtype = kind;
            return true;
        }
    }
    return false;
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

static grus_status read_shape(const grus_safetensors *file, const json_t *shape, grus_tensor *tensor, size_t *bytes,
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
    if (!grus_mul(tensor->count, grus_dtype_size(tensor->dtype), bytes))
        return refuse(file, tensor->name, "the product of shape overflows", error);
    return GRUS_OK;
}

static grus_status read_entry(const grus_safetensors *file, const char *name, json_t *about, struct entry *entry,
                              grus_error *error)
{
    entry->tensor.name = name;
    if (!json_is_object(about) || !known_keys(about))
        return refuse(file, name, "expected an object of dtype, shape and data_offsets", error);
    const json_t *dtype = json_object_get(about, "dtype"), *offsets = json_object_get(about, "data_offsets");
    if (!read_dtype(dtype, &entry->tensor.dtype))
        return grus_fail(error, GRUS_E_MODEL, file->path, name, "dtype %.40s is not one of F32, F16, BF16, I64",
                         json_is_string(dtype) ? json_string_value(dtype) : "(not a string)");
    size_t bytes = 0;
    grus_status status = read_shape(file, json_object_get(about, "shape"), &entry->tensor, &bytes, error);
    if (status)
        return status;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !read_size(json_array_get(offsets, 0), &entry->begin) || !read_size(json_array_get(offsets, 1), &entry->end))
        return refuse(file, name, "data_offsets is not a pair of offsets", error);
    if (entry->begin > entry->end || entry->end > data_bytes(file))
        return grus_fail(error, GRUS_E_MODEL, file->path, name,
                         "data_offsets [%zu, %zu] are not inside the %zu bytes of data that the file has", entry->begin,
                         entry->end, data_bytes(file));
    if (entry->end - entry->begin != bytes)
        return grus_fail(error, GRUS_E_MODEL, file->path, name,
                         "data_offsets span %zu bytes, dtype and shape ask for %zu", entry->end - entry->begin, bytes);
    return GRUS_OK;
}

static grus_status check_metadata(const grus_safetensors *file, json_t *metadata, grus_error *error)
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
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

// The tensors must cover the data from the first byte to the last, each byte once.
static grus_status check_cover(const grus_safetensors *file, grus_error *error)
{
    size_t at = 0;
    for (size_t i = 0; i < file->n_entries; i++) {
        const struct entry *entry = &file->entries[i];
        if (entry->begin < at)
            return refuse(file, entry->tensor.name, "overlaps the tensor before it", error);
        if (entry->begin > at)
            return grus_fail(error, GRUS_E_MODEL, file->path, entry->tensor.name,
                             "begins at offset %zu, but the tensor before it ends at %zu: there is a gap", entry->begin,
                             at);
        at = entry->end;
    }
    if (at != data_bytes(file))
        return grus_fail(error, GRUS_E_MODEL, file->path, NULL,
                         "has %zu bytes behind the last tensor that belong to none", data_bytes(file) - at);
    return GRUS_OK;
}

static grus_status read_entries(grus_safetensors *file, grus_error *error)
{
    const char *name;
    json_t *about;
    file->entries = grus_alloc_zero(json_object_size(file->json), sizeof *file->entries);
    if (!file->entries)
        return grus_fail_memory(error, json_object_size(file->json));
    json_object_foreach(file->json, name, about)
    {
        bool metadata = strcmp(name, "__metadata__") == 0;
        grus_status status = metadata ? check_metadata(file, about, error)
                                      : read_entry(file, name, about, &file->entries[file->n_entries], error);
        if (status)
            return status;
        file->n_entries += !metadata;
    }
    qsort(file->entries, file->n_entries, sizeof *file->entries, by_offset);
    return check_cover(file, error);
}

static grus_status parse_header(grus_safetensors *file, grus_error *error)
{
    json_error_t problem;
    char place[40];
    if (file->header_bytes == 0 || file->header[0] != '{')
        return refuse(file, "header", "does not begin with {", error);
    file->json = json_loadb(file->header, file->header_bytes, JSON_REJECT_DUPLICATES, &problem);
    if (file->json)
        return read_entries(file, error);
    if (json_error_code(&problem) == json_error_out_of_memory)
        return grus_fail_memory(error, file->header_bytes);
    snprintf(place, sizeof place, "header byte %d", problem.position);
    return grus_fail(error, GRUS_E_MODEL, file->path, place, "%s", problem.text);
}

// ---- the file ----

static grus_status read_part(grus_safetensors *file, int fd, XXH64_state_t *hash, void *to, size_t size,
                             grus_error *error)
{
    size_t got;
    if (!grus_fd_read(fd, to, size, &got))
        return grus_fail_errno(error, GRUS_E_MODEL, file->path, "cannot be read");
    XXH64_update(hash, to, got);
    return got == size ? GRUS_OK : refuse(file, NULL, "became shorter while it was read", error);
}

static grus_status read_length(grus_safetensors *file, int fd, XXH64_state_t *hash, grus_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return grus_fail_errno(error, GRUS_E_MODEL, file->path, "cannot be examined");
    if (!S_ISREG(about.st_mode))
        return refuse(file, NULL, "is not a regular file", error);
    file->file_bytes = (size_t)about.st_size;
    if (file->file_bytes < LENGTH_BYTES)
        return refuse(file, NULL, "is no safetensors file: it has fewer than 8 bytes", error);
    unsigned char bytes[LENGTH_BYTES];
    grus_status status = read_part(file, fd, hash, bytes, LENGTH_BYTES, error);
    if (status)
        return status;
    uint64_t length = 0;
    for (size_t i = LENGTH_BYTES; i-- > 0;)
        length = length << 8 | bytes[i];
    if (length > HEADER_MAX || length > file->file_bytes - LENGTH_BYTES)
        return grus_fail(error, GRUS_E_MODEL, file->path, "header",
                         "is said to have %llu bytes; the file has %zu, and at most %zu are accepted",
                         (unsigned long long)length, file->file_bytes, HEADER_MAX);
    file->header_bytes = (size_t)length;
    return GRUS_OK;
}

static grus_status read_file(grus_safetensors *file, int fd, XXH64_state_t *hash, grus_error *error)
{
    grus_status status = read_length(file, fd, hash, error);
    if (status)
        return status;
    file->header = malloc(file->header_bytes + 1);
    if (!file->header)
        return grus_fail_memory(error, file->header_bytes);
    status = read_part(file, fd, hash, file->header, file->header_bytes, error);
    if (!status)
        status = parse_header(file, error);
    if (status)
        return status;
    file->data = grus_alloc(data_bytes(file), 1);
    if (!file->data)
        return grus_fail_memory(error, data_bytes(file));
    status = read_part(file, fd, hash, file->data, data_bytes(file), error);
    for (size_t i = 0; i < file->n_entries; i++)
        file->entries[i].tensor.data = file->data + file->entries[i].begin;
    file->hash = XXH64_digest(hash);
    return status;
}

grus_status grus_safetensors_open(const char *path, const grus_rename *renames, size_t n_renames,
                                  grus_safetensors **file_out, grus_error *error)
{
    int fd = grus_fd_open(path, GRUS_E_MODEL, error);
    if (fd < 0)
        return GRUS_E_MODEL;
    grus_status status = grus_fail_memory(error, sizeof(grus_safetensors));
    grus_safetensors *file = calloc(1, sizeof *file);
    XXH64_state_t *hash = XXH64_createState();
    if (file)
        file->path = strdup(path);
    if (file && file->path && hash) {
        XXH64_reset(hash, 0);
        file->renames = renames;
        file->n_renames = n_renames;
        status = read_file(file, fd, hash, error);
    }
    XXH64_freeState(hash);
    close(fd);
    if (status)
        grus_safetensors_close(file);
    else
        *file_out = file;
    return status;
}

void grus_safetensors_close(grus_safetensors *file)
{
    if (!file)
        return;
    free(file->data);
    free(file->entries);
    json_decref(file->json);
    free(file->header);
    free(file->path);
    free(file);
}

// ---- asking ----

// The rename whose `from` is name or ends at a dot of it, the longest one; NULL for none.
static const grus_rename *find_rename(const grus_safetensors *file, const char *name)
{
    const grus_rename *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; i < file->n_renames; i++) {
        size_t length = strlen(file->renames[i].from);
        bool fits = strncmp(name, file->renames[i].from, length) == 0 && (name[length] == '\0' || name[length] == '.');
        if (fits && (!best || length > best_length)) {
            best = &file->renames[i];
            best_length = length;
        }
    }
    return best;
}

static bool find(void *context, const char *name, grus_tensor *tensor)
{
    grus_safetensors *file = context;
    const grus_rename *rename = find_rename(file, name);
    const char *head = rename ? rename->to : "", *tail = rename ? name + strlen(rename->from) : name;
    size_t head_length = strlen(head);
    for (size_t i = 0; i < file->n_entries; i++) {
        const char *candidate = file->entries[i].tensor.name;
        if (strncmp(candidate, head, head_length) == 0 && strcmp(candidate + head_length, tail) == 0) {
            file->entries[i].used = true;
            *tensor = file->entries[i].tensor;
            return true;
        }
    }
    return false;
}

grus_tensor_source grus_safetensors_source(grus_safetensors *file)
{
    return (grus_tensor_source){.find = find, .context = file, .file = file->path};
}

size_t grus_safetensors_count(const grus_safetensors *file)
{
    return file->n_entries;
}

void grus_safetensors_get(const grus_safetensors *file, size_t i, grus_tensor *tensor, bool *used)
{
    *tensor = file->entries[i].tensor;
    *used = file->entries[i].used;
}

uint64_t grus_safetensors_hash(const grus_safetensors *file)
{
    return file->hash;
}
