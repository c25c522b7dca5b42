// reader.c: shards to slots.
#include "config.h"

#include "scheduler/reader.h"

#include <poll.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/outdir/outdir.h"
#include "scheduler/batcher.h"
#include "scheduler/checkpoint.h"
#include "scheduler/clock.h"
#include "scheduler/records.h"

#define POLL_MS 100
#define LINGER 0.2        // seconds that a record waits for others in its batch, where standard output is waited for
#define SKIP_RECORDS 4096 // between two looks at whether the run is stopped

typedef struct grus_reader {
    grus_shared *shared;
    const grus_shard *shard;
    size_t index; // of the shard
    grus_records records;
    bool is_open; // the records
    bool mark;    // slots tell how far the shard has been read
    grus_parsed parsed;
    grus_batcher batcher;
    grus_resume *resume; // what is done of the shard already, for its first slot; NULL where nothing is
    grus_slot *slot;     // being filled, or NULL
    bool first;          // the next slot is the shard's first
    double waited;       // seconds, since the last count, for a free slot or for standard input
    double counted;      // when the figures were brought up to date last
    uint64_t bytes_in;   // of the shard, as counted
    uint64_t n_read;     // records of it, skipped ones too
    bool linger;         // records that wait are sent when nothing comes
    double since;        // when the first of those that wait came, or earlier
} grus_reader;

// Of the shard, with the slot that is filled: all that was read where it is the last, else what its records and those before
// take, as far as that can be told. Records that wait are taken to be of the usual size.
static uint64_t bytes_done(const grus_reader *reader)
{
    if (!reader->is_open)
        return reader->bytes_in;
    if (reader->slot->last || reader->n_read == 0)
        return grus_records_count(&reader->records).bytes_in;
    double waiting = (double)grus_batcher_records(&reader->batcher) / (double)reader->n_read;
    return (uint64_t)((double)grus_records_passed(&reader->records) * (waiting < 1 ? 1 - waiting : 0));
}

static void count(grus_reader *reader)
{
    double now = grus_seconds();
    uint64_t bytes = grus_max(bytes_done(reader), reader->bytes_in);
    reader->slot->bytes_in = bytes - reader->bytes_in;
    reader->bytes_in = bytes;
    grus_shared_add_read(reader->shared, now - reader->counted - reader->waited);
    reader->counted = now;
    reader->waited = 0;
}

// Gives the slot the memory of these bounds. Where that is short the slot has failed.
static void reset_slot(grus_reader *reader, const grus_slot_bounds *bounds)
{
    grus_error error;
    if (grus_slot_reset(reader->slot, bounds, &error) == GRUS_OK)
        return;
    grus_error_in_file(&error, reader->shard->path);
    grus_slot_fail(reader->slot, &error);
}

// A fresh slot for this shard; false when the run is stopped.
static bool begin_slot(grus_reader *reader)
{
    GRUS_ASSERT(!reader->slot); // one at a time
    double from = grus_seconds();
    reader->slot = grus_queue_reserve(reader->shared->queue);
    reader->waited += grus_seconds() - from;
    if (!reader->slot)
        return false;
    reset_slot(reader, &reader->shared->plan->bounds.slot);
    reader->slot->shard = reader->index;
    reader->slot->shard_key = grus_shard_key(reader->shard);
    reader->slot->first = reader->first;
    reader->slot->resume = reader->resume;
    reader->resume = NULL;
    reader->first = false;
    return true;
}

// Makes the slot, empty still, a big one; false when the run is stopped.
static bool make_big(grus_reader *reader)
{
    double from = grus_seconds();
    bool granted = grus_queue_big(reader->shared->queue, reader->slot);
    reader->waited += grus_seconds() - from;
    if (!granted)
        return false;
    reset_slot(reader, &reader->shared->plan->bounds.big);
    return true;
}

// last: the shard has no further slot.
static void end_slot(grus_reader *reader, bool last)
{
    reader->slot->last = last;
    if (last && reader->is_open)
        reader->slot->input = grus_records_count(&reader->records);
    count(reader);
    grus_queue_fill(reader->shared->queue, reader->slot);
    reader->slot = NULL;
}

static void fail_slot(grus_reader *reader, const grus_error *error)
{
    grus_slot_fail(reader->slot, error);
    grus_error_in_file(&reader->slot->error, reader->shard->path);
}

// The next batch to the queue. ended: no records come behind those that are there, for now; the shard may end there.
// GRUS_E_INTERRUPTED: stopped. When anything else fails the slot is still the reader's.
static grus_status send_batch(grus_reader *reader, bool ended, bool shard_ended, grus_error *error)
{
    grus_cut cut = grus_batcher_cut(&reader->batcher, ended);
    if (!begin_slot(reader) || (cut.big && !make_big(reader)))
        return GRUS_E_INTERRUPTED;
    if (reader->slot->failed) {
        *error = reader->slot->error;
        return error->status;
    }
    grus_status status = grus_batcher_move(&reader->batcher, cut.records, reader->slot, error);
    if (status == GRUS_OK)
        end_slot(reader, shard_ended && grus_batcher_records(&reader->batcher) == 0);
    return status;
}

// Sends all that wait, as one slot at least.
static grus_status send_all(grus_reader *reader, bool shard_ended, grus_error *error)
{
    grus_status status;
    do
        status = send_batch(reader, true, shard_ended, error);
    while (status == GRUS_OK && grus_batcher_records(&reader->batcher) > 0);
    return status;
}

// A slot that tells of the shard's failure; false when the run is stopped.
static bool send_failure(grus_reader *reader, const grus_error *error)
{
    if (!reader->slot && !begin_slot(reader))
        return false;
    fail_slot(reader, error);
    end_slot(reader, true);
    return true;
}

// Waits until standard input has something, so that a stop, or an output that nobody reads any more, need not wait for
// it. What was read before is taken first. Where results are waited for, the records that are there are sent meanwhile.
static grus_status wait_for_stdin(grus_reader *reader, grus_error *error)
{
    struct pollfd stdin_poll = {.fd = STDIN_FILENO, .events = POLLIN};
    if (!grus_records_is_drained(&reader->records))
        return GRUS_OK;
    for (;;) {
        double from = grus_seconds();
        bool due = reader->linger && grus_batcher_records(&reader->batcher) > 0 && from - reader->since >= LINGER;
        int found = poll(&stdin_poll, 1, due ? 0 : POLL_MS);
        reader->waited += grus_seconds() - from;
        if (found != 0)
            return GRUS_OK;
        if (grus_queue_is_stopped(reader->shared->queue))
            return GRUS_E_INTERRUPTED;
        grus_status status = due ? send_all(reader, false, error) : GRUS_OK;
        if (status != GRUS_OK)
            return status;
    }
}

// The parsed record to those that wait, some of which go to the queue where there is no room.
static grus_status place_record(grus_reader *reader, grus_error *error)
{
    const grus_slot_entry *entry = &reader->parsed.entry;
    grus_status status = GRUS_OK;
    while (status == GRUS_OK && !grus_batcher_has_room(&reader->batcher, entry))
        status = send_batch(reader, false, false, error);
    if (reader->linger && grus_batcher_records(&reader->batcher) == 0)
        reader->since = grus_seconds();
    return status == GRUS_OK ? grus_batcher_add(&reader->batcher, entry, error) : status;
}

static grus_status record_error(const grus_reader *reader, grus_error *error)
{
    char place[GRUS_RECORD_PLACE];
    grus_record_place(reader->shard->kind, reader->parsed.entry.number, place);
    return grus_fail(error, GRUS_E_FAILED, reader->shard->path, place, "%s", reader->parsed.entry.error);
}

// Reads the records of the open shard, or some of them where it has failed meanwhile. GRUS_E_INTERRUPTED: stopped.
static grus_status read_records(grus_reader *reader, grus_error *error)
{
    const grus_job *job = reader->shared->job;
    bool from_stdin = grus_shard_is_stdin(reader->shard);
    for (size_t waiting = 0;;) {
        bool end = false;
        grus_status status = from_stdin ? wait_for_stdin(reader, error) : GRUS_OK;
        if (status == GRUS_OK)
            status = grus_records_next(&reader->records, &reader->parsed, &end, error);
        if (status != GRUS_OK || end)
            return status;
        reader->n_read++;
        if (reader->parsed.entry.error && job->options->fail_on_error)
            return record_error(reader, error);
        status = place_record(reader, error);
        if (status != GRUS_OK)
            return status;
        if (reader->mark)
            grus_batcher_mark(&reader->batcher, grus_records_mark(&reader->records));
        bool sent = grus_batcher_records(&reader->batcher) <= waiting;
        waiting = grus_batcher_records(&reader->batcher);
        if (sent && grus_queue_is_abandoned(reader->shared->queue, reader->index))
            return GRUS_OK;
    }
}

static grus_status read_open_shard(grus_reader *reader, grus_error *error)
{
    grus_status status = read_records(reader, error);
    return status == GRUS_OK ? send_all(reader, true, error) : status;
}

static grus_status open_records(grus_reader *reader, grus_error *error)
{
    const grus_shard *shard = reader->shard;
    grus_status status = grus_records_open(reader->shared->job, shard->kind, shard->path, &reader->records, error);
    reader->is_open = status == GRUS_OK;
    return status;
}

// Passes over the records that are done. *same tells whether they are those that were done.
static grus_status skip_done(grus_reader *reader, const grus_checkpoint *checkpoint, bool *same, grus_error *error)
{
    grus_slot_mark mark;
    grus_figures done;
    grus_status status = GRUS_OK;
    grus_checkpoint_take(checkpoint, &done, &mark);
    grus_records_expect(&reader->records, &mark);
    for (uint64_t left = checkpoint->records; left > 0 && status == GRUS_OK;) {
        uint64_t part = left < SKIP_RECORDS ? left : SKIP_RECORDS;
        status = grus_records_skip(&reader->records, part, error);
        left -= part;
        if (status == GRUS_OK && grus_queue_is_stopped(reader->shared->queue))
            return GRUS_E_INTERRUPTED;
    }
    *same = status == GRUS_OK && grus_records_are_at(&reader->records, &mark);
    return status;
}

// Goes to where an earlier run stopped, where there is a checkpoint of it that still holds; else nothing happens.
static grus_status go_on(grus_reader *reader, grus_error *error)
{
    grus_resume *resume;
    grus_journal_key key = grus_checkpoint_key(reader->shared, reader->shard);
    grus_status status = grus_resume_find(&key, &resume, error);
    if (status != GRUS_OK || !resume)
        return status;
    bool same = false;
    status = skip_done(reader, grus_resume_checkpoint(resume), &same, error);
    if (same) {
        const grus_figures resumed = {.bytes_resumed = grus_records_passed(&reader->records)};
        reader->n_read = grus_resume_checkpoint(resume)->records;
        grus_shared_add(reader->shared, &resumed);
        reader->resume = resume;
        return GRUS_OK;
    }
    grus_resume_close(resume);
    if (status == GRUS_E_INTERRUPTED || status == GRUS_E_MEMORY)
        return status;
    grus_records_close(&reader->records);
    return open_records(reader, error);
}

// false when the run is stopped.
static bool read_shard(grus_reader *reader, size_t index)
{
    grus_error error;
    reader->index = index;
    reader->shard = &reader->shared->shards->list[index];
    reader->first = true;
    reader->bytes_in = reader->n_read = 0;
    reader->linger = grus_outdir_is_stdout(reader->shared->outdir);
    reader->is_open = false;
    grus_shared_shard_event(reader->shared, reader->shard, GRUS_SHARD_BEGUN, &(grus_figures){0});
    grus_status status = grus_batcher_begin(&reader->batcher, &error);
    if (status == GRUS_OK && reader->shard->fault)
        status = grus_shard_fault(reader->shard, &error);
    bool can_go_on = grus_checkpoint_possible(reader->shared, reader->shard);
    reader->mark = can_go_on && reader->shared->plan->checkpoint_records > 0;
    if (status == GRUS_OK)
        status = open_records(reader, &error);
    if (status == GRUS_OK && can_go_on)
        status = go_on(reader, &error);
    if (status == GRUS_OK)
        status = read_open_shard(reader, &error);
    bool stopped = status == GRUS_E_INTERRUPTED || (status != GRUS_OK && !send_failure(reader, &error));
    if (reader->is_open)
        grus_records_close(&reader->records);
    reader->is_open = false;
    grus_resume_close(reader->resume);
    reader->resume = NULL;
    return !stopped;
}

void *grus_reader_main(void *argument)
{
    grus_shared *shared = argument;
    grus_reader reader = {.shared = shared, .batcher = {.bounds = &shared->plan->bounds}, .counted = grus_seconds()};
    for (size_t i = 0; i < shared->n_todo; i++)
        if (!read_shard(&reader, shared->todo[i]))
            break;
    grus_batcher_free(&reader.batcher);
    grus_parsed_free(&reader.parsed);
    grus_queue_end(shared->queue);
    return NULL;
}
