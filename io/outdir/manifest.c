// manifest.c: writes and judges manifests.
#include "config.h"

#include "io/outdir/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/file.h"
#include "io/json/json_write.h"
#include "io/json/tree.h"
#include "io/outdir/outdir.h"
#include "io/outdir/temporary.h"

#define MANIFEST_MAX ((size_t)1 << 20) // bytes; one that we wrote has a few hundred

// 16 hexadecimal digits, as `xxhsum -H1` prints them; a JSON number would lose bits in many a reader.
static void hash_member(grus_buffer *out, const char *name, uint64_t value)
{
    grus_json_member(out, name);
    grus_buffer_printf(out, "\"%016" PRIx64 "\"", value);
}

// As text, for the same reason.
static void file_members(grus_buffer *out, const grus_file_facts *file)
{
    grus_json_member(out, "input_modified_ns");
    grus_buffer_printf(out, "\"%" PRId64 "\"", file->modified);
    grus_json_member(out, "input_inode");
    grus_buffer_printf(out, "\"%" PRIu64 "\"", file->inode);
}

static void error_members(grus_buffer *out, const grus_manifest *manifest)
{
    grus_json_member(out, "errors");
    grus_buffer_byte(out, '{');
    for (size_t i = 0; i < manifest->n_errors; i++)
        grus_json_count_member(out, manifest->errors[i].name, manifest->errors[i].n);
    grus_buffer_byte(out, '}');
}

void grus_manifest_text(const grus_manifest *manifest, grus_buffer *text)
{
    grus_buffer_byte(text, '{');
    grus_json_name_member(text, "input", manifest->input);
    if (manifest->input_path)
        grus_json_name_member(text, "input_path", manifest->input_path);
    grus_json_count_member(text, "input_bytes", manifest->input_bytes);
    if (manifest->input_file.regular)
        file_members(text, &manifest->input_file);
    hash_member(text, "input_xxh64", manifest->input_xxh64);
    grus_json_count_member(text, "records_in", manifest->records_in);
    grus_json_count_member(text, "records_out", manifest->records_out);
    grus_json_count_member(text, "records_failed", manifest->records_failed);
    if (manifest->n_errors)
        error_members(text, manifest);
    grus_json_count_member(text, "output_bytes", manifest->output_bytes);
    hash_member(text, "output_xxh64", manifest->output_xxh64);
    grus_json_text_member(text, "kernel", manifest->kernel);
    grus_json_text_member(text, "version", manifest->version);
    if (*manifest->run)
        grus_json_text_member(text, "run", manifest->run);
    grus_json_end_line(text);
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

// What a manifest's name is given by, and only where both hold; NULL is not asked.
typedef struct grus_manifest_guard {
    const grus_hold *hold;
    const grus_placed *placed;
} grus_manifest_guard;

static grus_status check_guard(const grus_manifest_guard *guard, grus_error *error)
{
    grus_status status = guard->hold ? grus_hold_check(guard->hold, error) : GRUS_OK;
    return !status && guard->placed ? grus_placed_check(guard->placed, error) : status;
}

static grus_status place_text(grus_temp *temp, const char *path, const grus_manifest_guard *guard,
                              const grus_buffer *text, grus_error *error)
{
    bool exists = false;
    grus_status status = check_guard(guard, error);
    if (!status)
        status = grus_temp_place(temp, path, &exists, error);
    if (status || !exists)
        return status;
    if (holds_text(path, text))
        return grus_dir_sync_of(path, error);
    status = check_guard(guard, error);
    return status ? status : grus_temp_place(temp, path, NULL, error);
}

static grus_status write_text(const char *partial, const char *stem, const char *path, const grus_manifest_guard *guard,
                              const grus_buffer *text, grus_error *error)
{
    grus_temp temp;
    grus_status status = grus_temp_write(partial, stem, text->data, text->size, &temp, error);
    if (status)
        return status;
    if (guard->hold)
        grus_hold_target(guard->hold, &temp);
    status = grus_hold_folders(guard->hold, path, stem, error);
    if (!status)
        status = place_text(&temp, path, guard, text, error);
    grus_temp_discard(&temp);
    return status;
}

grus_status grus_manifest_write(const char *outdir, const char *stem, const grus_hold *hold, const grus_placed *placed,
                                const grus_manifest *manifest, grus_error *error)
{
    const grus_manifest_guard guard = {hold, placed};
    grus_buffer text = {0};
    grus_manifest_text(manifest, &text);
    char *path = grus_outdir_manifest(outdir, stem), *partial = grus_outdir_partials(outdir);
    grus_status status = text.failed || !path || !partial ? grus_fail_memory(error, text.size)
                                                          : write_text(partial, stem, path, &guard, &text, error);
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
    char *path = grus_outdir_manifest(outdir, stem), *output = grus_outdir_output(outdir, stem, suffix);
    struct stat about;
    grus_status status = GRUS_OK;
    if (text.failed || !path || !output)
        status = grus_fail_memory(error, text.size);
    else if (lstat(output, &about) != 0 && errno == ENOENT && lstat(path, &about) == 0 && !holds_text(path, &text)) {
        if (unlink(path) != 0 && errno != ENOENT)
            status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "is out of date and cannot be removed");
        else
            status = grus_dir_sync_of(path, error);
    }
    free(output);
    free(path);
    grus_buffer_free(&text);
    return status;
}

// ---- reading ----

static bool take_count(const json_t *value, uint64_t *count)
{
    *count = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool take_hash(const json_t *value, uint64_t *hash)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
        return false;
    *hash = strtoull(text, NULL, 16);
    return true;
}

static bool is_digits(const char *text)
{
    return *text && !text[strspn(text, "0123456789")];
}

// Numbers written as text; false when they are not.
static bool take_file(const json_t *modified, const json_t *inode, grus_file_facts *file)
{
    const char *time = json_string_value(modified), *number = json_string_value(inode);
    if (!time || !number || !is_digits(time + (*time == '-')) || !is_digits(number))
        return false;
    errno = 0;
    file->modified = strtoll(time, NULL, 10);
    file->inode = strtoull(number, NULL, 10);
    file->regular = errno == 0;
    return file->regular;
}

// What version 0.1.0 did not write; the first key of a wrong value, or NULL.
static const char *take_source(const json_t *json, grus_manifest *manifest)
{
    const json_t *path = json_object_get(json, "input_path"), *modified = json_object_get(json, "input_modified_ns"),
                 *inode = json_object_get(json, "input_inode");
    if (path && !json_is_string(path))
        return "input_path";
    const char *run = json_string_value(json_object_get(json, "run"));
    if (json_object_get(json, "run") && (!run || strlen(run) >= sizeof manifest->run))
        return "run";
    if (run)
        memcpy(manifest->run, run, strlen(run) + 1);
    if ((modified || inode) && !take_file(modified, inode, &manifest->input_file))
        return "input_modified_ns";
    manifest->input_file.bytes = manifest->input_file.regular ? manifest->input_bytes : 0;
    return NULL;
}

// Those that there is room for; a manifest need not have them.
static void take_errors(json_t *json, grus_manifest *manifest)
{
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        grus_manifest_error *error = &manifest->errors[manifest->n_errors];
        if (manifest->n_errors == GRUS_MANIFEST_ERRORS || strlen(name) >= sizeof error->name ||
            !take_count(value, &error->n))
            continue;
        memcpy(error->name, name, strlen(name) + 1);
        manifest->n_errors++;
    }
}

// The first key whose value is absent or of a wrong type; NULL when all are as they should be.
static const char *take_members(const json_t *json, grus_manifest *manifest)
{
    const struct {
        const char *key;
        bool is_hash;
        uint64_t *to;
    } members[] = {
        {"input_bytes", false, &manifest->input_bytes},       {"input_xxh64", true, &manifest->input_xxh64},
        {"records_in", false, &manifest->records_in},         {"records_out", false, &manifest->records_out},
        {"records_failed", false, &manifest->records_failed}, {"output_bytes", false, &manifest->output_bytes},
        {"output_xxh64", true, &manifest->output_xxh64},
    };
    if (!json_is_string(json_object_get(json, "input")))
        return "input";
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(json, members[i].key);
        if (!(members[i].is_hash ? take_hash(value, members[i].to) : take_count(value, members[i].to)))
            return members[i].key;
    }
    return take_source(json, manifest);
}

// A copy of a member that is a text; NULL where there is none.
static grus_status take_text(const json_t *value, char **text, grus_error *error)
{
    if (!value)
        return GRUS_OK;
    *text = strdup(json_string_value(value));
    return *text ? GRUS_OK : grus_fail_memory(error, json_string_length(value));
}

static grus_status read_manifest(const char *path, grus_manifest *manifest, grus_error *error)
{
    json_t *json;
    grus_status status = grus_json_read_file(path, MANIFEST_MAX, GRUS_E_OUTPUT, &json, error);
    if (status)
        return status;
    const char *wrong = take_members(json, manifest);
    if (wrong)
        status = grus_fail(error, GRUS_E_OUTPUT, path, wrong, "is damaged: absent, or not what a manifest has there");
    else
        status = take_text(json_object_get(json, "input"), &manifest->input, error);
    if (!status)
        status = take_text(json_object_get(json, "input_path"), &manifest->input_path, error);
    take_errors(json_object_get(json, "errors"), manifest);
    json_decref(json);
    return status;
}

void grus_manifest_free(grus_manifest *manifest)
{
    free(manifest->input);
    free(manifest->input_path);
    manifest->input = manifest->input_path = NULL;
}

grus_status grus_manifest_read(const char *outdir, const char *stem, grus_manifest *manifest, bool *exists,
                               grus_error *error)
{
    *manifest = (grus_manifest){0};
    *exists = false;
    char *path = grus_outdir_manifest(outdir, stem);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    struct stat about;
    bool known = lstat(path, &about) == 0;
    *exists = known || errno != ENOENT;
    if (known)
        manifest->written = grus_file_facts_of(&about).modified;
    grus_status status = *exists ? read_manifest(path, manifest, error) : GRUS_OK;
    free(path);
    return status;
}

grus_status grus_manifest_ask_done(const char *outdir, const char *stem, const char *suffix, grus_manifest *manifest,
                                   bool *done, grus_error *error)
{
    char *output = grus_outdir_output(outdir, stem, suffix);
    struct stat about;
    *manifest = (grus_manifest){0};
    *done = false;
    if (!output)
        return grus_fail_memory(error, strlen(outdir));
    bool exists = false, has_output = lstat(output, &about) == 0 && S_ISREG(about.st_mode);
    free(output);
    if (!has_output)
        return GRUS_OK;
    errno = 0;
    grus_status status = grus_manifest_read(outdir, stem, manifest, &exists, error);
    if (status == GRUS_E_OUTPUT && grus_errno_is_want()) {
        error->status = GRUS_E_FAILED;
        return GRUS_E_FAILED;
    }
    *done = !status && exists && manifest->output_bytes == (uint64_t)about.st_size;
    return status == GRUS_E_MEMORY ? status : GRUS_OK;
}

bool grus_manifest_find_done(const char *outdir, const char *stem, const char *suffix, grus_manifest *manifest)
{
    grus_error ignored;
    bool done;
    return grus_manifest_ask_done(outdir, stem, suffix, manifest, &done, &ignored) == GRUS_OK && done;
}

bool grus_manifest_is_done(const char *outdir, const char *stem, const char *suffix)
{
    grus_manifest manifest;
    bool done = grus_manifest_find_done(outdir, stem, suffix, &manifest);
    grus_manifest_free(&manifest);
    return done;
}
