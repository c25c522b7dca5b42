// claim.c: reads run.json. Its names become paths, so that one with a slash in it is refused.
#include "config.h"

#include "io/outdir/claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "io/json/settings.h"
#include "io/shard/record.h"

static grus_status damaged(const char *path, const char *key, const char *expected, grus_error *error)
{
    return grus_fail(error, GRUS_E_OUTPUT, path, key, "is damaged: expected %s", expected);
}

// The end of an output's name; NULL for a format that grus does not have.
static const char *suffix_of(const char *format)
{
    static const char *const suffixes[][2] = {{"jsonl", ".jsonl.zst"}, {"txt", ".txt.zst"}, {"npy", ".npy"}};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcmp(format, suffixes[i][0]) == 0)
            return suffixes[i][1];
    return NULL;
}

static grus_status take_input(grus_claim *claim, const char *path, const json_t *json, grus_error *error)
{
    const char *name = json_string_value(json);
    if (!name || !*name || strchr(name, '/'))
        return damaged(path, "inputs", "a list of file names", error);
    claim->inputs[claim->n] = strdup(name);
    claim->stems[claim->n] = grus_shard_stem(name);
    claim->n++;
    return claim->inputs[claim->n - 1] && claim->stems[claim->n - 1] ? GRUS_OK : grus_fail_memory(error, strlen(name));
}

static grus_status take_inputs(grus_claim *claim, const char *path, const json_t *list, grus_error *error)
{
    size_t n = json_array_size(list);
    if (n == 0)
        return damaged(path, "inputs", "a list of file names", error);
    claim->inputs = calloc(n, sizeof *claim->inputs);
    claim->stems = calloc(n, sizeof *claim->stems);
    if (!claim->inputs || !claim->stems)
        return grus_fail_memory(error, n * sizeof *claim->stems);
    grus_status status = GRUS_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = take_input(claim, path, json_array_get(list, i), error);
    return status;
}

static grus_status take_run(grus_claim *claim, const char *path, const json_t *run, grus_error *error)
{
    const json_t *world_size = json_object_get(run, "world_size"), *format = json_object_get(run, "format");
    if (!json_is_integer(world_size) || json_integer_value(world_size) < 1)
        return damaged(path, "world_size", "a number from 1 on", error);
    claim->world_size = (size_t)json_integer_value(world_size);
    claim->suffix = json_is_string(format) ? suffix_of(json_string_value(format)) : NULL;
    if (!claim->suffix)
        return damaged(path, "format", "jsonl, txt or npy", error);
    return take_inputs(claim, path, json_object_get(run, "inputs"), error);
}

// {"first": 1, "step": 2, "tasks": 4}; where there was no array, nothing.
static grus_status take_array(grus_claim *claim, const char *path, const json_t *array, grus_error *error)
{
    size_t *const to[] = {&claim->array_first, &claim->array_step, &claim->array_tasks};
    static const char *const keys[] = {"first", "step", "tasks"};
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_object_get(array, keys[i]);
        *to[i] = i > 0;
        if (!array)
            continue;
        if (!json_is_integer(value) || json_integer_value(value) < (i > 0))
            return damaged(path, "array", "first, step and tasks of a job array", error);
        *to[i] = (size_t)json_integer_value(value);
    }
    return GRUS_OK;
}

static grus_status read_run(grus_claim *claim, const char *path, grus_error *error)
{
    json_t *run;
    grus_status status = grus_json_read_file(path, GRUS_RUN_MAX, GRUS_E_OUTPUT, &run, error);
    if (!status)
        status = take_run(claim, path, run, error);
    if (!status)
        status = take_array(claim, path, json_object_get(run, "array"), error);
    json_decref(run);
    return status;
}

grus_status grus_claim_find(const char *outdir, grus_claim *claim, bool *exists, grus_error *error)
{
    *claim = (grus_claim){0};
    *exists = false;
    char *path;
    struct stat about;
    if (asprintf(&path, "%s/.grus/run.json", outdir) < 0)
        return grus_fail_memory(error, strlen(outdir));
    *exists = lstat(path, &about) == 0 || (errno != ENOENT && errno != ENOTDIR);
    grus_status status = *exists ? read_run(claim, path, error) : GRUS_OK;
    free(path);
    return status;
}

grus_status grus_claim_read(const char *outdir, grus_claim *claim, grus_error *error)
{
    bool exists;
    grus_status status = grus_claim_find(outdir, claim, &exists, error);
    if (status || exists)
        return status;
    return grus_fail(error, GRUS_E_OUTPUT, outdir, NULL,
                     "is not the output directory of a run: it has no .grus/run.json");
}

void grus_claim_free(grus_claim *claim)
{
    for (size_t i = 0; i < claim->n; i++) {
        free(claim->inputs[i]);
        free(claim->stems[i]);
    }
    free(claim->inputs);
    free(claim->stems);
    *claim = (grus_claim){0};
}
