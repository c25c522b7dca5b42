// survey_facts.c: JSON files of a few lines into structs.
#include "config.h"

#include "api/survey_facts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/json/dump.h"
#include "io/json/tree.h"
#include "io/outdir/outdir.h"

#define REPORT_MAX ((size_t)1 << 20) // bytes; one that we wrote has a few thousand

// ---- settings ----

// A text as it is, anything else as JSON.
static const char *value_text(json_t *value, grus_arena *arena)
{
    if (json_is_string(value))
        return grus_arena_text(arena, json_string_value(value), json_string_length(value));
    grus_buffer text = {0};
    grus_json_dump(value, false, &text);
    const char *copied = text.failed ? NULL : grus_arena_text(arena, text.data ? text.data : "", text.size);
    grus_buffer_free(&text);
    return copied;
}

bool grus_survey_take_settings(json_t *run, grus_arena *arena, grus_survey *survey)
{
    size_t n = json_object_size(run);
    grus_survey_fact *facts = grus_arena_alloc(arena, grus_max(n, 1), sizeof *facts);
    const grus_survey_fact **list = grus_arena_alloc(arena, grus_max(n, 1), sizeof *list);
    const char *key;
    json_t *value;
    if (!facts || !list)
        return false;
    json_object_foreach(run, key, value)
    {
        grus_survey_fact *fact = &facts[survey->n_settings];
        if (strcmp(key, "inputs") == 0 || strcmp(key, "run") == 0)
            continue;
        *fact = (grus_survey_fact){sizeof *fact, grus_arena_text(arena, key, strlen(key)), value_text(value, arena)};
        if (!fact->name || !fact->value)
            return false;
        list[survey->n_settings++] = fact;
    }
    survey->settings = list;
    return true;
}

// ---- reports ----

static uint64_t count_of(const json_t *report, const char *key)
{
    json_int_t count = json_integer_value(json_object_get(report, key));
    return count > 0 ? (uint64_t)count : 0;
}

static double number_of(const json_t *report, const char *key)
{
    return json_number_value(json_object_get(report, key));
}

static bool take_text(const json_t *report, const char *key, grus_arena *arena, const char **text)
{
    const json_t *value = json_object_get(report, key);
    *text = json_is_string(value) ? grus_arena_text(arena, json_string_value(value), json_string_length(value)) : "";
    return *text != NULL;
}

static bool take_errors(json_t *errors, grus_arena *arena, grus_survey_rank *rank)
{
    size_t n = json_object_size(errors);
    grus_survey_count *counts = grus_arena_alloc(arena, grus_max(n, 1), sizeof *counts);
    const grus_survey_count **list = grus_arena_alloc(arena, grus_max(n, 1), sizeof *list);
    const char *key;
    json_t *value;
    if (!counts || !list)
        return false;
    json_object_foreach(errors, key, value)
    {
        grus_survey_count *count = &counts[rank->n_errors];
        *count = (grus_survey_count){.size = sizeof *count, .text = grus_arena_text(arena, key, strlen(key))};
        count->n = count_of(errors, key);
        if (!count->text)
            return false;
        list[rank->n_errors++] = count;
    }
    rank->errors = list;
    return true;
}

static bool take_report(const json_t *report, size_t number, grus_arena *arena, grus_survey_rank *rank)
{
    const json_t *shards = json_object_get(report, "shards");
    *rank = (grus_survey_rank){
        .size = sizeof *rank,
        .rank = number,
        .seconds = number_of(json_object_get(report, "seconds"), "all"),
        .records_per_second = number_of(report, "records_per_second"),
        .tokens_in_per_second = number_of(report, "tokens_in_per_second"),
        .tokens_out_per_second = number_of(report, "tokens_out_per_second"),
        .workers_busy = number_of(report, "workers_busy"),
        .padding = number_of(report, "encoder_padding"),
        .lanes_idle = number_of(report, "decoder_lanes_idle"),
        .shards_done = count_of(shards, "done"),
        .shards_failed = count_of(shards, "failed"),
        .records = count_of(report, "records"),
        .records_failed = count_of(report, "records_failed"),
        .tokens_in = count_of(report, "tokens_in"),
        .tokens_out = count_of(report, "tokens_out"),
        .tokens_unknown = count_of(report, "tokens_unknown"),
        .records_truncated = count_of(report, "records_truncated"),
        .threads = count_of(report, "threads"),
        .peak_memory = count_of(report, "peak_memory"),
    };
    return take_text(report, "outcome", arena, &rank->outcome) && take_text(report, "cpu", arena, &rank->cpu) &&
           take_text(report, "kernel", arena, &rank->kernel) &&
           take_text(report, "compute_type", arena, &rank->compute_type) &&
           take_text(report, "version", arena, &rank->version) &&
           take_errors(json_object_get(report, "errors"), arena, rank);
}

bool grus_survey_take_ranks(const char *outdir, size_t n, size_t world_size, grus_arena *arena, grus_survey *survey)
{
    grus_survey_rank *ranks = grus_arena_alloc(arena, grus_max(n, 1), sizeof *ranks);
    const grus_survey_rank **list = grus_arena_alloc(arena, grus_max(n, 1), sizeof *list);
    bool fine = ranks && list;
    struct stat about;
    for (size_t i = 0; i < n && fine; i++) {
        char *path = grus_outdir_report(outdir, i, world_size);
        json_t *report = NULL;
        grus_error ignored;
        fine = path != NULL;
        if (path && grus_json_read_file(path, REPORT_MAX, GRUS_E_OUTPUT, &report, &ignored) == GRUS_OK) {
            grus_survey_rank *rank = &ranks[survey->n_ranks];
            fine = take_report(report, i, arena, rank);
            rank->ended = stat(path, &about) == 0 ? grus_file_facts_of(&about).modified : 0;
            list[survey->n_ranks++] = rank;
            json_decref(report);
        }
        free(path);
    }
    survey->ranks = list;
    return fine;
}
