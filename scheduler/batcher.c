// batcher.c: the look-ahead, and the search for a level cut.
#include "config.h"

#include "scheduler/batcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/positions.h"
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
    batcher->tokens = batcher->bytes = 0;
    if (!batcher->arena)
        batcher->arena = grus_arena_new(ARENA_BLOCK_BYTES);
    bool grown = grus_grow(&waiting, &batcher->waiting_capacity, batcher->bounds->ahead.records, sizeof(grus_waiting));
    batcher->waiting = waiting;
    if (!batcher->arena || !grown)
        return grus_fail_memory(error, batcher->bounds->ahead.records * sizeof(grus_waiting));
    return grus_slot_reset(&batcher->ahead, &batcher->bounds->ahead, error);
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

static grus_waiting waiting_of(const grus_batch_bounds *bounds, const grus_slot_entry *entry)
{
    size_t given = entry->n_positions;
    return (grus_waiting){.positions = bounds->config ? grus_positions_of(bounds->config, given) : given,
                          // What it counts for in --batch-tokens: one without positions counts too.
                          .tokens = grus_max(given + entry->n_targets, 1),
                          .cells = entry->n_cells,
                          .bytes = grus_slot_entry_bytes(entry),
                          .bad = entry->error};
}

bool grus_batcher_has_room(const grus_batcher *batcher, const grus_slot_entry *entry)
{
    const grus_batch_bounds *bounds = batcher->bounds;
    size_t n = batcher->ahead.n_records;
    grus_waiting record = waiting_of(bounds, entry);
    return n == 0 || (n < bounds->ahead.records &&
                      batcher->tokens + record.tokens <= bounds->wide_tokens + bounds->batch_tokens &&
                      batcher->bytes + record.bytes <= bounds->ahead.bytes);
}

grus_status grus_batcher_add(grus_batcher *batcher, const grus_slot_entry *entry, grus_error *error)
{
    GRUS_ASSERT(grus_batcher_has_room(batcher, entry));
    grus_waiting *record = &batcher->waiting[batcher->ahead.n_records];
    *record = waiting_of(batcher->bounds, entry);
    batcher->tokens += record->tokens;
    batcher->bytes += record->bytes;
    return grus_slot_append(&batcher->ahead, entry, error);
}

void grus_batcher_mark(grus_batcher *batcher, grus_slot_mark mark)
{
    GRUS_ASSERT(batcher->ahead.n_records > 0);
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
    const grus_batch_bounds *bounds = batcher->bounds;
    f->computed = f->positions;
    if (f->positions == 0)
        return true;
    grus_arena_reset(batcher->arena);
    size_t *length = grus_arena_alloc(batcher->arena, f->sequences, sizeof *length), n = 0;
    for (size_t i = 0; length && i < f->records; i++)
        if (!batcher->waiting[i].bad)
            length[n++] = batcher->waiting[i].positions;
    return length &&
           grus_lanes_measure(batcher->arena, length, f->sequences, bounds->tile, bounds->lanes, &f->computed);
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
    size_t tile = batcher->bounds->tile;
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
    size_t tile = batcher->bounds->tile, positions = 0, longest = 0;
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
    const grus_batch_bounds *bounds = batcher->bounds;
    size_t most = fitting(batcher, &bounds->big, bounds->wide_tokens).records;
    front wide = level_beyond(batcher, front_of(batcher, grus_max(fits, 1)), grus_max(most, 1));
    // Big slots are few: that of several records must be worth it.
    if (fits && !has_less_padding(4, &wide, 3, ordinary))
        return (grus_cut){ordinary->records, false};
    return (grus_cut){wide.records, wide.records > fits};
}

grus_cut grus_batcher_cut(grus_batcher *batcher, bool ended)
{
    const grus_batch_bounds *bounds = batcher->bounds;
    size_t n = batcher->ahead.n_records;
    front ordinary = fitting(batcher, &bounds->slot, bounds->batch_tokens);
    size_t fits = ordinary.records;
    if (ended && fits == n)
        return (grus_cut){n, false};
    if (ended && fits) {
        size_t leaving = leave_company(batcher, fits);
        // Together they fill what one of them would leave empty.
        if (leaving < fits / 8 && fitting(batcher, &bounds->big, bounds->wide_tokens).records == n)
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

grus_status grus_batcher_move(grus_batcher *batcher, size_t records, grus_slot *slot, grus_error *error)
{
    GRUS_ASSERT(records <= batcher->ahead.n_records);
    for (size_t i = 0; i < records; i++) {
        batcher->tokens -= batcher->waiting[i].tokens;
        batcher->bytes -= batcher->waiting[i].bytes;
    }
    if (records)
        slot->mark = batcher->waiting[records - 1].mark;
    size_t left = batcher->ahead.n_records - records;
    if (left)
        memmove(batcher->waiting, batcher->waiting + records, left * sizeof *batcher->waiting);
    return grus_slot_move(&batcher->ahead, records, slot, error);
}
