// fuzz_outdir.c: what an output directory remembers of its run: manifests, run.json, the names of temporary files. The
// oracles are jansson, and that what is written is read back the same.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/outdir/claim.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"
#include "io/outdir/partial.h"
#include "io/outdir/temporary.h"
#include "io/shard/shard_name.h"
#include "tests/fuzz/fuzz.h"

// ---- manifests ----

static bool is_count(const json_t *json)
{
    return json_is_integer(json) && json_integer_value(json) >= 0;
}

static bool is_hash(const json_t *json)
{
    const char *text = json_string_value(json);
    size_t i = 0;
    while (text && i < 16 && ((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
        i++;
    return text && i == 16 && text[16] == '\0';
}

static bool is_number(const json_t *json, bool is_signed)
{
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    text += is_signed && *text == '-';
    size_t digits = strspn(text, "0123456789");
    errno = 0;
    if (is_signed)
        strtoll(text, NULL, 10);
    else
        strtoull(text, NULL, 10);
    return digits > 0 && !text[digits] && errno == 0;
}

// What tells an input from another one: all of it or nothing.
static bool has_source(const json_t *json)
{
    const json_t *path = json_object_get(json, "input_path"), *modified = json_object_get(json, "input_modified_ns"),
                 *inode = json_object_get(json, "input_inode");
    bool facts = !modified && !inode;
    return (!path || json_is_string(path)) && (facts || (is_number(modified, true) && is_number(inode, false)));
}

static bool is_manifest(const json_t *json)
{
    static const char *const counts[] = {"input_bytes", "records_in", "records_out", "records_failed", "output_bytes"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (!is_count(json_object_get(json, counts[i])))
            return false;
    return has_source(json) && json_is_string(json_object_get(json, "input")) &&
           is_hash(json_object_get(json, "input_xxh64")) && is_hash(json_object_get(json, "output_xxh64"));
}

static grus_status read_manifest(const void *data, size_t size, grus_manifest *manifest)
{
    bool exists;
    grus_error error = {0};
    fuzz_put(".grus/done/shard.json", data, size);
    grus_status status = grus_manifest_read(fuzz_dir(), "shard", manifest, &exists, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(exists);
    return status;
}

static bool equal(const grus_manifest *a, const grus_manifest *b)
{
    return !strcmp(a->input, b->input) && a->input_bytes == b->input_bytes && a->input_xxh64 == b->input_xxh64 &&
           a->records_in == b->records_in && a->records_out == b->records_out &&
           a->records_failed == b->records_failed && a->output_bytes == b->output_bytes &&
           a->output_xxh64 == b->output_xxh64 && !a->input_path == !b->input_path &&
           (!a->input_path || !strcmp(a->input_path, b->input_path)) &&
           a->input_file.regular == b->input_file.regular && a->input_file.modified == b->input_file.modified &&
           a->input_file.inode == b->input_file.inode;
}

// It is written, stays where the same is written again or the output is there, and is removed where it is of another
// output than the one to come.
static void check_written(const grus_manifest *manifest)
{
    const char *dir = fuzz_dir();
    bool exists;
    grus_manifest again, other = *manifest;
    grus_error error = {0};
    fuzz_put(".grus/partial/none", "", 0);
    FUZZ_CHECK(!grus_manifest_write(dir, "written", NULL, NULL, manifest, &error));
    FUZZ_CHECK(!grus_manifest_write(dir, "written", NULL, NULL, manifest, &error));
    FUZZ_CHECK(!grus_manifest_drop_stale(dir, "written", ".npy", manifest, &error));
    FUZZ_CHECK(!grus_manifest_read(dir, "written", &again, &exists, &error) && exists && equal(manifest, &again));
    grus_manifest_free(&again);
    other.output_xxh64 ^= 1;
    FUZZ_CHECK(!grus_manifest_write(dir, "written", NULL, NULL, &other, &error));
    FUZZ_CHECK(!grus_manifest_read(dir, "written", &again, &exists, &error) && exists && equal(&other, &again));
    grus_manifest_free(&again);
    FUZZ_CHECK(!grus_manifest_drop_stale(dir, "written", ".npy", manifest, &error));
    FUZZ_CHECK(!grus_manifest_read(dir, "written", &again, &exists, &error) && !exists);
}

void fuzz_manifest(const uint8_t *data, size_t size)
{
    // jansson passes over a NUL behind a number.
    bool nul = size && memchr(data, 0, size);
    json_t *json = nul ? NULL : json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    grus_manifest manifest, again;
    grus_status status = read_manifest(data, size, &manifest);
    FUZZ_CHECK((status == GRUS_OK) == is_manifest(json));
    if (!status) {
        const char *hash = json_string_value(json_object_get(json, "output_xxh64"));
        FUZZ_CHECK(manifest.output_xxh64 == strtoull(hash, NULL, 16));
        FUZZ_CHECK(manifest.records_out == (uint64_t)json_integer_value(json_object_get(json, "records_out")));
        FUZZ_CHECK(!strcmp(manifest.input, json_string_value(json_object_get(json, "input"))));
        grus_buffer text = {0};
        grus_manifest_text(&manifest, &text);
        FUZZ_CHECK(!read_manifest(text.data, text.size, &again));
        FUZZ_CHECK(equal(&manifest, &again));
        grus_manifest_free(&again);
        grus_buffer_free(&text);
        check_written(&manifest);
    }
    fuzz_put("shard.npy", "12345", 5);
    FUZZ_CHECK(grus_manifest_is_done(fuzz_dir(), "shard", ".npy") == (status == GRUS_OK && manifest.output_bytes == 5));
    FUZZ_CHECK(!grus_manifest_is_done(fuzz_dir(), "shard", ".txt.zst"));
    grus_manifest_free(&manifest);
    json_decref(json);
}

// ---- run.json ----

static bool is_claim(const json_t *json)
{
    const json_t *world_size = json_object_get(json, "world_size"), *inputs = json_object_get(json, "inputs"), *input;
    const char *format = json_string_value(json_object_get(json, "format"));
    size_t i;
    if (!json_is_integer(world_size) || json_integer_value(world_size) < 1 || json_array_size(inputs) == 0 || !format ||
        (strcmp(format, "jsonl") && strcmp(format, "txt") && strcmp(format, "npy")))
        return false;
    json_array_foreach(inputs, i, input)
    {
        const char *name = json_string_value(input);
        if (!name || *name == '\0' || strchr(name, '/'))
            return false;
    }
    return true;
}

// The input is run.json, and behind a NUL what another process would write there.
void fuzz_claim(const uint8_t *data, size_t size)
{
    const char *zero = size ? memchr(data, 0, size) : NULL, *text = (const char *)data;
    size_t first = zero ? (size_t)(zero - text) : size;
    fuzz_put(".grus/run.json", data, first);
    json_t *was = json_loadb(text, first, JSON_REJECT_DUPLICATES, NULL);
    grus_claim claim;
    grus_error error = {0};
    grus_status status = grus_claim_read(fuzz_dir(), &claim, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == GRUS_OK) == is_claim(was));
    FUZZ_CHECK(status || claim.n == json_array_size(json_object_get(was, "inputs")));
    for (size_t i = 0; !status && i < claim.n; i++)
        FUZZ_CHECK(!strchr(claim.stems[i], '/') && !strchr(claim.suffix, '/'));
    grus_claim_free(&claim);

    char *other = strndup(zero ? zero + 1 : "", zero ? size - first - 1 : 0);
    json_t *is = json_loads(other, JSON_REJECT_DUPLICATES, NULL);
    error = (grus_error){0};
    status = grus_claim_take(fuzz_dir(), other, false, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == GRUS_OK) == (json_is_object(was) && json_equal(was, is)));
    json_decref(was);
    json_decref(is);
    free(other);
}

// ---- temporary files ----

// HOST, or HOST~BOOT~NAMESPACE.
static bool is_origin(const char *text, size_t length)
{
    const char *boot = memchr(text, '~', length),
               *space = boot ? memchr(boot + 1, '~', length - (size_t)(boot + 1 - text)) : NULL;
    if (length == 0 || memchr(text, '+', length) || boot == text ||
        (boot ? boot - text : (ptrdiff_t)length) >= GRUS_HOST_MAX)
        return false;
    if (!boot || !space)
        return !boot;
    size_t rest = length - (size_t)(space + 1 - text), digits = (size_t)(space - boot) - 1;
    return digits >= 1 && digits <= 12 && strspn(boot + 1, "0123456789abcdef") >= digits && rest >= 1 && rest <= 20 &&
           strspn(space + 1, "0123456789") >= rest;
}

// STEM.PID-RANDOM@ORIGIN, read from its end, and perhaps the tail of a journal.
static bool is_temporary(const char *name, size_t *stem_length)
{
    size_t length = strlen(name), at = length, tail = strlen(GRUS_OUTDIR_JOURNAL_TAIL);
    const char *last = strrchr(name, '@'), *plus = last ? strchr(last, '+') : NULL;
    if (plus && strcmp(plus, GRUS_OUTDIR_JOURNAL_TAIL) != 0)
        return false;
    length -= plus ? tail : 0;
    if (last && !is_origin(last + 1, length - (size_t)(last - name) - 1))
        return false;
    at = length;
    while (at > 0 && name[at - 1] != '@')
        at--;
    if (at == 0 || at == length || --at < 17)
        return false;
    for (size_t i = 0; i < 16; i++)
        if (!strchr("0123456789abcdef", name[--at]))
            return false;
    if (name[--at] != '-')
        return false;
    size_t end = at;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    *stem_length = at ? at - 1 : 0;
    return at < end && name[at] != '0' && at > 1 && name[at - 1] == '.' &&
           (end - at < 19 || (end - at == 19 && strncmp(name + at, "9223372036854775807", 19) <= 0));
}

// The host @here is this one.
static void make_name(const uint8_t *data, size_t size, char name[256])
{
    char text[256], host[GRUS_HOST_MAX];
    size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, length);
    text[length] = '\0';
    grus_origin_host(host);
    const char *here = strstr(text, "@here");
    if (here)
        snprintf(name, 256, "%.*s@%s%s", (int)(here - text), text, host, here + strlen("@here"));
    else
        snprintf(name, 256, "%s", text);
}

// One of this host and no process goes, unless it is a journal of a shard that is not done.
static void check_sweep(const grus_partial *partial, const char *path)
{
    char origin[GRUS_ORIGIN_MAX], beside[1024];
    grus_error error;
    FUZZ_CHECK(!grus_origin_this(origin, &error));
    const char *theirs = strrchr(partial->name, '@') + 1, *plus = strchr(theirs, '+');
    size_t length = plus ? (size_t)(plus - theirs) : strlen(theirs);
    bool whole = memchr(theirs, '~', length);
    bool here = length == (whole ? strlen(origin) : strcspn(origin, "~")) && !memcmp(theirs, origin, length);
    bool gone = partial->pid > INT_MAX || (kill((pid_t)partial->pid, 0) != 0 && errno == ESRCH);
    FUZZ_CHECK(partial->owner == GRUS_OWNER_ELSEWHERE || here);
    FUZZ_CHECK(!here || !gone || partial->owner == GRUS_OWNER_DEAD);
    grus_partials_sweep(fuzz_dir(), ".npy", NULL);
    bool swept = partial->owner == GRUS_OWNER_DEAD && !partial->journal;
    FUZZ_CHECK((access(path, F_OK) != 0) == swept);
    snprintf(beside, sizeof beside, "%s/.grus/partial/%.*s", fuzz_dir(), (int)partial->stem_length, partial->name);
    grus_partials_sweep_beside(beside);
    swept = partial->owner == GRUS_OWNER_DEAD && (!partial->journal || partial->stem_length <= GRUS_TEMP_STEM_MAX);
    FUZZ_CHECK((access(path, F_OK) != 0) == swept);
}

void fuzz_partial(const uint8_t *data, size_t size)
{
    char name[256], path[512];
    make_name(data, size, name);
    if (*name == '\0' || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        return;
    snprintf(path, sizeof path, "%s/.grus", fuzz_dir());
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/.grus/partial", fuzz_dir());
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/.grus/partial/%s", fuzz_dir(), name);
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    close(fd);
    grus_partials partials;
    grus_error error = {0};
    grus_status status = grus_partials_list(fuzz_dir(), &partials, &error);
    fuzz_check_error(status, &error);
    size_t stem_length;
    FUZZ_CHECK(!status && partials.n == is_temporary(name, &stem_length));
    if (partials.n == 1) {
        FUZZ_CHECK(!strcmp(partials.list[0].name, name) && partials.list[0].stem_length == stem_length);
        size_t host = strlen(partials.list[0].host);
        FUZZ_CHECK(!strncmp(partials.list[0].host, strrchr(name, '@') + 1, host));
        const char *tail = strchr(strrchr(name, '@') + 1 + host, '+');
        FUZZ_CHECK(partials.list[0].journal == (tail && !strcmp(tail, GRUS_OUTDIR_JOURNAL_TAIL)));
        name[stem_length] = '\0';
        FUZZ_CHECK(grus_partial_is_of(&partials.list[0], name) == (stem_length <= 120));
        check_sweep(&partials.list[0], path);
    }
    bool swept = partials.n == 1 && access(path, F_OK) != 0;
    grus_partials_free(&partials);
    FUZZ_CHECK(swept || unlink(path) == 0);
}
