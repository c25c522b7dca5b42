// failure.c: writes and reads causes of failures.
#include "config.h"

#include "io/outdir/failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "io/file.h"
#include "io/json/json_write.h"
#include "io/json/tree.h"
#include "io/outdir/outdir.h"

#define FAILURE_MAX ((size_t)1 << 16) // bytes; one that we wrote has at most a few times those of an error

static void put_text(const grus_failure *failure, grus_buffer *text)
{
    grus_buffer_byte(text, '{');
    grus_json_name_member(text, "input", failure->input);
    grus_json_count_member(text, "status", (uint64_t)failure->error.status);
    grus_json_name_member(text, "file", failure->error.file);
    grus_json_name_member(text, "place", failure->error.place);
    grus_json_name_member(text, "cause", failure->error.cause);
    grus_json_count_member(text, "rank", failure->rank);
    grus_json_text_member(text, "host", failure->host);
    grus_json_text_member(text, "time", failure->time);
    grus_json_text_member(text, "version", PACKAGE_VERSION);
    if (*failure->run)
        grus_json_text_member(text, "run", failure->run);
    grus_json_end_line(text);
}

static void stamp(grus_failure *failure)
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(failure->time, sizeof failure->time, "%Y-%m-%dT%H:%M:%SZ", &parts);
    grus_origin_host(failure->host);
}

static grus_status write_text(const grus_hold *hold, const char *partial, const char *stem, const char *path,
                              const grus_buffer *text, grus_error *error)
{
    grus_temp temp;
    grus_status status = grus_temp_write(partial, stem, text->data, text->size, &temp, error);
    if (status)
        return status;
    grus_hold_target(hold, &temp);
    status = grus_hold_check(hold, error);
    if (!status)
        status = grus_hold_folders(hold, path, stem, error);
    if (!status)
        status = grus_temp_place(&temp, path, NULL, error);
    grus_temp_discard(&temp);
    return status;
}

grus_status grus_failure_write(const grus_hold *hold, const char *stem, grus_failure *failure, grus_error *error)
{
    grus_status status = grus_hold_check(hold, error);
    if (!status)
        status = grus_outdir_prepare_failures(hold->outdir, error);
    if (status)
        return status;
    grus_buffer text = {0};
    stamp(failure);
    memcpy(failure->run, hold->run, sizeof failure->run);
    put_text(failure, &text);
    char *path = grus_outdir_failure(hold->outdir, stem), *partial = grus_outdir_partials(hold->outdir);
    status = text.failed || !path || !partial ? grus_fail_memory(error, text.size)
                                              : write_text(hold, partial, stem, path, &text, error);
    free(partial);
    free(path);
    grus_buffer_free(&text);
    return status;
}

// ---- reading ----

static void take_text(const json_t *json, const char *name, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(json, name));
    snprintf(to, size, "%s", text ? text : "");
}

static void take(const json_t *json, grus_failure *failure)
{
    json_int_t rank = json_integer_value(json_object_get(json, "rank"));
    failure->rank = rank > 0 ? (size_t)rank : 0;
    failure->error.status = GRUS_E_FAILED;
    take_text(json, "file", failure->error.file, sizeof failure->error.file);
    take_text(json, "place", failure->error.place, sizeof failure->error.place);
    take_text(json, "cause", failure->error.cause, sizeof failure->error.cause);
    take_text(json, "host", failure->host, sizeof failure->host);
    take_text(json, "time", failure->time, sizeof failure->time);
    take_text(json, "run", failure->run, sizeof failure->run);
}

bool grus_failure_read(const char *outdir, const char *stem, const char *run, grus_failure *failure)
{
    *failure = (grus_failure){0};
    char *path = grus_outdir_failure(outdir, stem);
    json_t *json = NULL;
    grus_error ignored;
    bool found = path && grus_json_read_file(path, FAILURE_MAX, GRUS_E_OUTPUT, &json, &ignored) == GRUS_OK;
    if (found)
        take(json, failure);
    json_decref(json);
    free(path);
    return found && strcmp(failure->run, run) == 0;
}

bool grus_failure_possible(const char *outdir)
{
    char *path = grus_outdir_failures(outdir);
    bool possible = path && access(path, F_OK) == 0;
    free(path);
    return possible;
}

void grus_failure_drop(const char *outdir, const char *stem)
{
    char *path = grus_outdir_failure(outdir, stem);
    if (path)
        unlink(path);
    free(path);
}
