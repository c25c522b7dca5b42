// claim.c: writes, compares and reads run.json. Its names become paths, so that one that
// would lead out of the directory, or to its .grus, is refused.
#include "config.h"

#include "io/outdir/claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/names.h"
#include "io/file.h"
#include "io/json/dump.h"
#include "io/json/tree.h"
#include "io/outdir/grow.h"
#include "io/outdir/outdir.h"
#include "io/outdir/temporary.h"
#include "io/shard/shard_name.h"

#define RUN_MAX ((size_t)256 << 20) // bytes; it lists every shard

// ---- reading ----

static grus_status damaged(const char *path, const char *key, const char *expected, grus_error *error)
{
    return grus_fail(error, GRUS_E_OUTPUT, path, key, "is damaged: expected %s", expected);
}

// None is the identity "".
static bool take_identity(const json_t *value, char run[GRUS_RUN_IDENTITY])
{
    const char *text = json_string_value(value);
    run[0] = '\0';
    if (!value)
        return true;
    if (!text || strlen(text) != GRUS_RUN_IDENTITY - 1 || strspn(text, "0123456789abcdef") != GRUS_RUN_IDENTITY - 1)
        return false;
    memcpy(run, text, GRUS_RUN_IDENTITY);
    return true;
}

static grus_status take_input(grus_claim *claim, const char *path, const json_t *json, grus_error *error)
{
    const char *name = json_string_value(json);
    if (!name || !grus_outdir_takes_name(name))
        return damaged(path, "inputs", "a list of file names", error);
    claim->inputs[claim->n] = strdup(name);
    claim->stems[claim->n] = grus_shard_whole_stem(name);
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
    if (!take_identity(json_object_get(run, "run"), claim->run))
        return damaged(path, "run", "16 hexadecimal digits", error);
    if (!json_is_integer(world_size) || json_integer_value(world_size) < 1)
        return damaged(path, "world_size", "a number from 1 on", error);
    claim->world_size = (size_t)json_integer_value(world_size);
    size_t number;
    if (!json_is_string(format) || !grus_name_find(grus_format_names, json_string_value(format), &number))
        return damaged(path, "format", "jsonl, txt, npy or safetensors", error);
    claim->format = (grus_format)number;
    const json_t *compress = json_object_get(run, "compress"); // those that came before it have none
    number = GRUS_COMPRESS_ZST;
    if (compress &&
        (!json_is_string(compress) || !grus_name_find(grus_compress_names, json_string_value(compress), &number)))
        return damaged(path, "compress", "zst, gz or none", error);
    claim->compress = (grus_compress)number;
    claim->suffix = grus_output_suffix(claim->format, claim->compress);
    return take_inputs(claim, path, json_object_get(run, "inputs"), error);
}

// {"first": 1, "step": 2, "tasks": 4}; where there was no array, nothing.
static grus_status take_array(grus_claim *claim, const char *path, const json_t *array, grus_error *error)
{
    claim->in_array = array != NULL;
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
    grus_status status = grus_json_read_file(path, RUN_MAX, GRUS_E_OUTPUT, &run, error);
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
    struct stat about;
    char *path = grus_outdir_run(outdir);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    bool found = lstat(path, &about) == 0;
    *exists = found || (errno != ENOENT && errno != ENOTDIR);
    grus_status status = GRUS_OK;
    if (found)
        status = read_run(claim, path, error);
    else if (*exists)
        status = grus_fail_errno(error, GRUS_E_OUTPUT, path, "cannot be opened");
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
                     "is not the output directory of a run: it has no " GRUS_OUTDIR_RUN_NAME);
}

grus_status grus_claim_identity(const char *outdir, char run[GRUS_RUN_IDENTITY], grus_error *error)
{
    grus_claim claim;
    bool exists;
    grus_status status = grus_claim_find(outdir, &claim, &exists, error);
    memcpy(run, claim.run, GRUS_RUN_IDENTITY);
    grus_claim_free(&claim);
    return status;
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

// ---- claiming ----

static void describe(json_t *value, char *text, size_t size)
{
    grus_buffer dump = {0};
    if (value)
        grus_json_dump(value, false, &dump);
    size_t length = dump.failed ? 0 : dump.size, shown = length < 60 ? length : 60;
    while (shown < length && (dump.data[shown] & 0xC0) == 0x80)
        shown--;
    snprintf(text, size, "%.*s%s", (int)shown, length ? dump.data : "", shown < length ? "…" : "");
    if (!value)
        snprintf(text, size, "nothing");
    grus_buffer_free(&dump);
}

static grus_status differs(const char *path, const char *place, json_t *was, json_t *is, grus_error *error)
{
    char old[80], new[80];
    describe(was, old, sizeof old);
    describe(is, new, sizeof new);
    return grus_fail(error, GRUS_E_USAGE, path, place,
                     "the directory belongs to another run: it has %s there, this run %s; choose another output "
                     "directory or the same options, or remove this one if its results are not wanted",
                     old, new);
}

// Names the first key, in the order of keys, whose values differ. The two objects are not equal.
static grus_status name_difference(const char *path, const char *above, json_t *was, json_t *is, grus_error *error)
{
    const char *key;
    json_t *value, *const sides[] = {is, was};
    for (size_t side = 0; side < 2; side++) {
        json_object_foreach(sides[side], key, value)
        {
            json_t *before = json_object_get(was, key), *now = json_object_get(is, key);
            if (before && now && json_equal(before, now))
                continue;
            char place[256];
            snprintf(place, sizeof place, "%s%s%s", above, *above ? "." : "", key);
            if (json_is_object(before) && json_is_object(now))
                return name_difference(path, place, before, now, error);
            return differs(path, place, before, now, error);
        }
    }
    return differs(path, above, was, is, error);
}

// Processes of one run that begin together may have replaced one another's run.json, each looking before the first
// renamed: when they look again, it is the last one's for all of them.
static void let_others_settle(void)
{
    struct timespec wait = {.tv_sec = 1};
    while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
        continue;
}

// *exists as of grus_temp_place.
static grus_status write_run(const char *outdir, const char *path, const char *text, bool *exists, grus_error *error)
{
    char *partial = grus_outdir_partials(outdir);
    if (!partial)
        return grus_fail_memory(error, strlen(outdir));
    grus_temp temp;
    grus_status status = grus_temp_open(partial, "run", "", &temp, error);
    free(partial);
    if (status)
        return status;
    if (!grus_fd_write(temp.fd, text, strlen(text)))
        status = grus_fail_errno(error, GRUS_E_OUTPUT, temp.path, "cannot be written");
    if (!status)
        status = grus_temp_sync(&temp, error);
    if (!status)
        status = grus_temp_place(&temp, path, exists, error);
    if (!status && exists && !*exists && temp.unsure) {
        let_others_settle();
        *exists = true;
    }
    grus_temp_discard(&temp);
    return status;
}

// Two run.json, of which whole has all of its members and is the other's in effect.
typedef struct grus_claim_pair {
    const char *outdir, *path;
    json_t *whole, *was, *is;
    json_t *model_name; // of the other, NULL where it has none
    bool grow;
} grus_claim_pair;

static grus_status model_differs(const grus_claim_pair *pair, json_t *was, json_t *is, grus_error *error)
{
    char old[80], new[80], name[80], why[128];
    json_t *name_was = json_object_get(pair->whole, GRUS_CLAIM_MODEL_NAME);
    describe(was, old, sizeof old);
    describe(is, new, sizeof new);
    describe(name_was, name, sizeof name);
    if (name_was && pair->model_name && !json_equal(name_was, pair->model_name))
        snprintf(why, sizeof why, "it was %s", name);
    else
        snprintf(why, sizeof why, "its files have changed, or it is another directory");
    return grus_fail(error, GRUS_E_USAGE, pair->path, "model",
                     "the directory belongs to another run: it has %s there, this run %s; the model is another now "
                     "(%s); choose another output directory, or remove this one if its results are not wanted",
                     old, new, why);
}

static grus_status replace_inputs(const grus_claim_pair *pair, grus_error *error)
{
    grus_buffer text = {0};
    grus_status status = grus_grow_text(pair->whole, pair->is, &text, error);
    grus_buffer_byte(&text, '\0');
    if (!status && text.failed)
        status = grus_fail_memory(error, text.size);
    if (!status)
        status = write_run(pair->outdir, pair->path, text.data, NULL, error);
    grus_buffer_free(&text);
    return status;
}

static grus_status settle_difference(const grus_claim_pair *pair, grus_error *error)
{
    size_t more;
    const char *first;
    if (!json_object_get(pair->whole, "run") && grus_grow_restores(pair->was, pair->is))
        return replace_inputs(pair, error);
    json_t *model_was = json_object_get(pair->was, "model"), *model_is = json_object_get(pair->is, "model");
    if (model_was && model_is && !json_equal(model_was, model_is))
        return model_differs(pair, model_was, model_is, error);
    if (!grus_grow_adds(pair->was, pair->is, &more, &first))
        return name_difference(pair->path, "", pair->was, pair->is, error);
    if (!pair->grow)
        return grus_fail(error, GRUS_E_USAGE, pair->path, "inputs",
                         "the run has other inputs: %zu of this run's %s not among them, %s%s; run.grow adds %s", more,
                         more == 1 ? "is" : "are", first, more == 1 ? "" : " the first", more == 1 ? "it" : "them");
    return replace_inputs(pair, error);
}

// What does not make another run: how the first process was started, the run's identity, what its model was called.
static void leave_out(json_t *run)
{
    json_object_del(run, "array");
    json_object_del(run, "run");
    json_object_del(run, GRUS_CLAIM_MODEL_NAME);
}

// Compares text with what path holds.
static grus_status compare_run(grus_claim_pair *pair, const char *text, grus_error *error)
{
    grus_status status = grus_json_read_file(pair->path, RUN_MAX, GRUS_E_OUTPUT, &pair->was, error);
    if (!status)
        status = grus_json_read_text(pair->path, text, strlen(text), GRUS_E_OUTPUT, &pair->is, error);
    if (!status && !(pair->whole = json_copy(pair->was)))
        status = grus_fail_memory(error, strlen(text));
    if (!status) {
        pair->model_name = json_incref(json_object_get(pair->is, GRUS_CLAIM_MODEL_NAME));
        leave_out(pair->was);
        leave_out(pair->is);
        if (!json_equal(pair->was, pair->is))
            status = settle_difference(pair, error);
    }
    json_decref(pair->model_name);
    json_decref(pair->whole);
    json_decref(pair->is);
    json_decref(pair->was);
    return status;
}

grus_status grus_claim_take(const char *outdir, const char *text, bool grow, grus_error *error)
{
    char *path = grus_outdir_run(outdir);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    grus_claim_pair pair = {.outdir = outdir, .path = path, .grow = grow};
    struct stat about;
    bool exists = lstat(path, &about) == 0;
    grus_status status = GRUS_OK;
    if (!exists)
        status = write_run(outdir, path, text, &exists, error);
    if (!status && exists)
        status = compare_run(&pair, text, error);
    free(path);
    return status;
}

grus_status grus_claim_check(const char *outdir, const char *text, grus_error *error)
{
    char *path = grus_outdir_run(outdir);
    if (!path)
        return grus_fail_memory(error, strlen(outdir));
    grus_claim_pair pair = {.outdir = outdir, .path = path};
    grus_status status = compare_run(&pair, text, error);
    free(path);
    return status;
}
