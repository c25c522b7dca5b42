// verify.c: every output of a directory against its manifest, and every manifest against the list of shards.
#include "config.h"

#include "grus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/path.h"
#include "base/sized.h"
#include "io/file.h"
#include "io/outdir/claim.h"
#include "io/outdir/grow.h"
#include "io/outdir/input.h"
#include "io/outdir/outdir.h"
#include "io/outdir/strays.h"
#include "io/shard/features.h"
#include "io/shard/stream.h"
#include "scheduler/inputs.h"

typedef struct grus_verifier {
    const char *outdir;
    grus_claim claim;
    grus_shards inputs; // that the caller named
    grus_verify_options options;
    grus_verified counts;
} grus_verifier;

_Static_assert(sizeof(grus_verify_options) == offsetof(grus_verify_options, context) + sizeof(void *), "padding");
_Static_assert(sizeof(grus_verified) == offsetof(grus_verified, differences) + sizeof(uint64_t), "padding");

static const grus_verify_options verify_defaults;
static const grus_verified no_counts;

void grus_verify_options_init(grus_verify_options *options, size_t size)
{
    grus_sized_init(options, size, &verify_defaults, sizeof verify_defaults);
}

void grus_verified_init(grus_verified *counts, size_t size)
{
    grus_sized_init(counts, size, &no_counts, sizeof no_counts);
}

// ---- telling ----

static void tell(grus_verifier *verifier, const grus_error *difference)
{
    verifier->counts.differences++;
    if (verifier->options.on_difference)
        verifier->options.on_difference(verifier->options.context, difference);
}

static void tell_words(grus_verifier *verifier, const char *path, const char *place, const char *words)
{
    grus_error difference;
    grus_fail(&difference, GRUS_E_FAILED, path, place, "%s", words);
    tell(verifier, &difference);
}

static void compare_count(grus_verifier *verifier, const char *path, const char *key, const char *what, uint64_t found,
                          uint64_t expected)
{
    grus_error difference;
    if (found == expected)
        return;
    grus_fail(&difference, GRUS_E_FAILED, path, key, "%s%" PRIu64 ", the manifest says %" PRIu64, what, found,
              expected);
    tell(verifier, &difference);
}

static void compare_hash(grus_verifier *verifier, const char *path, const char *key, uint64_t found, uint64_t expected)
{
    grus_error difference;
    if (found == expected)
        return;
    grus_fail(&difference, GRUS_E_FAILED, path, key, "the XXH64 is %016" PRIx64 ", the manifest says %016" PRIx64,
              found, expected);
    tell(verifier, &difference);
}

// What is wrong with one file is a difference; want of memory ends the work.
static grus_status pass_on(grus_verifier *verifier, const grus_error *error)
{
    if (error->status == GRUS_E_MEMORY)
        return GRUS_E_MEMORY;
    tell(verifier, error);
    return GRUS_OK;
}

// ---- one output ----

typedef struct grus_content {
    grus_stream_counts counts;
    uint64_t lines;
    bool cut; // the last line lacks its newline
} grus_content;

static grus_status read_content(const char *path, grus_content *content, grus_error *error)
{
    grus_stream *stream;
    grus_status status = grus_stream_open(path, GRUS_WINDOW_LOG, &stream, error);
    if (status)
        return status;
    for (size_t size = 1; size > 0 && !status;) {
        const char *data, *at, *end;
        status = grus_stream_next(stream, &data, &size, error);
        for (at = data; size && (end = memchr(at, '\n', (size_t)(data + size - at))) != NULL; at = end + 1)
            content->lines++;
        if (size)
            content->cut = at < data + size;
    }
    content->counts = grus_stream_count(stream);
    grus_stream_close(stream);
    return status;
}

// A frame that cannot be read to its end leaves bytes behind it unread, which belong to the size and the hash too.
static grus_status verify_damaged(grus_verifier *verifier, const char *path, const grus_error *damage,
                                  const grus_manifest *manifest, grus_error *error)
{
    uint64_t bytes, hash;
    tell(verifier, damage);
    if (grus_file_digest(path, GRUS_E_OUTPUT, &bytes, &hash, error) != GRUS_OK)
        return pass_on(verifier, error);
    compare_count(verifier, path, "output_bytes", "the size is ", bytes, manifest->output_bytes);
    compare_hash(verifier, path, "output_xxh64", hash, manifest->output_xxh64);
    return GRUS_OK;
}

static void verify_lines(grus_verifier *verifier, const char *path, const grus_content *content,
                         const grus_manifest *manifest)
{
    compare_count(verifier, path, "records_out", "the number of lines is ", content->lines, manifest->records_out);
    if (content->cut)
        tell_words(verifier, path, NULL, "the last line has no newline");
}

static grus_status verify_features(grus_verifier *verifier, const char *path, const grus_manifest *manifest,
                                   grus_error *error)
{
    grus_feature_shard *shard;
    if (grus_feature_shard_open(path, GRUS_WINDOW_LOG, &shard, error) != GRUS_OK)
        return pass_on(verifier, error);
    compare_count(verifier, path, "records_out", "the number of records is ", grus_feature_shard_sequences(shard),
                  manifest->records_out);
    grus_feature_shard_close(shard);
    return GRUS_OK;
}

static void verify_coding(grus_verifier *verifier, const char *path, const grus_stream_counts *counts)
{
    static const char *const words[] = {"is not one zstd frame, as grus writes it",
                                        "is not one gzip member, as grus writes it",
                                        "is compressed, and the run was not to"};
    grus_compress compress = verifier->claim.compress;
    bool right = compress == GRUS_COMPRESS_NONE ? counts->frames == 0
                                                : counts->frames == 1 && counts->gzip == (compress == GRUS_COMPRESS_GZ);
    if (!right || counts->skippable_frames)
        tell_words(verifier, path, NULL, words[compress]);
}

static grus_status verify_output(grus_verifier *verifier, const char *path, const grus_manifest *manifest,
                                 grus_error *error)
{
    grus_content content = {0};
    grus_error damage;
    grus_status status = read_content(path, &content, &damage);
    if (status == GRUS_E_MEMORY) {
        *error = damage;
        return status;
    }
    if (status)
        return verify_damaged(verifier, path, &damage, manifest, error);
    const grus_stream_counts *counts = &content.counts;
    verifier->counts.bytes += counts->bytes_in;
    compare_count(verifier, path, "output_bytes", "the size is ", counts->bytes_in, manifest->output_bytes);
    compare_hash(verifier, path, "output_xxh64", counts->xxh64, manifest->output_xxh64);
    if (verifier->claim.format == GRUS_FORMAT_NPY)
        return GRUS_OK;
    if (verifier->claim.format == GRUS_FORMAT_SAFETENSORS)
        status = verify_features(verifier, path, manifest, error);
    else
        verify_lines(verifier, path, &content, manifest);
    if (!status)
        verify_coding(verifier, path, counts);
    return status;
}

static int by_name(const void *name, const void *shard)
{
    return strcmp(name, (*(const grus_shard *const *)shard)->name);
}

// The input that the manifest names, as far as it can be reached.
static grus_status verify_recorded(grus_verifier *verifier, const grus_manifest *manifest, grus_error *error)
{
    bool changed = false;
    grus_status status = GRUS_OK;
    if (manifest->input_path)
        status = grus_input_compare(manifest, manifest->input_path, NULL, &changed, error);
    if (changed)
        tell(verifier, error);
    return status == GRUS_E_MEMORY ? status : GRUS_OK;
}

static grus_status verify_input(grus_verifier *verifier, const grus_shard *const *inputs, const char *name,
                                const grus_manifest *manifest, grus_error *error)
{
    const grus_shard *const *found =
        verifier->inputs.n ? bsearch(name, inputs, verifier->inputs.n, sizeof(const grus_shard *), by_name) : NULL;
    if (!found || (*found)->fault)
        return GRUS_OK;
    const char *path = (*found)->path;
    uint64_t bytes, hash;
    if (grus_file_digest(path, GRUS_E_INPUT, &bytes, &hash, error) != GRUS_OK)
        return pass_on(verifier, error);
    verifier->counts.inputs++;
    compare_count(verifier, path, "input_bytes", "the size is ", bytes, manifest->input_bytes);
    compare_hash(verifier, path, "input_xxh64", hash, manifest->input_xxh64);
    return GRUS_OK;
}

// ---- one shard ----

static void verify_counts(grus_verifier *verifier, const char *path, const char *input, const grus_manifest *manifest)
{
    if (strcmp(manifest->run, verifier->claim.run) != 0)
        tell_words(verifier, path, "run", "is of another run than run.json: the output was made with other options");
    if (strcmp(manifest->input, input) != 0 && (*manifest->run || !grus_grow_was_named(manifest->input, input)))
        tell_words(verifier, path, "input", "is another input than run.json has for this output");
    if (manifest->records_out != manifest->records_in)
        tell_words(verifier, path, "records_out", "is not records_in: a record was lost or doubled");
    if (manifest->records_failed > manifest->records_out)
        tell_words(verifier, path, "records_failed", "is more than records_out");
}

typedef struct grus_shard_paths {
    char *output, *manifest;
} grus_shard_paths;

static grus_status verify_pair(grus_verifier *verifier, size_t i, const grus_shard_paths *paths,
                               const grus_shard *const *inputs, const grus_manifest *manifest, grus_error *error)
{
    const char *input = verifier->claim.inputs[i];
    verifier->counts.outputs++;
    verifier->counts.records += manifest->records_out;
    verifier->counts.records_failed += manifest->records_failed;
    verify_counts(verifier, paths->manifest, input, manifest);
    grus_status status = verify_output(verifier, paths->output, manifest, error);
    if (!status && verifier->options.n_inputs == 0)
        return verify_recorded(verifier, manifest, error);
    return status ? status : verify_input(verifier, inputs, input, manifest, error);
}

static grus_status verify_shard(grus_verifier *verifier, size_t i, const grus_shard_paths *paths,
                                const grus_shard *const *inputs, grus_error *error)
{
    struct stat about;
    grus_manifest manifest;
    bool has_manifest;
    // First the manifest: where it is, the output was there before it.
    grus_status status =
        grus_manifest_read(verifier->outdir, verifier->claim.stems[i], &manifest, &has_manifest, error);
    if (status)
        return pass_on(verifier, error);
    bool has_output = lstat(paths->output, &about) == 0 || errno != ENOENT;
    if (!has_output && !has_manifest)
        verifier->counts.missing++;
    else if (!has_manifest)
        tell_words(verifier, paths->output, NULL, "has no manifest: nothing proves that it is whole");
    else if (!has_output)
        tell_words(verifier, paths->manifest, NULL, "has no output");
    else
        status = verify_pair(verifier, i, paths, inputs, &manifest, error);
    grus_manifest_free(&manifest);
    return status;
}

static grus_status verify_shards(grus_verifier *verifier, const grus_shard *const *inputs, grus_error *error)
{
    grus_status status = GRUS_OK;
    verifier->counts.shards = verifier->claim.n;
    for (size_t i = 0; i < verifier->claim.n && !status; i++) {
        const char *stem = verifier->claim.stems[i];
        grus_shard_paths paths = {grus_outdir_output(verifier->outdir, stem, verifier->claim.suffix),
                                  grus_outdir_manifest(verifier->outdir, stem)};
        if (paths.output && paths.manifest)
            status = verify_shard(verifier, i, &paths, inputs, error);
        else
            status = grus_fail_memory(error, strlen(verifier->outdir));
        free(paths.output);
        free(paths.manifest);
    }
    return status;
}

// ---- what belongs to no shard ----

static void tell_stray(void *verifier, const char *path)
{
    tell_words(verifier, path, NULL, "belongs to no shard that run.json lists");
}

// ---- inputs ----

static int by_shard_name(const void *a, const void *b)
{
    return strcmp((*(const grus_shard *const *)a)->name, (*(const grus_shard *const *)b)->name);
}

// Tells what of the inputs cannot be compared.
static grus_status check_inputs(grus_verifier *verifier, grus_error *error)
{
    const grus_claim *claim = &verifier->claim;
    char **names = grus_path_sorted(claim->inputs, claim->n);
    if (!names)
        return grus_fail_memory(error, claim->n * sizeof *names);
    for (size_t i = 0; i < verifier->inputs.n; i++) {
        const grus_shard *shard = &verifier->inputs.list[i];
        grus_error fault;
        if (shard->fault) {
            grus_shard_fault(shard, &fault);
            tell(verifier, &fault);
        } else if (!grus_path_is_listed(names, claim->n, shard->name)) {
            tell_words(verifier, shard->path, NULL, "is no input of this run");
        }
    }
    free(names);
    return GRUS_OK;
}

// The inputs in the order of their names; NULL when memory is short.
static const grus_shard **sort_inputs(const grus_shards *shards)
{
    const grus_shard **sorted = calloc(grus_max(shards->n, 1), sizeof *sorted);
    for (size_t i = 0; sorted && i < shards->n; i++)
        sorted[i] = &shards->list[i];
    if (sorted && shards->n)
        qsort(sorted, shards->n, sizeof *sorted, by_shard_name);
    return sorted;
}

static bool has_folders(const grus_claim *claim)
{
    for (size_t i = 0; i < claim->n; i++)
        if (strchr(claim->inputs[i], '/'))
            return true;
    return false;
}

static grus_status list_inputs(grus_verifier *verifier, grus_error *error)
{
    const grus_verify_options *options = &verifier->options;
    if (options->n_inputs == 0)
        return GRUS_OK;
    const grus_claim *claim = &verifier->claim;
    struct stat about;
    grus_inputs inputs = {.list = options->inputs, .n = options->n_inputs, .recursive = has_folders(claim)};
    // Of a run over folders, what the directory holds besides is none of its business.
    if (inputs.recursive && inputs.n == 1 && stat(inputs.list[0], &about) == 0 && S_ISDIR(about.st_mode)) {
        inputs.names = (const char *const *)claim->inputs;
        inputs.n_names = claim->n;
    }
    grus_status status = grus_inputs_list(&verifier->inputs, &inputs, error);
    if (status)
        return status;
    for (size_t i = 0; i < verifier->inputs.n; i++)
        if (grus_shard_is_stdin(&verifier->inputs.list[i]))
            return grus_fail(error, GRUS_E_USAGE, NULL, NULL, "standard input cannot be compared");
    return check_inputs(verifier, error);
}

static grus_status verify(grus_verifier *verifier, grus_error *error)
{
    const grus_shard **sorted = NULL;
    grus_status status = grus_claim_read(verifier->outdir, &verifier->claim, error);
    if (!status)
        status = list_inputs(verifier, error);
    if (!status && !(sorted = sort_inputs(&verifier->inputs)))
        status = grus_fail_memory(error, verifier->inputs.n * sizeof *sorted);
    if (!status)
        status = verify_shards(verifier, sorted, error);
    if (!status)
        status = grus_strays_find(verifier->outdir, &verifier->claim, tell_stray, verifier, error);
    free(sorted);
    if (!status && verifier->counts.differences)
        status = grus_fail(error, GRUS_E_FAILED, verifier->outdir, NULL, "%" PRIu64 " differences",
                           verifier->counts.differences);
    return status;
}

grus_status grus_outdir_verify(const char *outdir, const grus_verify_options *options, grus_verified *counts,
                               grus_error *error)
{
    grus_error unseen;
    grus_verifier verifier = {.outdir = outdir};
    if (!error)
        error = &unseen;
    grus_status status = GRUS_OK;
    if (options)
        status = grus_sized_read(&verifier.options, sizeof verifier.options, options, "verify", error);
    if (!status)
        status = verify(&verifier, error);
    if (counts)
        grus_sized_fill(counts, &verifier.counts, sizeof verifier.counts);
    grus_shards_free(&verifier.inputs);
    grus_claim_free(&verifier.claim);
    return status;
}
