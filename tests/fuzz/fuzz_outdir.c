// fuzz_outdir.c: what an output directory remembers of its run: manifests, run.json, the names of temporary files. The
// oracles are jansson, and that what is written is read back the same.
#include "config.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/claim.h"
#include "io/commit.h"
#include "io/manifest.h"
#include "io/partial.h"
#include "io/record.h"
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

static bool is_manifest(const json_t *json)
{
    static const char *const counts[] = {"input_bytes", "records_in", "records_out", "records_failed", "output_bytes"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (!is_count(json_object_get(json, counts[i])))
            return false;
    return json_is_string(json_object_get(json, "input")) && is_hash(json_object_get(json, "input_xxh64")) &&
           is_hash(json_object_get(json, "output_xxh64"));
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

void fuzz_manifest(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
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
        FUZZ_CHECK(!strcmp(manifest.input, again.input) && manifest.input_bytes == again.input_bytes &&
                   manifest.input_xxh64 == again.input_xxh64 && manifest.records_in == again.records_in &&
                   manifest.records_out == again.records_out && manifest.records_failed == again.records_failed &&
                   manifest.output_bytes == again.output_bytes && manifest.output_xxh64 == again.output_xxh64);
        free(again.input);
        grus_buffer_free(&text);
    }
    free(manifest.input);
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
    status = grus_outdir_claim(fuzz_dir(), other, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == GRUS_OK) == (json_is_object(was) && json_equal(was, is)));
    json_decref(was);
    json_decref(is);
    free(other);
}

// ---- temporary files ----

// STEM.PID-RANDOM@HOST, read from its end, and perhaps the tail of a journal.
static bool is_temporary(const char *name, size_t *stem_length)
{
    size_t length = strlen(name), at = length, tail = strlen(GRUS_JOURNAL_TAIL);
    const char *last = strrchr(name, '@'), *plus = last ? strchr(last, '+') : NULL;
    if (plus && strcmp(plus, GRUS_JOURNAL_TAIL) != 0)
        return false;
    length -= plus ? tail : 0;
    if (last && length - (size_t)(last - name) - 1 >= 64) // no host's name is so long
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

void fuzz_partial(const uint8_t *data, size_t size)
{
    char name[256], path[512];
    size_t length = size < sizeof name - 1 ? size : sizeof name - 1;
    memcpy(name, data, length);
    name[length] = '\0';
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
        FUZZ_CHECK(partials.list[0].journal == !strcmp(strrchr(name, '@') + 1 + host, GRUS_JOURNAL_TAIL));
        name[stem_length] = '\0';
        FUZZ_CHECK(grus_partial_is_of(&partials.list[0], name) == (stem_length <= 120));
    }
    grus_partials_free(&partials);
    FUZZ_CHECK(unlink(path) == 0);
}
