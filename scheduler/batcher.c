// batcher.c: the look-ahead, and the search for a level cut.
#include "config.h"

#include "scheduler/batcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/lanes.h"

#define ARENA_BLOCK_BYTES ((size_t)64 << 10)
#define MOST_TRIES 64            // measurements for one cut: each sorts the lengths of a batch
#define GOOD_ENOUGH 40           // a share of padding, as a part of what is computed, that no wide batch is made for
#define LEAST_STEP 64            // positions from one measurement of a wide batch to the next
#define MEASURED_RECORD_BYTES 32 // of the arena, while a batch is measured

// ---- the look-ahead ----

grus_status grus_batcher_begin(grus_batcher *batcher, grus_error *error)
{
    void *waiting = batcher->waiting;
    batcher->tokens = 0;
    if (!batcher->arena)
        batcher->arena = grus_arena_new(ARENA_BLOCK_BYTES);
    bool grown = grus_grow(&waiting, &batcher->waiting_capacity, batcher->plan->ahead.records, sizeof(grus_waiting));
    batcher->waiting = waiting;
    if (!batcher->arena || !grown)
        return grus_fail_memory(error, batcher->plan->ahead.records * sizeof(grus_waiting));
    return grus_slot_reset(&batcher->ahead, &batcher->plan->ahead, error);
}

void grus_batcher_free(grus_batcher *batcher)
{
    grus_slot_free(&batcher->ahead);
    free(batcher->waiting);
    if (batcher->arena)
        grus_arena_free(batcher->arena);
}

size_t grus_batcher_bytes(const grus_slot_bounds *ahead)
{
    size_t records = grus_mul_sat(ahead->records, sizeof(grus_waiting) + MEASURED_RECORD_BYTES);
    return grus_add_sat(grus_add_sat(grus_slot_bytes(ahead), records), ARENA_BLOCK_BYTES);
}

size_t grus_batcher_records(const grus_batcher *batcher)
{
    return batcher->ahead.n_records;
}

static grus_waiting waiting_of(const grus_packed *packed, size_t length)
{
    size_t error_bytes = packed->bad ? strlen(packed->error.cause) + 1 : 0;
    return (grus_waiting){.positions = packed->n_positions,
                          // What it counts for in --batch-tokens: one without positions counts too.
                          .tokens = grus_max(packed->n_positions + packed->n_targets, 1),
                          .cells = packed->n_cells,
                          .bytes = length + error_bytes,
                          .error_bytes = error_bytes,
                          .n_targets = packed->n_targets,
                          .bad = packed->bad,
                          .cause = packed->cause};
}

bool grus_batcher_has_room(const grus_batcher *batcher, const grus_packed *packed, size_t length)
{
    const grus_slot *ahead = &batcher->ahead;
    const grus_plan *plan = batcher->plan;
    const grus_slot_bounds *bounds = &plan->ahead;
    grus_waiting record = waiting_of(packed, length);
    return ahead->n_records == 0 || (ahead->n_records < bounds->records &&
                                     batcher->tokens + record.tokens <= plan->wide_tokens + plan->batch_tokens &&
                                     ahead->lines.size + ahead->errors.size + record.bytes <= bounds->bytes);
}

grus_status grus_batcher_add(grus_batcher *batcher, const grus_packed *packed, const char *line, size_t length,
                             uint64_t number, grus_error *error)
{
    grus_waiting *record = &batcher->waiting[batcher->ahead.n_records];
    *record = waiting_of(packed, length);
    batcher->tokens += record->tokens;
    return grus_pack_add(&batcher->ahead, batcher->job, packed, line, length, number, error);
}

void grus_batcher_mark(grus_batcher *batcher, grus_slot_mark mark)
{
    batcher->waiting[batcher->ahead.n_records - 1].mark = mark;
}

// ---- a front of the records ----

typedef struct front {
    size_t records, sequences, positions, longest;
    size_t computed; // positions of the encoder, padding included; where it was measured
} front;

static void step_over(front *f, const grus_waiting *record)
{
    f->records++;
    f->sequences += !record->bad;
    f->positions += record->positions;
    f->longest = grus_max(f->longest, record->positions);
}

// As many records as fit into a slot of these bounds with so many tokens; none where the first does not. A single
// record may have more tokens.
static front fitting(const grus_batcher *batcher, const grus_slot_bounds *bounds, size_t batch_tokens)
{
    front f = {0};
    size_t tokens = 0, bytes = 0, cells = 0;
    while (f.records < batcher->ahead.n_records && f.records < grus_min(bounds->records, batch_tokens)) {
        const grus_waiting *record = &batcher->waiting[f.records];
        tokens += record->tokens;
        bytes += record->bytes;
        cells += record->cells;
        if (tokens > (f.records ? batch_tokens : bounds->positions) || bytes > bounds->bytes || cells > bounds->cells)
            break;
        step_over(&f, record);
    }
    return f;
}

static front front_of(const grus_batcher *batcher, size_t records)
{
    front f = {0};
    while (f.records < records)
        step_over(&f, &batcher->waiting[f.records]);
    return f;
}

// False where memory is short: then there is no telling, and any cut is as good.
static bool measure(const grus_batcher *batcher, front *f)
{
    const grus_engine_facts *facts = &batcher->job->model->facts;
    f->computed = f->positions;
    grus_arena_reset(batcher->arena);
    return f->positions == 0 || grus_lanes_measure(batcher->arena, batcher->ahead.length, f->sequences, facts->tile,
                                                   facts->lanes, &f->computed);
}

static bool is_level(const front *f)
{
    return grus_lanes_are_level(f->positions, f->computed);
}

static bool is_good_enough(const front *f)
{
    return f->computed - f->positions <= f->computed / GOOD_ENOUGH;
}

// Whether so many parts of one's share of padding are less than so many of another's.
static bool has_less_padding(size_t parts, const front *one, size_t other_parts, const front *other)
{
    double one_share = (double)one->computed / (double)grus_max(one->positions, 1) - 1;
    double other_share = (double)other->computed / (double)grus_max(other->positions, 1) - 1;
    return (double)parts * one_share < (double)other_parts * other_share;
}

// ---- cuts ----

// The longest front within `most` whose lanes are level, or else the one with the least padding. From one level front
// to the next it is a tile of the longest sequence at most: no shorter ones are tried.
static front level_within(const grus_batcher *batcher, front most)
{
    size_t tile = batcher->job->model->facts.tile;
    size_t window = grus_min(tile * most.longest, most.positions / 2);
    front best = most;
    if (!measure(batcher, &best) || is_level(&best))
        return best;
    front f = most;
    for (size_t tries = 1; tries < MOST_TRIES && f.records > 1; tries++) {
        const grus_waiting *last = &batcher->waiting[f.records - 1];
        f.records--;
        f.sequences -= !last->bad;
        f.positions -= last->positions;
        if (f.positions + window < most.positions || !measure(batcher, &f))
            break;
        if (has_less_padding(1, &f, 1, &best))
            best = f;
        if (is_level(&f))
            break;
    }
    best.longest = most.longest; // at most
    return best;
}

// The shortest front from `f` up to `most` records whose lanes are level enough, or else the one with the least padding.
static front level_beyond(const grus_batcher *batcher, front f, size_t most)
{
    front best = f;
    for (size_t tries = 0; measure(batcher, &f) && tries < MOST_TRIES; tries++) {
        if (tries == 0 || has_less_padding(1, &f, 1, &best))
            best = f;
        if (is_good_enough(&f) || f.records == most)
            break;
        // At least what is still missing.
        size_t missing = f.computed - f.computed / GOOD_ENOUGH - f.positions,
               enough = f.positions + grus_max(missing, LEAST_STEP);
        while (f.records < most && f.positions < enough)
            step_over(&f, &batcher->waiting[f.records]);
    }
    return best;
}

// The most records, up to `most`, that leave of a shard which has ended as much as the longest sequence left needs to
// fill a tile. None where no front does.
static size_t leave_company(const grus_batcher *batcher, size_t most)
{
    size_t tile = batcher->job->model->facts.tile, positions = 0, longest = 0;
    for (size_t i = batcher->ahead.n_records; i-- > 0;) {
        positions += batcher->waiting[i].positions;
        longest = grus_max(longest, batcher->waiting[i].positions);
        if (i <= most && positions / tile >= longest)
            return i;
    }
    return 0;
}

static grus_cut wide_cut(const grus_batcher *batcher, const front *ordinary, size_t fits)
{
    const grus_plan *plan = batcher->plan;
    size_t most = fitting(batcher, &plan->big, plan->wide_tokens).records;
    front wide = level_beyond(batcher, front_of(batcher, grus_max(fits, 1)), grus_max(most, 1));
    // Big slots are few: that of several records must be worth it.
    if (fits && !has_less_padding(4, &wide, 3, ordinary))
        return (grus_cut){ordinary->records, false};
    return (grus_cut){wide.records, wide.records > fits};
}

grus_cut grus_batcher_cut(grus_batcher *batcher, bool ended)
{
    const grus_plan *plan = batcher->plan;
    size_t n = batcher->ahead.n_records;
    front ordinary = fitting(batcher, &plan->slot, plan->batch_tokens);
    size_t fits = ordinary.records;
    if (ended && fits == n)
        return (grus_cut){n, false};
    if (ended && fits) {
        size_t leaving = leave_company(batcher, fits);
        // Together they fill what one of them would leave empty.
        if (leaving < fits / 8 && fitting(batcher, &plan->big, plan->wide_tokens).records == n)
            return (grus_cut){n, true};
        if (leaving >= fits / 8 && leaving > 0)
            ordinary = front_of(batcher, leaving);
    }
    if (fits) {
        ordinary = level_within(batcher, ordinary);
        if (is_good_enough(&ordinary))
            return (grus_cut){ordinary.records, false};
    }
    return wide_cut(batcher, &ordinary, fits);
}

// ---- into a slot ----

static void drop(void *array, size_t n, size_t all, size_t size)
{
    if (n < all)
        memmove(array, (char *)array + n * size, (all - n) * size);
}

static void drop_text(grus_buffer *text, size_t bytes)
{
    drop(text->data, bytes, text->size, 1);
    text->size -= bytes;
}

// Forgets the first records, of which the slot has a copy.
static void drop_front(grus_batcher *batcher, const grus_slot *gone)
{
    grus_slot *ahead = &batcher->ahead;
    size_t n = gone->n_records, dim = batcher->job->record.feature_dim;
    drop(ahead->records, n, ahead->n_records, sizeof *ahead->records);
    drop(batcher->waiting, n, ahead->n_records, sizeof *batcher->waiting);
    drop(ahead->length, gone->n_sequences, ahead->n_sequences, sizeof *ahead->length);
    if (batcher->job->infer.force) {
        drop(ahead->target_length, gone->n_sequences, ahead->n_sequences, sizeof *ahead->target_length);
        drop(ahead->targets.data, gone->n_targets, ahead->n_targets, sizeof *ahead->targets.data);
    }
    if (dim)
        drop(ahead->features, gone->n_positions * dim, ahead->n_positions * dim, sizeof *ahead->features);
    else
        drop(ahead->ids.data, gone->n_positions, ahead->n_positions, sizeof *ahead->ids.data);
    drop_text(&ahead->lines, gone->lines.size);
    drop_text(&ahead->errors, gone->errors.size);
    ahead->first_number += n;
    ahead->n_records -= n;
    ahead->n_sequences -= gone->n_sequences;
    ahead->n_positions -= gone->n_positions;
    ahead->n_targets -= gone->n_targets;
    ahead->n_cells -= gone->n_cells;
    for (size_t i = 0; i < ahead->n_records; i++) {
        ahead->records[i].start -= gone->lines.size;
        if (ahead->records[i].error != GRUS_NO_ERROR)
            ahead->records[i].error -= gone->errors.size;
    }
}

static void copy(void *to, const void *from, size_t n, size_t size)
{
    if (n)
        memcpy(to, from, n * size);
}

grus_status grus_batcher_move(grus_batcher *batcher, size_t records, grus_slot *slot, grus_error *error)
{
    const grus_slot *ahead = &batcher->ahead;
    size_t dim = batcher->job->record.feature_dim, lines = 0, errors = 0;
    for (size_t i = 0; i < records; i++) {
        const grus_waiting *record = &batcher->waiting[i];
        lines += record->bytes - record->error_bytes;
        errors += record->error_bytes;
        batcher->tokens -= record->tokens;
        slot->n_sequences += !record->bad;
        slot->n_positions += record->positions;
        slot->n_targets += record->n_targets;
        slot->n_cells += record->cells;
        if (record->bad)
            slot->causes[record->cause]++;
    }
    slot->n_records = records;
    slot->first_number = ahead->first_number;
    if (records)
        slot->mark = batcher->waiting[records - 1].mark;
    slot->ids.size = slot->n_positions;
    slot->targets.size = slot->n_targets;
    copy(slot->records, ahead->records, records, sizeof *slot->records);
    copy(slot->length, ahead->length, slot->n_sequences, sizeof *slot->length);
    if (batcher->job->infer.force) {
        copy(slot->target_length, ahead->target_length, slot->n_sequences, sizeof *slot->target_length);
        copy(slot->targets.data, ahead->targets.data, slot->n_targets, sizeof *slot->targets.data);
    }
    if (dim)
        copy(slot->features, ahead->features, slot->n_positions * dim, sizeof *slot->features);
    else
        copy(slot->ids.data, ahead->ids.data, slot->n_positions, sizeof *slot->ids.data);
    grus_buffer_append(&slot->lines, ahead->lines.data, lines);
    grus_buffer_append(&slot->errors, ahead->errors.data, errors);
    if (slot->lines.failed || slot->errors.failed)
        return grus_fail_memory(error, lines + errors);
    drop_front(batcher, slot);
    return GRUS_OK;
}
