// propose.c: how many tasks a run over these inputs might have, and what each would get. Nothing of the inputs is read but
// their names and sizes.
#include "config.h"

#include "grus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "base/text.h"
#include "io/json/json_write.h"
#include "scheduler/inputs.h"

#define EXACT ((size_t)1 << 14) // shards up to which every number of tasks is tried

typedef struct grus_part {
    uint64_t bytes;
    size_t shards;
} grus_part;

typedef struct grus_proposal {
    const grus_shards *shards;
    uint64_t per_task;
    uint64_t bytes;  // of all
    size_t largest;  // shard
    size_t over;     // shards that have more than per_task
    grus_part *part; // (n)
    size_t n;
} grus_proposal;

// Fills part for n tasks; false once one has more than limit.
static bool fill_parts(grus_proposal *proposal, size_t n, uint64_t limit)
{
    memset(proposal->part, 0, n * sizeof *proposal->part);
    proposal->n = n;
    for (size_t i = 0; i < proposal->shards->n; i++) {
        size_t rank = i % n; // as grus_shard_is_mine
        grus_part *part = &proposal->part[rank];
        part->bytes += proposal->shards->list[i].bytes;
        part->shards++;
        if (part->bytes > limit)
            return false;
    }
    return true;
}

// The least number of tasks of which none has more than per_task, or, where a shard alone has, than the largest shard. A
// task for each shard always is one. Where there are very many shards, some numbers are passed over.
static grus_status propose(grus_proposal *proposal, grus_error *error)
{
    const grus_shards *shards = proposal->shards;
    proposal->part = calloc(shards->n, sizeof *proposal->part);
    if (!proposal->part)
        return grus_fail_memory(error, shards->n * sizeof *proposal->part);
    for (size_t i = 0; i < shards->n; i++) {
        uint64_t bytes = shards->list[i].bytes;
        proposal->bytes += bytes;
        proposal->over += bytes > proposal->per_task;
        if (bytes > shards->list[proposal->largest].bytes)
            proposal->largest = i;
    }
    uint64_t limit = grus_max(proposal->per_task, shards->list[proposal->largest].bytes);
    size_t n = (size_t)grus_min(proposal->bytes / limit + (proposal->bytes % limit > 0), shards->n);
    n = grus_max(n, 1);
    while (!fill_parts(proposal, n, limit))
        n = grus_min(n + (shards->n > EXACT ? n / 256 : 0) + 1, shards->n);
    return GRUS_OK;
}

static grus_status list(const grus_run_options *options, grus_shards *shards, grus_error *error)
{
    grus_status status = grus_inputs_of_run(shards, options, error);
    for (size_t i = 0; i < shards->n && status == GRUS_OK; i++)
        if (grus_shard_is_stdin(&shards->list[i]))
            status = grus_fail(error, GRUS_E_USAGE, NULL, NULL, "standard input has no size, and is one task");
        else if (shards->list[i].fault)
            status = grus_shard_fault(&shards->list[i], error);
    return status;
}

// ---- for people ----

static void put_size(grus_buffer *text, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes / 1024;
    size_t unit = 0;
    for (; size >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        size /= 1024;
    if (bytes < 1024)
        grus_buffer_printf(text, "%" PRIu64 " bytes", bytes);
    else
        grus_buffer_printf(text, "%.4g %s", size, units[unit]);
}

static void put_line(grus_buffer *text, const char *name, size_t shards, uint64_t bytes)
{
    grus_buffer_printf(text, "%-9s %zu shard%s, ", name, shards, shards == 1 ? "" : "s");
    put_size(text, bytes);
    grus_buffer_byte(text, '\n');
}

static void put_table(const grus_proposal *proposal, grus_buffer *text)
{
    const grus_shards *shards = proposal->shards;
    const grus_shard *largest = &shards->list[proposal->largest];
    grus_error others;
    put_line(text, "inputs", shards->n, proposal->bytes);
    grus_buffer_printf(text, "largest   %s, ", largest->name);
    put_size(text, largest->bytes);
    grus_buffer_byte(text, '\n');
    if (proposal->over)
        grus_buffer_printf(text, "too large %zu shard%s: no task that has one keeps to the size; cut them\n",
                           proposal->over, proposal->over == 1 ? "" : "s");
    if (grus_shards_others(shards, &others) != GRUS_OK)
        grus_buffer_printf(text, "besides   %s\n", others.cause);
    for (size_t i = 0; i < proposal->n; i++) {
        char name[32];
        snprintf(name, sizeof name, "task %zu", i);
        put_line(text, name, proposal->part[i].shards, proposal->part[i].bytes);
    }
    grus_buffer_printf(text, "tasks     %zu: sbatch --array=0-%zu, or --world-size %zu with --rank 0 to %zu\n",
                       proposal->n, proposal->n - 1, proposal->n, proposal->n - 1);
}

// ---- JSON ----

static void put_count(grus_buffer *text, const char *name, uint64_t value)
{
    grus_buffer_printf(text, ",\n  \"%s\": %" PRIu64, name, value);
}

static void put_json(const grus_proposal *proposal, grus_buffer *text)
{
    const grus_shard *largest = &proposal->shards->list[proposal->largest];
    grus_buffer_printf(text, "{\n  \"tasks\": %zu,\n  \"array\": \"0-%zu\"", proposal->n, proposal->n - 1);
    put_count(text, "shards", proposal->shards->n);
    put_count(text, "bytes", proposal->bytes);
    put_count(text, "per_task", proposal->per_task);
    put_count(text, "too_large", proposal->over);
    put_count(text, "others", proposal->shards->n_others);
    grus_buffer_text(text, ",\n  \"largest\": {");
    grus_json_member(text, "input");
    grus_json_name(text, largest->name, strlen(largest->name));
    grus_json_count_member(text, "bytes", largest->bytes);
    grus_buffer_text(text, "},\n  \"parts\": [");
    for (size_t i = 0; i < proposal->n; i++)
        grus_buffer_printf(text, "%s\n    {\"rank\": %zu, \"shards\": %zu, \"bytes\": %" PRIu64 "}", i ? "," : "", i,
                           proposal->part[i].shards, proposal->part[i].bytes);
    grus_buffer_text(text, "\n  ]\n}\n");
}

grus_status grus_run_propose(const grus_run_options *options, uint64_t per_task, bool as_json, grus_text *text,
                             grus_error *error)
{
    grus_error unseen;
    grus_run_options settings;
    grus_buffer buffer = {0};
    grus_shards shards = {0};
    grus_proposal proposal = {.shards = &shards, .per_task = per_task};
    if (!error)
        error = &unseen;
    *text = (grus_text){0};
    grus_run_options_init(&settings, sizeof settings);
    grus_status status = grus_sized_read(&settings, sizeof settings, options, "run", error);
    if (status == GRUS_OK && per_task == 0)
        status = grus_fail(error, GRUS_E_USAGE, NULL, NULL, "a task takes at least 1 byte");
    if (status == GRUS_OK)
        status = list(&settings, &shards, error);
    if (status == GRUS_OK)
        status = propose(&proposal, error);
    if (status == GRUS_OK) {
        if (as_json)
            put_json(&proposal, &buffer);
        else
            put_table(&proposal, &buffer);
        status = grus_text_take(text, &buffer, error);
    }
    if (status != GRUS_OK)
        grus_buffer_free(&buffer);
    free(proposal.part);
    grus_shards_free(&shards);
    return status;
}
