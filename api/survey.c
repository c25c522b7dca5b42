// survey.c: grus_outdir_survey: what a directory holds, put together. What the records say is survey_reader.c's.
#include "config.h"

#include "grus.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "api/survey_facts.h"
#include "api/survey_reader.h"
#include "api/survey_sample.h"
#include "base/error.h"
#include "base/sized.h"
#include "io/json/tree.h"
#include "io/outdir/claim.h"
#include "io/outdir/manifest.h"
#include "io/outdir/outdir.h"

#define BLOCK ((size_t)64 << 10)
#define RUN_MAX ((size_t)256 << 20) // bytes; it lists every shard
#define DEFAULT_SAMPLES 12

_Static_assert(sizeof(grus_survey_options) == offsetof(grus_survey_options, records) + sizeof(uint64_t), "padding");

static const grus_survey_options defaults = {.samples = DEFAULT_SAMPLES, .records = UINT64_MAX};

void grus_survey_options_init(grus_survey_options *options, size_t size)
{
    grus_sized_init(options, size, &defaults, sizeof defaults);
}

// The public result and what it points into.
typedef struct grus_survey_memory {
    grus_survey survey;
    grus_overview *overview;
    grus_arena *arena;
    grus_survey_shard *shards; // (overview->n)
} grus_survey_memory;

typedef struct grus_surveyor {
    const char *outdir;
    grus_survey_options options;
    grus_survey_memory *memory;
    grus_claim claim;
    grus_survey_names names;
    grus_survey_reader *reader;
} grus_surveyor;

// ---- times ----

// When the file was made, 0 where that is not told.
static int64_t born(const char *path)
{
#if defined STATX_BTIME
    struct statx about;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &about) == 0 && (about.stx_mask & STATX_BTIME))
        return (int64_t)about.stx_btime.tv_sec * 1000000000 + about.stx_btime.tv_nsec;
#else
    (void)path;
#endif
    return 0;
}

static int by_written(const void *a, const void *b)
{
    const grus_survey_shard *one = *(grus_survey_shard *const *)a, *other = *(grus_survey_shard *const *)b;
    return one->written < other->written ? -1 : one->written > other->written;
}

// The process that left the rank's report, in nanoseconds since 1970; 0, 0: none did.
typedef struct grus_process_time {
    int64_t began, ended;
    int64_t last; // a shard of the rank was written, of those that were looked at
} grus_process_time;

static void take_processes(const grus_survey *survey, grus_process_time *times)
{
    for (size_t i = 0; i < survey->n_ranks; i++) {
        const grus_survey_rank *rank = survey->ranks[i];
        double nanoseconds = rank->seconds * 1e9;
        if (rank->ended <= 0 || !(nanoseconds >= 0 && nanoseconds < (double)rank->ended))
            continue;
        times[rank->rank].began = rank->ended - (int64_t)nanoseconds;
        times[rank->rank].ended = rank->ended;
    }
}

// A rank does one shard after the other: none began before the one before it was written. An output that is younger than its
// manifest was copied, and does not say when it was made.
static void settle_time(grus_survey_shard *shard, grus_process_time *time)
{
    if (shard->written >= time->began && shard->written <= time->ended)
        shard->begun = time->began;
    else if (shard->begun > shard->written)
        shard->begun = 0;
    shard->begun = time->last > shard->begun ? time->last : shard->begun;
    time->last = shard->written;
}

static grus_status settle_times(grus_survey_memory *memory, grus_error *error)
{
    size_t n = memory->overview->n;
    grus_survey_shard **sorted = calloc(n, sizeof *sorted);
    grus_process_time *times = calloc(n, sizeof *times); // of ranks, of which no more than n have shards
    if (sorted && times) {
        take_processes(&memory->survey, times);
        for (size_t i = 0; i < n; i++)
            sorted[i] = &memory->shards[i];
        qsort(sorted, n, sizeof *sorted, by_written);
        for (size_t i = 0; i < n; i++)
            if (sorted[i]->written)
                settle_time(sorted[i], &times[memory->overview->shards[sorted[i] - memory->shards]->rank]);
    }
    bool made = sorted && times;
    free(times);
    free(sorted);
    return made ? GRUS_OK : grus_fail_memory(error, n * sizeof *times);
}

// ---- outputs ----

static const char *copy(grus_arena *arena, const char *text)
{
    char *copied = grus_arena_alloc(arena, strlen(text) + 1, 1);
    return copied ? strcpy(copied, text) : NULL;
}

// Why an output is not what it should be.
static grus_status take_fault(grus_surveyor *surveyor, const grus_error *fault, size_t i, grus_error *error)
{
    char text[sizeof(grus_error)];
    grus_survey_shard *shard = &surveyor->memory->shards[i];
    shard->fault = copy(surveyor->memory->arena, grus_error_text(fault, text, sizeof text));
    return shard->fault ? GRUS_OK : grus_fail_memory(error, sizeof text);
}

static grus_status read_output(grus_surveyor *surveyor, size_t i, const char *path, const grus_manifest *manifest,
                               grus_error *error)
{
    grus_survey_shard *shard = &surveyor->memory->shards[i];
    const char *stem = surveyor->claim.stems[i];
    grus_read_output output;
    grus_error fault;
    grus_status status = grus_survey_read(surveyor->reader, path, i, XXH64(stem, strlen(stem), 0), &output, &fault);
    shard->read = output.records;
    if (status == GRUS_E_MEMORY) {
        *error = fault;
        return status;
    }
    if (status)
        return take_fault(surveyor, &fault, i, error);
    bool differs = output.ended ? output.records != manifest->records_out : output.records > manifest->records_out;
    if (!differs)
        return GRUS_OK;
    grus_fail(&fault, GRUS_E_FAILED, path, NULL, "has %" PRIu64 " records, the manifest says %" PRIu64, output.records,
              manifest->records_out);
    return take_fault(surveyor, &fault, i, error);
}

static grus_status take_shard(grus_surveyor *surveyor, size_t i, const char *path, grus_error *error)
{
    grus_survey_shard *shard = &surveyor->memory->shards[i];
    grus_manifest manifest;
    bool exists;
    grus_error fault;
    grus_status status = grus_manifest_read(surveyor->outdir, surveyor->claim.stems[i], &manifest, &exists, &fault);
    if (status == GRUS_E_MEMORY) {
        *error = fault;
    } else if (status || !exists) {
        if (!status)
            grus_fail(&fault, GRUS_E_OUTPUT, path, NULL, "has lost its manifest");
        status = take_fault(surveyor, &fault, i, error);
    } else {
        shard->input_bytes = manifest.input_bytes;
        shard->output_bytes = manifest.output_bytes;
        shard->written = manifest.written;
        shard->begun = born(path);
        status = surveyor->memory->survey.has_records ? read_output(surveyor, i, path, &manifest, error) : GRUS_OK;
    }
    grus_manifest_free(&manifest);
    return status;
}

static grus_status take_shards(grus_surveyor *surveyor, grus_error *error)
{
    grus_survey_memory *memory = surveyor->memory;
    const grus_overview *overview = memory->overview;
    const grus_survey_shard **list = grus_arena_alloc(memory->arena, overview->n, sizeof *list);
    memory->shards = grus_arena_alloc(memory->arena, overview->n, sizeof *memory->shards);
    if (!list || !memory->shards)
        return grus_fail_memory(error, overview->n * sizeof *memory->shards);
    memory->survey.shards = list;
    memory->survey.is_whole = memory->survey.has_records;
    for (size_t i = 0; i < overview->n; i++) {
        const grus_shard_overview *of = overview->shards[i];
        memory->shards[i] = (grus_survey_shard){.size = sizeof *memory->shards};
        list[i] = &memory->shards[i];
        if (of->state != GRUS_STATE_DONE)
            continue;
        char *path = grus_outdir_output(surveyor->outdir, surveyor->claim.stems[i], surveyor->claim.suffix);
        grus_status status =
            path ? take_shard(surveyor, i, path, error) : grus_fail_memory(error, strlen(surveyor->outdir));
        free(path);
        if (status)
            return status;
        memory->survey.is_whole &= memory->shards[i].read == of->records && !memory->shards[i].fault;
    }
    return settle_times(memory, error);
}

// ---- what the records said ----

static grus_status take_tallies(const grus_survey_reader *reader, grus_survey *survey, grus_error *error)
{
    const grus_survey_tally **list = grus_arena_alloc(reader->arena, reader->n_tallies + 1, sizeof *list);
    for (size_t i = 0; list && i < reader->n_tallies; i++) {
        const grus_named_tally *tally = reader->tallies[i];
        list[i] = grus_tally_take(&tally->tally, tally->name, tally->unit, reader->arena);
        if (!list[i])
            return grus_fail_memory(error, sizeof **list);
    }
    survey->tallies = list;
    survey->n_tallies = reader->n_tallies;
    return list ? GRUS_OK : grus_fail_memory(error, sizeof *list);
}

static grus_status take_samples(const grus_surveyor *surveyor, grus_survey *survey, grus_error *error)
{
    grus_survey_reader *reader = surveyor->reader;
    grus_pool *const pools[] = {&reader->bad, &reader->good};
    const grus_sample_maker maker = {
        .names = reader->names,
        .source = &reader->source,
        .output = &reader->output,
        .arena = reader->arena,
        .scratch = &reader->scratch,
    };
    size_t n = reader->bad.n + reader->good.n;
    const grus_survey_sample **list = grus_arena_alloc(reader->arena, n + 1, sizeof *list);
    survey->samples = list;
    for (size_t p = 0; list && p < 2; p++) {
        grus_pool_sort(pools[p]);
        for (size_t i = 0; i < pools[p]->n; i++) {
            const grus_kept_record *kept = &pools[p]->list[i];
            const char *input = surveyor->memory->overview->shards[kept->shard]->input;
            list[survey->n_samples] = grus_sample_make(&maker, kept, input, reader->is_json);
            if (!list[survey->n_samples++])
                return grus_fail_memory(error, kept->length);
        }
    }
    return list ? GRUS_OK : grus_fail_memory(error, n * sizeof *list);
}

static grus_status take_counts(grus_surveyor *surveyor, grus_survey *survey, grus_error *error)
{
    grus_survey_reader *reader = surveyor->reader;
    survey->read = reader->read;
    survey->failed = reader->failed;
    survey->unreadable = reader->unreadable;
    survey->n_errors = reader->errors.n;
    survey->errors = grus_counts_sort(&reader->errors, reader->arena);
    survey->n_labels = reader->labels.n;
    survey->labels = grus_counts_sort(&reader->labels, reader->arena);
    survey->uncounted = reader->errors.uncounted + reader->labels.uncounted;
    if (!survey->errors || !survey->labels)
        return grus_fail_memory(error, sizeof *reader);
    grus_status status = take_tallies(reader, survey, error);
    return status ? status : take_samples(surveyor, survey, error);
}

// ---- the whole ----

// The reader lives in the arena, and its lists with it.
static grus_status make_reader(grus_surveyor *surveyor, grus_error *error)
{
    grus_survey_memory *memory = surveyor->memory;
    size_t samples = surveyor->options.samples;
    grus_survey_reader *reader = grus_arena_alloc(memory->arena, 1, sizeof *reader);
    if (!reader)
        return grus_fail_memory(error, sizeof *reader);
    memset(reader, 0, sizeof *reader);
    reader->names = &surveyor->names;
    reader->most = surveyor->options.records;
    reader->arena = memory->arena;
    reader->is_json = surveyor->claim.format == GRUS_FORMAT_JSONL;
    memory->survey.has_records = reader->is_json || surveyor->claim.format == GRUS_FORMAT_TXT;
    surveyor->reader = reader;
    if (!grus_pool_make(&reader->good, samples) || !grus_pool_make(&reader->bad, samples / 3 + (samples % 3 > 0)))
        return grus_fail_memory(error, samples * sizeof *reader->good.list);
    return GRUS_OK;
}

static grus_status read_run(grus_surveyor *surveyor, grus_error *error)
{
    grus_survey_memory *memory = surveyor->memory;
    const grus_overview *overview = memory->overview;
    struct stat about;
    char *path = grus_outdir_run(surveyor->outdir);
    if (!path)
        return grus_fail_memory(error, strlen(surveyor->outdir));
    json_t *run = NULL;
    grus_status status = grus_json_read_file(path, RUN_MAX, GRUS_E_OUTPUT, &run, error);
    if (!status && stat(path, &about) == 0)
        memory->survey.begun = grus_file_facts_of(&about).modified;
    if (!status)
        status = grus_survey_names_read(&surveyor->names, run, error);
    if (!status && !grus_survey_take_settings(run, memory->arena, &memory->survey))
        status = grus_fail_memory(error, RUN_MAX);
    size_t ranks = overview->world_size < overview->n ? overview->world_size : overview->n;
    if (!status &&
        !grus_survey_take_ranks(surveyor->outdir, ranks, overview->world_size, memory->arena, &memory->survey))
        status = grus_fail_memory(error, ranks * sizeof(grus_survey_rank));
    json_decref(run);
    free(path);
    return status;
}

static grus_status survey_outdir(grus_surveyor *surveyor, grus_error *error)
{
    grus_survey_memory *memory = surveyor->memory;
    memory->arena = grus_arena_new(BLOCK);
    if (!memory->arena)
        return grus_fail_memory(error, BLOCK);
    grus_status status = grus_claim_read(surveyor->outdir, &surveyor->claim, error);
    if (!status)
        status = grus_outdir_examine(surveyor->outdir, &memory->overview, error);
    if (!status && memory->overview->n != surveyor->claim.n)
        status = grus_fail(error, GRUS_E_OUTPUT, surveyor->outdir, NULL, "changes while it is read; try again");
    if (status)
        return status;
    memory->survey.overview = memory->overview;
    status = read_run(surveyor, error);
    if (!status)
        status = make_reader(surveyor, error);
    if (!status)
        status = take_shards(surveyor, error);
    return status ? status : take_counts(surveyor, &memory->survey, error);
}

grus_status grus_outdir_survey(const char *outdir, const grus_survey_options *options, grus_survey **survey,
                               grus_error *error)
{
    grus_error unseen;
    grus_surveyor surveyor = {.outdir = outdir, .options = defaults};
    if (!error)
        error = &unseen;
    *survey = NULL;
    surveyor.memory = calloc(1, sizeof *surveyor.memory);
    grus_status status = surveyor.memory ? GRUS_OK : grus_fail_memory(error, sizeof *surveyor.memory);
    if (!status && options)
        status = grus_sized_read(&surveyor.options, sizeof surveyor.options, options, "survey", error);
    if (!status) {
        surveyor.memory->survey.size = sizeof surveyor.memory->survey;
        status = survey_outdir(&surveyor, error);
    }
    if (surveyor.reader) {
        grus_pool_free(&surveyor.reader->good);
        grus_pool_free(&surveyor.reader->bad);
        grus_buffer_free(&surveyor.reader->scratch);
    }
    grus_survey_names_free(&surveyor.names);
    grus_claim_free(&surveyor.claim);
    if (status)
        grus_survey_free(surveyor.memory ? &surveyor.memory->survey : NULL);
    else
        *survey = &surveyor.memory->survey;
    return status;
}

// The survey is the first thing in its memory.
void grus_survey_free(grus_survey *survey)
{
    grus_survey_memory *memory = (grus_survey_memory *)survey;
    if (!memory)
        return;
    grus_overview_free(memory->overview);
    grus_arena_free(memory->arena);
    free(memory);
}
