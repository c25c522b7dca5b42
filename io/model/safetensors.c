// safetensors.c: the header is judged (safetensors_header.c) before memory is taken for its data; then the data is read
// (not mapped: a file that another process cuts short would end this one).
#include "config.h"

#include "io/model/safetensors.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/model/safetensors_header.h"

#define HEADER_MAX ((size_t)100 * 1000 * 1000)

struct grus_safetensors {
    char *path;
    const grus_rename *renames; // (n_renames), the caller's
    size_t n_renames;
    grus_safetensors_header header;
    bool *used; // (header.n): found
    char *data; // (header.data_bytes)
    uint64_t hash;
};

// ---- the file ----

static grus_status refuse(const grus_safetensors *file, const char *cause, grus_error *error)
{
    return grus_fail(error, GRUS_E_MODEL, file->path, NULL, "%s", cause);
}

static grus_status read_part(grus_safetensors *file, int fd, XXH64_state_t *hash, void *to, size_t size,
                             grus_error *error)
{
    size_t got;
    if (!grus_fd_read(fd, to, size, &got))
        return grus_fail_errno(error, GRUS_E_MODEL, file->path, "cannot be read");
    XXH64_update(hash, to, got);
    return got == size ? GRUS_OK : refuse(file, "became shorter while it was read", error);
}

static grus_status measure(const grus_safetensors *file, int fd, size_t *bytes, grus_error *error)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return grus_fail_errno(error, GRUS_E_MODEL, file->path, "cannot be examined");
    *bytes = (size_t)about.st_size;
    if (*bytes < GRUS_SAFETENSORS_LENGTH_BYTES)
        return refuse(file, "is no safetensors file: it has fewer than 8 bytes", error);
    return GRUS_OK;
}

static grus_status read_header(grus_safetensors *file, int fd, XXH64_state_t *hash, grus_error *error)
{
    unsigned char bytes[GRUS_SAFETENSORS_LENGTH_BYTES];
    grus_safetensors_file about = {.path = file->path, .status = GRUS_E_MODEL, .header_most = HEADER_MAX};
    size_t length = 0;
    grus_status status = measure(file, fd, &about.bytes, error);
    if (!status)
        status = read_part(file, fd, hash, bytes, sizeof bytes, error);
    if (!status)
        status = grus_safetensors_header_length(&about, bytes, &length, error);
    if (status)
        return status;
    char *text = malloc(length + 1);
    if (!text)
        return grus_fail_memory(error, length);
    status = read_part(file, fd, hash, text, length, error);
    if (!status)
        status = grus_safetensors_header_parse(&about, text, length, &file->header, error);
    free(text);
    return status;
}

static grus_status read_file(grus_safetensors *file, int fd, XXH64_state_t *hash, grus_error *error)
{
    grus_status status = read_header(file, fd, hash, error);
    if (status)
        return status;
    size_t size = file->header.data_bytes;
    file->used = grus_alloc_zero(file->header.n, sizeof *file->used);
    file->data = grus_alloc(size, 1);
    if (!file->used || !file->data)
        return grus_fail_memory(error, size);
    status = read_part(file, fd, hash, file->data, size, error);
    for (size_t i = 0; i < file->header.n; i++)
        file->header.entries[i].tensor.data = file->data + file->header.entries[i].begin;
    file->hash = XXH64_digest(hash);
    return status;
}

grus_status grus_safetensors_open(const char *path, const grus_rename *renames, size_t n_renames,
                                  grus_safetensors **file_out, grus_error *error)
{
    int fd = grus_fd_open_regular(path, GRUS_E_MODEL, error);
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
    free(file->used);
    grus_safetensors_header_free(&file->header);
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

static bool find(void *user, const char *name, grus_tensor *tensor)
{
    grus_safetensors *file = user;
    const grus_rename *rename = find_rename(file, name);
    const char *head = rename ? rename->to : "", *tail = rename ? name + strlen(rename->from) : name;
    size_t head_length = strlen(head);
    for (size_t i = 0; i < file->header.n; i++) {
        const char *candidate = file->header.entries[i].tensor.name;
        if (strncmp(candidate, head, head_length) == 0 && strcmp(candidate + head_length, tail) == 0) {
            file->used[i] = true;
            *tensor = file->header.entries[i].tensor;
            return true;
        }
    }
    return false;
}

grus_tensors grus_safetensors_tensors(grus_safetensors *file)
{
    return (grus_tensors){.find = find, .user = file, .file = file->path};
}

size_t grus_safetensors_count(const grus_safetensors *file)
{
    return file->header.n;
}

void grus_safetensors_get(const grus_safetensors *file, size_t i, grus_tensor *tensor, bool *used)
{
    *tensor = file->header.entries[i].tensor;
    *used = file->used[i];
}

uint64_t grus_safetensors_hash(const grus_safetensors *file)
{
    return file->hash;
}
