// manifest.c: writes and judges manifests.
#include "config.h"

#include "io/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/commit.h"
#include "io/file.h"
#include "io/record.h"

#define MANIFEST_MAX ((size_t)1 << 20) // bytes; one that we wrote has a few hundred

char *grus_manifest_path(const char *outdir, const char *stem)
{
    char *path;
    return asprintf(&path, "%s/.grus/done/%s.json", outdir, stem) < 0 ? NULL : path;
}

char *grus_output_path(const char *outdir, const char *stem, const char *suffix)
{
    char *path;
    return asprintf(&path, "%s/%s%s", outdir, stem, suffix) < 0 ? NULL : path;
}

static void text_member(grus_buffer *out, const char *name, const char *value)
{
    grus_json_member(out, name);
    grus_json_string(out, value ? value : "", value ? strlen(value) : 0);
}

static void count_member(grus_buffer *out, const char *name, uint64_t value)
{
    grus_json_member(out, name);
    grus_buffer_printf(out, "%" PRIu64, value);
}

// 16 hexadecimal digits, as `xxhsum -H1` prints them; a JSON number would lose bits in many a reader.
static void hash_member(grus_buffer *out, const char *name, uint64_t value)
{
    grus_json_member(out, name);
    grus_buffer_printf(out, "\"%016" PRIx64 "\"", value);
}

void grus_manifest_text(const grus_manifest *manifest, grus_buffer *text)
{
    grus_buffer_byte(text, '{');
    text_member(text, "input", manifest->input);
    count_member(text, "input_bytes", manifest->input_bytes);
    hash_member(text, "input_xxh64", manifest->input_xxh64);
    count_member(text, "records_in", manifest->records_in);
    count_member(text, "records_out", manifest->records_out);
    count_member(text, "records_failed", manifest->records_failed);
    count_member(text, "output_bytes", manifest->output_bytes);
    hash_member(text, "output_xxh64", manifest->output_xxh64);
    text_member(text, "kernel", manifest->kernel);
    text_member(text, "version", manifest->version);
    grus_record_end(text);
}

// Whether path holds exactly this text; false also when it cannot be read.
static bool holds_text(const char *path, const grus_buffer *text)
{
    grus_buffer found = {0};
    grus_error ignored;
    bool equal = grus_file_read(path, MANIFEST_MAX, GRUS_E_OUTPUT, &found, &ignored) == GRUS_OK &&
                 found.size == text->size && memcmp(found.data, text->data, found.size) == 0;
    grus_buffer_free(&found);
    return equal;
}

static grus_status write_text(const char *partial, const char *stem, const char *path, const grus_buffer *text,
                              grus_error *error)
{
    grus_temp temp;
    grus_status status = grus_temp_open(partial, stem, &temp, error);
    if (status)
        return status;
    if (!grus_fd_write(temp.fd, text->data, text->size))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, temp.path, "cannot be written");
    if (!status)
        status = grus_temp_sync(&temp, error);
    bool exists = false;
    if (!status)
        status = grus_temp_place(&temp, path, &exists, error);
    if (!status && exists)
        status = holds_text(path, text) ? grus_sync_dir_of(path, error) : grus_temp_place(&temp, path, NULL, error);
    grus_temp_discard(&temp);
    return status;
}

grus_status grus_manifest_write(const char *outdir, const char *stem, const grus_manifest *manifest, grus_error *error)
{
    grus_buffer text = {0};
    grus_manifest_text(manifest, &text);
    char *path = grus_manifest_path(outdir, stem), *partial = NULL;
    grus_status status;
    if (text.failed || !path || asprintf(&partial, "%s/.grus/partial", outdir) < 0) {
        partial = NULL;
        status = grus_fail_memory(error, text.size);
    } else {
        status = write_text(partial, stem, path, &text, error);
    }
    free(partial);
    free(path);
    grus_buffer_free(&text);
    return status;
}

grus_status grus_manifest_drop_stale(const char *outdir, const char *stem, const char *suffix,
                                     const grus_manifest *manifest, grus_error *error)
{
    grus_buffer text = {0};
    grus_manifest_text(manifest, &text);
    char *path = grus_manifest_path(outdir, stem), *output = grus_output_path(outdir, stem, suffix);
    struct stat about;
    grus_status status = GRUS_OK;
    if (text.failed || !path || !output)
        status = grus_fail_memory(error, text.size);
    else if (lstat(output, &about) != 0 && errno == ENOENT && lstat(path, &about) == 0 && !holds_text(path, &text)) {
        if (unlink(path) != 0 && errno != ENOENT)
            status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "is out of date and cannot be removed");
        else
            status = grus_sync_dir_of(path, error);
    }
    free(output);
    free(path);
    grus_buffer_free(&text);
    return status;
}

// The output_bytes of a manifest; false when there is none that can be understood.
static bool read_output_bytes(const char *path, uint64_t *bytes)
{
    grus_buffer text = {0};
    grus_error ignored;
    bool understood = false;
    if (grus_file_read(path, MANIFEST_MAX, GRUS_E_OUTPUT, &text, &ignored) == GRUS_OK && text.size > 0) {
        json_t *json = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
        const json_t *value = json_object_get(json, "output_bytes");
        understood = json_is_integer(value) && json_integer_value(value) >= 0;
        if (understood)
            *bytes = (uint64_t)json_integer_value(value);
        json_decref(json);
    }
    grus_buffer_free(&text);
    return understood;
}

bool grus_output_is_done(const char *outdir, const char *stem, const char *suffix)
{
    char *path = grus_manifest_path(outdir, stem), *output = grus_output_path(outdir, stem, suffix);
    struct stat about;
    uint64_t bytes;
    bool done = path && output && lstat(output, &about) == 0 && S_ISREG(about.st_mode) &&
                read_output_bytes(path, &bytes) && bytes == (uint64_t)about.st_size;
    free(output);
    free(path);
    return done;
}
