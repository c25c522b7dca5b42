// reader.c: shards to slots.
#include "config.h"

#include "scheduler/reader.h"

#include <poll.h>
#include <unistd.h>

#include "base/error.h"
#include "scheduler/checkpoint.h"
#include "scheduler/clock.h"
#include "scheduler/source.h"

#define POLL_MS 100
#define SKIP_RECORDS 4096 // between two looks at whether the run is stopped

typedef struct grus_reader {
    grus_context *context;
    const grus_shard *shard;
    size_t index; // of the shard
    grus_source source;
    bool is_open;    // the source
    grus_slot *slot; // being filled, or NULL
    bool first;      // the next slot is the shard's first
    bool mark;       // slots tell how far the source has been read
    grus_packed packed;
    double waited;     // seconds, since the last count, for a free slot or for standard input
    double counted;    // when the figures were brought up to date last
    uint64_t bytes_in; // of the shard, as counted
    uint64_t taken;    // bytes of its lines; too few where a line ended with \r or was too long
} grus_reader;

static void count(grus_reader *reader)
{
    double now = grus_seconds();
    uint64_t bytes = reader->is_open ? grus_source_count(&reader->source).bytes_in : reader->bytes_in;
    reader->slot->bytes_in = bytes - reader->bytes_in;
    reader->bytes_in = bytes;
    grus_context_add_read(reader->context, now - reader->counted - reader->waited);
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
    double from = grus_seconds();
    reader->slot = grus_queue_reserve(reader->context->queue);
    reader->waited += grus_seconds() - from;
    if (!reader->slot)
        return false;
    reset_slot(reader, &reader->context->plan->slot);
    reader->slot->shard = reader->index;
    reader->slot->first = reader->first;
    reader->first = false;
    return true;
}

// Makes the slot, empty still, a big one; false when the run is stopped.
static bool make_big(grus_reader *reader)
{
    bool first = reader->slot->first; // and what belongs to a first slot, which a reset leaves
    double from = grus_seconds();
    bool granted = grus_queue_big(reader->context->queue, reader->slot);
    reader->waited += grus_seconds() - from;
    if (!granted)
        return false;
    reset_slot(reader, &reader->context->plan->big);
    reader->slot->first = first;
    return true;
}

static void end_slot(grus_reader *reader)
{
    count(reader);
    grus_queue_fill(reader->context->queue, reader->slot);
    reader->slot = NULL;
}

// The shard ends here; error is NULL when all of it was read.
static void end_shard(grus_reader *reader, const grus_error *error)
{
    if (!reader->slot)
        return;
    if (error) {
        grus_slot_fail(reader->slot, error);
        grus_error_in_file(&reader->slot->error, reader->shard->path);
    }
    if (reader->is_open)
        reader->slot->input = grus_source_count(&reader->source);
    reader->slot->last = true;
    end_slot(reader);
}

// Waits until standard input has something, so that a stop, or an output that nobody reads any more, need not wait for
// it. What was read before is taken first; where that cannot be told, as in a compressed stream, there is no waiting
// here but in the read itself. false after a stop.
static bool wait_for_stdin(grus_reader *reader)
{
    grus_input_counts counts = grus_source_count(&reader->source);
    if (counts.bytes_in != counts.bytes_out || counts.bytes_out != reader->taken)
        return true;
    struct pollfd stdin_poll = {.fd = STDIN_FILENO, .events = POLLIN};
    double from = grus_seconds();
    while (poll(&stdin_poll, 1, POLL_MS) == 0)
        if (grus_queue_is_stopped(reader->context->queue))
            return false;
    reader->waited += grus_seconds() - from;
    return true;
}

// Puts the packed record into the slot that it belongs to. false when the run is stopped.
static bool place_record(grus_reader *reader, const grus_source_record *record)
{
    const grus_plan *plan = reader->context->plan;
    if (!grus_pack_fits(reader->slot, &plan->slot, plan->batch_tokens, &reader->packed, record->length)) {
        if (reader->slot->n_records > 0) {
            end_slot(reader);
            if (!begin_slot(reader))
                return false;
        }
        if (grus_pack_is_big(&plan->slot, &reader->packed, record->length) && !make_big(reader))
            return false;
    }
    grus_error error;
    if (!reader->slot->failed && grus_pack_add(reader->slot, reader->context->job, &reader->packed, record->line,
                                               record->length, record->number, &error) != GRUS_OK) {
        grus_error_in_file(&error, reader->shard->path);
        grus_slot_fail(reader->slot, &error);
    }
    return true;
}

static grus_status record_error(const grus_reader *reader, uint64_t number, grus_error *error)
{
    char place[GRUS_RECORD_PLACE];
    grus_record_place(reader->shard->kind, number, place);
    return grus_fail(error, GRUS_E_FAILED, reader->shard->path, place, "%s", reader->packed.error.cause);
}

// Reads the records of the open shard into slots, all but the last of which are filled. GRUS_E_INTERRUPTED: stopped.
static grus_status read_records(grus_reader *reader, grus_error *error)
{
    const grus_job *job = reader->context->job;
    bool from_stdin = grus_shard_is_stdin(reader->shard);
    for (;;) {
        grus_source_record record;
        if (from_stdin && !wait_for_stdin(reader))
            return GRUS_E_INTERRUPTED;
        grus_status status = grus_source_next(&reader->source, &reader->packed, &record, error);
        if (status != GRUS_OK || record.end)
            return status;
        reader->taken += record.length + 1;
        if (reader->packed.bad && job->options->fail_on_error)
            return record_error(reader, record.number, error);
        bool was_empty = reader->slot->n_records == 0;
        if (!place_record(reader, &record))
            return GRUS_E_INTERRUPTED;
        if (reader->mark)
            reader->slot->mark = grus_source_mark(&reader->source);
        if (reader->slot->failed) {
            *error = reader->slot->error;
            return error->status;
        }
        if (!was_empty && reader->slot->n_records == 1 &&
            grus_queue_is_abandoned(reader->context->queue, reader->index))
            return GRUS_OK;
    }
}

static grus_status open_source(grus_reader *reader, grus_error *error)
{
    const grus_shard *shard = reader->shard;
    grus_status status = grus_source_open(reader->context->job, shard->kind, shard->path, &reader->source, error);
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
    grus_source_expect(&reader->source, &mark);
    for (uint64_t left = checkpoint->records; left > 0 && status == GRUS_OK;) {
        uint64_t part = left < SKIP_RECORDS ? left : SKIP_RECORDS;
        status = grus_source_skip(&reader->source, part, error);
        left -= part;
        if (status == GRUS_OK && grus_queue_is_stopped(reader->context->queue))
            return GRUS_E_INTERRUPTED;
    }
    *same = status == GRUS_OK && grus_source_is_at(&reader->source, &mark);
    return status;
}

// Goes to where an earlier run stopped, where there is a checkpoint of it that still holds; else nothing happens.
static grus_status go_on(grus_reader *reader, grus_error *error)
{
    grus_resume *resume;
    grus_journal_key key = grus_checkpoint_key(reader->context, reader->shard);
    grus_status status = grus_resume_find(&key, &resume, error);
    if (status != GRUS_OK || !resume)
        return status;
    bool same = false;
    status = skip_done(reader, grus_resume_checkpoint(resume), &same, error);
    if (same) {
        reader->slot->resume = resume;
        return GRUS_OK;
    }
    grus_resume_close(resume);
    if (status == GRUS_E_INTERRUPTED || status == GRUS_E_MEMORY)
        return status;
    grus_source_close(&reader->source);
    return open_source(reader, error);
}

// false when the run is stopped.
static bool read_shard(grus_reader *reader, size_t index)
{
    grus_error error;
    reader->index = index;
    reader->shard = &reader->context->shards->list[index];
    reader->first = true;
    reader->bytes_in = reader->taken = 0;
    reader->is_open = false;
    grus_status status = begin_slot(reader) ? GRUS_OK : GRUS_E_INTERRUPTED;
    if (status == GRUS_OK && reader->slot->failed) {
        error = reader->slot->error;
        status = error.status;
    }
    if (status == GRUS_OK && reader->shard->fault)
        status = grus_shard_fault(reader->shard, &error);
    bool can_go_on = grus_checkpoint_possible(reader->context, reader->shard);
    reader->mark = can_go_on && reader->context->plan->checkpoint_records > 0;
    if (status == GRUS_OK)
        status = open_source(reader, &error);
    if (status == GRUS_OK && can_go_on)
        status = go_on(reader, &error);
    if (status == GRUS_OK)
        status = read_records(reader, &error);
    if (status != GRUS_E_INTERRUPTED)
        end_shard(reader, status == GRUS_OK ? NULL : &error);
    if (reader->is_open)
        grus_source_close(&reader->source);
    reader->is_open = false;
    return status != GRUS_E_INTERRUPTED;
}

void *grus_reader_main(void *argument)
{
    grus_context *context = argument;
    grus_reader reader = {.context = context, .counted = grus_seconds()};
    for (size_t i = 0; i < context->n_todo; i++)
        if (!read_shard(&reader, context->todo[i]))
            break;
    grus_packed_free(&reader.packed);
    grus_queue_end(context->queue);
    return NULL;
}
