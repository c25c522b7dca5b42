// slot.c: the memory of a slot.
#include "config.h"

#include "scheduler/slot.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

// Makes *array exactly count elements where it is smaller or over twice as large; its content is lost.
static bool fit(void **array, size_t *capacity, size_t count, size_t size)
{
    if (*capacity >= count && *capacity / 2 <= count)
        return true;
    free(*array);
    *capacity = 0;
    size_t bytes;
    *array = grus_mul(count, size, &bytes) ? malloc(bytes ? bytes : 1) : NULL;
    if (!*array)
        return false;
    *capacity = count;
    return true;
}

static bool fit_buffer(grus_buffer *buffer, size_t bytes)
{
    void *data = buffer->data;
    grus_buffer_clear(buffer);
    bool fits = fit(&data, &buffer->capacity, bytes, 1);
    buffer->data = data;
    return fits;
}

static bool fit_all(grus_slot *slot, const grus_slot_bounds *bounds)
{
    void *records = slot->records, *length = slot->length, *target_length = slot->target_length;
    void *ids = slot->ids.data, *targets = slot->targets.data, *features = slot->features;
    size_t floats = 0, n_ids = bounds->feature_dim ? 0 : bounds->positions;
    bool fits =
        grus_mul(bounds->positions, bounds->feature_dim, &floats) &&
        fit(&records, &slot->records_capacity, bounds->records, sizeof *slot->records) &&
        fit(&length, &slot->length_capacity, bounds->records, sizeof *slot->length) &&
        fit(&target_length, &slot->target_capacity, bounds->targets ? bounds->records : 0,
            sizeof *slot->target_length) &&
        fit(&ids, &slot->ids.capacity, n_ids, sizeof *slot->ids.data) &&
        fit(&targets, &slot->targets.capacity, bounds->targets ? bounds->positions : 0, sizeof *slot->targets.data) &&
        fit(&features, &slot->features_capacity, floats, sizeof *slot->features);
    slot->records = records;
    slot->length = length;
    slot->target_length = target_length;
    slot->ids.data = ids;
    slot->targets.data = targets;
    slot->features = features;
    return fits && fit_buffer(&slot->lines, bounds->bytes);
}

static void clear(grus_slot *slot)
{
    slot->n_records = slot->n_sequences = slot->n_positions = slot->n_targets = slot->n_cells = 0;
    slot->ids.size = slot->targets.size = 0;
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        slot->causes[i] = 0;
    grus_buffer_clear(&slot->lines);
    grus_buffer_clear(&slot->errors);
    grus_buffer_clear(&slot->out);
}

grus_status grus_slot_reset(grus_slot *slot, const grus_slot_bounds *bounds, grus_error *error)
{
    clear(slot);
    slot->first = slot->last = slot->failed = false;
    slot->first_number = slot->bytes_in = 0;
    slot->mark = (grus_slot_mark){0};
    slot->input = (grus_input_counts){0};
    slot->stats = (grus_infer_stats){0};
    slot->seconds = 0;
    if (slot->out.capacity > bounds->out_bytes)
        grus_buffer_free(&slot->out);
    if (slot->errors.capacity > bounds->bytes)
        grus_buffer_free(&slot->errors);
    return fit_all(slot, bounds) ? GRUS_OK : grus_fail_memory(error, grus_slot_bytes(bounds));
}

void grus_slot_free(grus_slot *slot)
{
    free(slot->records);
    free(slot->length);
    free(slot->target_length);
    free(slot->ids.data);
    free(slot->targets.data);
    free(slot->features);
    grus_buffer_free(&slot->lines);
    grus_buffer_free(&slot->errors);
    grus_buffer_free(&slot->out);
    grus_resume_close(slot->resume);
}

void grus_slot_shed(grus_slot *slot)
{
    clear(slot);
    grus_slot_free(slot);
    slot->resume = NULL;
    slot->records = NULL;
    slot->length = slot->target_length = NULL;
    slot->features = NULL;
    slot->ids = slot->targets = (grus_ids){0};
    slot->records_capacity = slot->length_capacity = slot->target_capacity = slot->features_capacity = 0;
}

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

grus_batch grus_slot_batch(const grus_slot *slot, bool features, bool force)
{
    return (grus_batch){
        .n = slot->n_sequences,
        .length = slot->length,
        .ids = features ? NULL : slot->ids.data,
        .features = features ? slot->features : NULL,
        .target_length = force ? slot->target_length : NULL,
        .targets = force ? slot->targets.data : NULL,
    };
}

size_t grus_slot_bytes(const grus_slot_bounds *bounds)
{
    size_t record = sizeof(grus_slot_record) + sizeof(size_t) * (bounds->targets ? 2 : 1);
    size_t position = bounds->feature_dim ? grus_mul_sat(bounds->feature_dim, sizeof(float)) : sizeof(uint32_t);
    if (bounds->targets)
        position = grus_add_sat(position, sizeof(uint32_t));
    size_t arrays = grus_add_sat(grus_mul_sat(bounds->records, record), grus_mul_sat(bounds->positions, position));
    return grus_add_sat(sizeof(grus_slot), grus_add_sat(arrays, grus_add_sat(bounds->bytes, bounds->out_bytes)));
}
