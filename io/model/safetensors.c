// safetensors.c: the header is judged (safetensors_header.c) before memory is taken for its data; then the data of each
// tensor is read when it is first asked for (not mapped: a file that another process cuts short would end this one).
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
#define BLOCK_BYTES ((size_t)256 << 10) // of data that nobody asks for, on its way to the hash

struct grus_safetensors {
    char *path;
    const grus_rename *renames; // (n_renames), the caller's
    size_t n_renames;
    grus_safetensors_header header;
    bool *used;  // (header.n) : found
    char **data; // (header.n) of those that are used
    int fd;
    size_t data_begin;   // where the data begins in the file
    XXH64_state_t *hash; // of the file up to there
    grus_error failure;  // of the first reading of a tensor that failed
};

// ---- the file ----

static grus_status refuse(const grus_safetensors *file, const char *cause, grus_error *error)
{
    return grus_fail(error, GRUS_E_MODEL, file->path, NULL, "%s", cause);
}

static grus_status read_exactly(const grus_safetensors *file, void *to, size_t size, grus_error *error)
{
    size_t got;
    if (!grus_fd_read(file->fd, to, size, &got))
        return grus_fail_errno(error, GRUS_E_MODEL, file->path, "cannot be read");
    return got == size ? GRUS_OK : refuse(file, "became shorter while it was read", error);
}

static grus_status read_start(grus_safetensors *file, void *to, size_t size, grus_error *error)
{
    grus_status status = read_exactly(file, to, size, error);
    if (!status)
        XXH64_update(file->hash, to, size);
    return status;
}

static grus_status seek(const grus_safetensors *file, size_t offset, grus_error *error)
{
    if (lseek(file->fd, (off_t)(file->data_begin + offset), SEEK_SET) < 0)
        return grus_fail_errno(error, GRUS_E_MODEL, file->path, "cannot be read");
    return GRUS_OK;
}

static grus_status measure(const grus_safetensors *file, size_t *bytes, grus_error *error)
{
    struct stat about;
    if (fstat(file->fd, &about) != 0)
        return grus_fail_errno(error, GRUS_E_MODEL, file->path, "cannot be examined");
    *bytes = (size_t)about.st_size;
    if (*bytes < GRUS_SAFETENSORS_LENGTH_BYTES)
        return refuse(file, "is no safetensors file: it has fewer than 8 bytes", error);
    return GRUS_OK;
}

static grus_status read_header(grus_safetensors *file, grus_error *error)
{
    unsigned char bytes[GRUS_SAFETENSORS_LENGTH_BYTES];
    grus_safetensors_file about = {.path = file->path, .status = GRUS_E_MODEL, .header_most = HEADER_MAX};
    size_t length = 0;
    grus_status status = measure(file, &about.bytes, error);
    if (!status)
        status = read_start(file, bytes, sizeof bytes, error);
    if (!status)
        status = grus_safetensors_header_length(&about, bytes, &length, error);
    if (status)
        return status;
    char *text = malloc(length + 1);
    if (!text)
        return grus_fail_memory(error, length);
    status = read_start(file, text, length, error);
    if (!status)
        status = grus_safetensors_header_parse(&about, text, length, &file->header, error);
    free(text);
    file->data_begin = sizeof bytes + length;
    return status;
}

static grus_status begin(grus_safetensors *file, const char *path, grus_error *error)
{
    file->path = strdup(path);
    file->hash = XXH64_createState();
    if (!file->path || !file->hash)
        return grus_fail_memory(error, strlen(path));
    XXH64_reset(file->hash, 0);
    grus_status status = read_header(file, error);
    if (status)
        return status;
    file->used = grus_alloc_zero(file->header.n, sizeof *file->used);
    file->data = grus_alloc_zero(file->header.n, sizeof *file->data);
    return file->used && file->data ? GRUS_OK : grus_fail_memory(error, file->header.n);
}

grus_status grus_safetensors_open(const char *path, const grus_rename *renames, size_t n_renames,
                                  grus_safetensors **file_out, grus_error *error)
{
    int fd = grus_fd_open_regular(path, GRUS_E_MODEL, error);
    if (fd < 0)
        return GRUS_E_MODEL;
    grus_safetensors *file = calloc(1, sizeof *file);
    if (!file) {
        close(fd);
        return grus_fail_memory(error, sizeof *file);
    }
    file->fd = fd;
    file->renames = renames;
    file->n_renames = n_renames;
    grus_status status = begin(file, path, error);
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
    close(file->fd);
    XXH64_freeState(file->hash);
    for (size_t i = 0; file->data && i < file->header.n; i++)
        free(file->data[i]);
    free(file->data);
    free(file->used);
    grus_safetensors_header_free(&file->header);
    free(file->path);
    free(file);
}

// ---- the data ----

static grus_status read_tensor(grus_safetensors *file, size_t i, grus_error *error)
{
    grus_safetensors_entry *entry = &file->header.entries[i];
    size_t size = entry->end - entry->begin;
    grus_status status = seek(file, entry->begin, error);
    if (status)
        return status;
    file->data[i] = grus_alloc(size, 1);
    if (!file->data[i])
        return grus_fail_memory(error, size);
    entry->tensor.data = file->data[i];
    return read_exactly(file, file->data[i], size, error);
}

static grus_status hash_unread(const grus_safetensors *file, size_t i, XXH64_state_t *hash, char *block,
                               grus_error *error)
{
    const grus_safetensors_entry *entry = &file->header.entries[i];
    grus_status status = seek(file, entry->begin, error);
    for (size_t left = entry->end - entry->begin, n; !status && left > 0; left -= n) {
        n = grus_min(left, BLOCK_BYTES);
        status = read_exactly(file, block, n, error);
        if (!status)
            XXH64_update(hash, block, n);
    }
    return status;
}

grus_status grus_safetensors_hash(const grus_safetensors *file, uint64_t *xxh64, grus_error *error)
{
    XXH64_state_t *hash = XXH64_createState();
    char *block = malloc(BLOCK_BYTES);
    grus_status status = hash && block ? GRUS_OK : grus_fail_memory(error, BLOCK_BYTES);
    if (!status)
        XXH64_copyState(hash, file->hash);
    // In the order of the data.
    for (size_t i = 0; !status && i < file->header.n; i++) {
        const grus_safetensors_entry *entry = &file->header.entries[i];
        if (file->data[i])
            XXH64_update(hash, file->data[i], entry->end - entry->begin);
        else
            status = hash_unread(file, i, hash, block, error);
    }
    if (!status)
        *xxh64 = XXH64_digest(hash);
    free(block);
    XXH64_freeState(hash);
    return status;
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

// The tensor called head and tail, read; NULL for none.
static grus_tensor *find_joined(grus_safetensors *file, const char *head, const char *tail)
{
    size_t head_length = strlen(head);
    for (size_t i = 0; i < file->header.n; i++) {
        grus_tensor *tensor = &file->header.entries[i].tensor;
        if (strncmp(tensor->name, head, head_length) == 0 && strcmp(tensor->name + head_length, tail) == 0) {
            grus_error error;
            file->used[i] = true;
            if (!file->data[i] && read_tensor(file, i, &error) && !file->failure.status)
                file->failure = error;
            return tensor;
        }
    }
    return NULL;
}

static bool find(void *user, const char *name, grus_tensor *tensor)
{
    grus_safetensors *file = user;
    const grus_rename *rename = find_rename(file, name);
    grus_tensor *found = find_joined(file, rename ? rename->to : "", rename ? name + strlen(rename->from) : name);
    if (found && found->dtype == GRUS_I8)
        found->scale = find_joined(file, found->name, "_scale");
    if (found)
        *tensor = *found;
    return found && !file->failure.status;
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

grus_status grus_safetensors_failure(const grus_safetensors *file, grus_error *error)
{
    if (file->failure.status)
        *error = file->failure;
    return file->failure.status;
}
