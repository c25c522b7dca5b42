// slot.c: the columns of a slot: one list of them, which is allocated, appended to, moved, cleared and counted.
#include "config.h"

#include "scheduler/slot.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

enum column {
    RECORDS,        // struct record
    LENGTHS,        // size_t for each sequence
    TARGET_LENGTHS, // the same, where there are targets
    IDS,            // uint32_t for each position of token models
    TARGETS,        // uint32_t for each target
    FEATURES,       // feature_dim floats for each position of feature models
    TEXT,           // of each record its line, and behind it the words of its error and a \0, or its unknown tokens
    N_COLUMNS,
};
_Static_assert(N_COLUMNS == GRUS_SLOT_COLUMNS, "room for every column");

struct record {
    size_t length;       // of the line
    uint32_t more_bytes; // behind it
    uint8_t cause;
    bool bad, is_object, has_error; // bad: in error
};
_Static_assert(GRUS_N_CAUSES <= UINT8_MAX, "a cause is a byte");

// Bytes of a column within the bounds; saturated.
static size_t column_bytes(enum column column, const grus_slot_bounds *bounds)
{
    switch (column) {
    case RECORDS:
        return grus_mul_sat(bounds->records, sizeof(struct record));
    case LENGTHS:
        return grus_mul_sat(bounds->records, sizeof(size_t));
    case TARGET_LENGTHS:
        return bounds->targets ? grus_mul_sat(bounds->records, sizeof(size_t)) : 0;
    case IDS:
        return bounds->feature_dim ? 0 : grus_mul_sat(bounds->positions, sizeof(uint32_t));
    case TARGETS:
        return bounds->targets ? grus_mul_sat(bounds->positions, sizeof(uint32_t)) : 0;
    case FEATURES:
        return grus_mul_sat(bounds->positions, grus_mul_sat(bounds->feature_dim, sizeof(float)));
    case TEXT:
        return grus_add_sat(bounds->bytes, sizeof((grus_error *)0)->cause);
    case N_COLUMNS:
        break;
    }
    return 0;
}

size_t grus_slot_bytes(const grus_slot_bounds *bounds)
{
    size_t bytes = grus_add_sat(sizeof(grus_slot), bounds->out_bytes);
    for (int i = 0; i < N_COLUMNS; i++)
        bytes = grus_add_sat(bytes, column_bytes((enum column)i, bounds));
    return bytes;
}

// Makes the column exactly so large, empty.
static bool fit(grus_slot_column *column, size_t bytes)
{
    column->used = 0;
    if (column->capacity == bytes)
        return true;
    free(column->data);
    column->data = bytes && bytes < SIZE_MAX ? malloc(bytes) : NULL;
    column->capacity = column->data ? bytes : 0;
    return column->capacity == bytes;
}

static void clear(grus_slot *slot)
{
    slot->n_records = slot->n_sequences = slot->n_positions = slot->n_targets = 0;
    for (int i = 0; i < N_COLUMNS; i++)
        slot->columns[i].used = 0;
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        slot->causes[i] = 0;
    grus_buffer_clear(&slot->out);
}

grus_status grus_slot_reset(grus_slot *slot, const grus_slot_bounds *bounds, grus_error *error)
{
    clear(slot);
    slot->failed = false;
    slot->bytes_in = 0;
    slot->mark = (grus_slot_mark){0};
    slot->input = (grus_stream_counts){0};
    slot->stats = (grus_infer_stats){0};
    slot->n_unknown = slot->n_truncated = 0;
    slot->seconds = 0;
    slot->feature_dim = bounds->feature_dim;
    slot->targets = bounds->targets;
    if (slot->out.capacity > bounds->out_bytes)
        grus_buffer_free(&slot->out);
    slot->out.most = bounds->out_bytes;
    for (int i = 0; i < N_COLUMNS; i++)
        if (!fit(&slot->columns[i], column_bytes((enum column)i, bounds)))
            return grus_fail_memory(error, column_bytes((enum column)i, bounds));
    return GRUS_OK;
}

void grus_slot_shed(grus_slot *slot)
{
    clear(slot);
    for (int i = 0; i < N_COLUMNS; i++)
        fit(&slot->columns[i], 0);
    grus_buffer_free(&slot->out);
}

void grus_slot_free(grus_slot *slot)
{
    grus_slot_shed(slot);
    grus_resume_close(slot->resume);
    slot->resume = NULL;
}

// ---- records ----

// false where there is no room.
static bool put(grus_slot *slot, enum column name, const void *data, size_t n, size_t size)
{
    grus_slot_column *column = &slot->columns[name];
    bool fits = n <= (column->capacity - column->used) / size;
    GRUS_ASSERT(fits);
    if (!fits || n == 0)
        return fits;
    memcpy(column->data + column->used, data, n * size);
    column->used += n * size;
    return true;
}

// Every record has its line, every sequence its positions.
static bool columns_agree(const grus_slot *slot)
{
    const grus_slot_column *columns = slot->columns;
    return columns[RECORDS].used == slot->n_records * sizeof(struct record) &&
           columns[LENGTHS].used == slot->n_sequences * sizeof(size_t) &&
           columns[TARGET_LENGTHS].used == (slot->targets ? columns[LENGTHS].used : 0) &&
           columns[IDS].used == (slot->feature_dim ? 0 : slot->n_positions * sizeof(uint32_t)) &&
           columns[TARGETS].used == slot->n_targets * sizeof(uint32_t) &&
           columns[FEATURES].used == slot->n_positions * slot->feature_dim * sizeof(float) &&
           slot->n_records == slot->n_sequences + grus_slot_records_failed(slot);
}

static bool put_sequence(grus_slot *slot, const grus_slot_entry *entry)
{
    size_t n = entry->n_positions, dim = slot->feature_dim;
    bool fits =
        put(slot, LENGTHS, &n, 1, sizeof n) && (dim ? put(slot, FEATURES, entry->features, n, dim * sizeof(float))
                                                    : put(slot, IDS, entry->ids, n, sizeof *entry->ids));
    if (fits && slot->targets)
        fits = put(slot, TARGET_LENGTHS, &entry->n_targets, 1, sizeof entry->n_targets) &&
               put(slot, TARGETS, entry->targets, entry->n_targets, sizeof *entry->targets);
    slot->n_sequences++;
    slot->n_positions += n;
    slot->n_targets += entry->n_targets;
    return fits;
}

size_t grus_slot_entry_bytes(const grus_slot_entry *entry)
{
    return entry->length + (entry->error ? strlen(entry->error) + 1 : entry->unknown_bytes);
}

grus_status grus_slot_append(grus_slot *slot, const grus_slot_entry *entry, grus_error *error)
{
    const char *more = entry->error ? entry->error : entry->unknown;
    size_t more_bytes = grus_slot_entry_bytes(entry) - entry->length;
    struct record record = {
        .length = entry->length,
        .more_bytes = (uint32_t)more_bytes,
        .cause = (uint8_t)entry->cause,
        .bad = entry->error != NULL,
        .is_object = entry->is_object,
        .has_error = entry->has_error,
    };
    bool fits = put(slot, RECORDS, &record, 1, sizeof record) && put(slot, TEXT, entry->line, entry->length, 1) &&
                put(slot, TEXT, more, more_bytes, 1);
    if (fits && !entry->error)
        fits = put_sequence(slot, entry);
    if (!fits)
        return grus_fail_memory(error, entry->length);
    if (slot->n_records == 0)
        slot->first_number = entry->number;
    slot->n_records++;
    if (entry->error)
        slot->causes[entry->cause]++;
    GRUS_ASSERT(columns_agree(slot));
    return GRUS_OK;
}

static const struct record *records_of(const grus_slot *slot)
{
    return (const struct record *)(const void *)slot->columns[RECORDS].data;
}

bool grus_slot_next(const grus_slot *slot, grus_slot_place *place, grus_slot_entry *entry)
{
    if (place->record == slot->n_records)
        return false;
    const struct record *record = &records_of(slot)[place->record];
    const char *line = slot->columns[TEXT].data + place->text, *more = line + record->length;
    bool unknown = !record->bad && record->more_bytes;
    *entry = (grus_slot_entry){
        .number = slot->first_number + place->record,
        .line = line,
        .length = record->length,
        .is_object = record->is_object,
        .has_error = record->has_error,
        .error = record->bad ? more : NULL,
        .cause = (grus_cause)record->cause,
        .unknown = unknown ? more : NULL,
        .unknown_bytes = unknown ? record->more_bytes : 0,
    };
    place->record++;
    place->text += record->length + record->more_bytes;
    if (entry->error)
        return true;
    grus_batch batch = grus_slot_batch(slot);
    entry->n_positions = batch.length[place->sequence];
    entry->ids = batch.ids ? batch.ids + place->position : NULL;
    entry->features = batch.features ? batch.features + place->position * slot->feature_dim : NULL;
    if (slot->targets) {
        entry->n_targets = batch.target_length[place->sequence];
        entry->targets = batch.targets + place->target;
    }
    place->sequence++;
    place->position += entry->n_positions;
    place->target += entry->n_targets;
    return true;
}

// ---- from slot to slot ----

// Takes so many bytes from the front of a column, and the rest forward.
static bool move_column(grus_slot *from, grus_slot *to, enum column name, size_t bytes)
{
    grus_slot_column *column = &from->columns[name];
    GRUS_ASSERT(bytes <= column->used && to->columns[name].used == 0);
    if (!put(to, name, column->data, bytes, 1))
        return false;
    column->used -= bytes;
    if (bytes && column->used)
        memmove(column->data, column->data + bytes, column->used);
    return true;
}

static void move_counts(grus_slot *from, grus_slot *to, size_t records, const grus_slot_place *end)
{
    const struct record *list = records_of(from);
    for (size_t i = 0; i < records; i++)
        if (list[i].bad) {
            to->causes[list[i].cause]++;
            from->causes[list[i].cause]--;
        }
    to->first_number = from->first_number;
    from->first_number += records;
    to->n_records = records;
    from->n_records -= records;
    to->n_sequences = end->sequence;
    from->n_sequences -= end->sequence;
    to->n_positions = end->position;
    from->n_positions -= end->position;
    to->n_targets = end->target;
    from->n_targets -= end->target;
}

grus_status grus_slot_move(grus_slot *from, size_t records, grus_slot *to, grus_error *error)
{
    GRUS_ASSERT(records <= from->n_records && to->n_records == 0);
    GRUS_ASSERT(to->feature_dim == from->feature_dim && to->targets == from->targets);
    grus_slot_place end = {0};
    grus_slot_entry entry;
    while (end.record < records)
        grus_slot_next(from, &end, &entry);
    const size_t bytes[N_COLUMNS] = {
        [RECORDS] = records * sizeof(struct record),
        [LENGTHS] = end.sequence * sizeof(size_t),
        [TARGET_LENGTHS] = from->targets ? end.sequence * sizeof(size_t) : 0,
        [IDS] = from->feature_dim ? 0 : end.position * sizeof(uint32_t),
        [TARGETS] = end.target * sizeof(uint32_t),
        [FEATURES] = end.position * from->feature_dim * sizeof(float),
        [TEXT] = end.text,
    };
    move_counts(from, to, records, &end);
    for (int i = 0; i < N_COLUMNS; i++)
        if (!move_column(from, to, (enum column)i, bytes[i]))
            return grus_fail_memory(error, bytes[i]);
    GRUS_ASSERT(columns_agree(from) && columns_agree(to));
    return GRUS_OK;
}

// ---- as a whole ----

void grus_slot_fail(grus_slot *slot, const grus_error *error)
{
    clear(slot);
    if (slot->failed)
        return;
    slot->failed = true;
    slot->error = *error;
}

uint64_t grus_slot_records_failed(const grus_slot *slot)
{
    uint64_t sum = 0;
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        sum += slot->causes[i];
    return sum;
}

grus_batch grus_slot_batch(const grus_slot *slot)
{
    const grus_slot_column *columns = slot->columns;
    const void *ids = columns[IDS].data, *features = columns[FEATURES].data, *length = columns[LENGTHS].data;
    const void *target_length = columns[TARGET_LENGTHS].data, *targets = columns[TARGETS].data;
    return (grus_batch){
        .n = slot->n_sequences,
        .length = length,
        .ids = slot->feature_dim ? NULL : ids,
        .features = slot->feature_dim ? features : NULL,
        .target_length = slot->targets ? target_length : NULL,
        .targets = slot->targets ? targets : NULL,
    };
}
