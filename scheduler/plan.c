// plan.c: the memory of a run as a function of its size, and the largest run that fits.
#include "config.h"

#include "scheduler/plan.h"

#include "base/error.h"
#include "base/memory.h"
#include "scheduler/limits.h"

static grus_slot_bounds bounds_of(const grus_plan_costs *costs, size_t positions, size_t records, size_t bytes,
                                  size_t cells)
{
    grus_slot_bounds bounds = {
        .positions = positions,
        .records = records,
        .bytes = bytes,
        .cells = cells,
        .feature_dim = costs->feature_dim,
        .targets = costs->targets,
    };
    bounds.out_bytes = costs->output(costs->data, &bounds);
    return bounds;
}

// What is done but in no checkpoint is in the slots, and behind the last checkpoint; of both together there are at most
// checkpoint_records for each thread, and one at least in each slot.
static size_t useful_slots(const grus_plan_costs *costs, size_t threads, size_t slots)
{
    return costs->checkpoint_records ? grus_min(slots, grus_mul_sat(costs->checkpoint_records, threads)) : slots;
}

// A quarter of what may be in no checkpoint is for the slots.
static size_t slot_records(const grus_plan_costs *costs, size_t threads, size_t slots)
{
    if (costs->checkpoint_records == 0)
        return GRUS_BATCH_RECORDS;
    return grus_min(GRUS_BATCH_RECORDS, grus_max(1, grus_mul_sat(costs->checkpoint_records, threads) / (4 * slots)));
}

static size_t checkpoint_records(const grus_plan_costs *costs, const grus_plan *plan)
{
    size_t most = grus_mul_sat(costs->checkpoint_records, plan->threads);
    size_t in_slots = grus_mul_sat(plan->slots + 1, plan->bounds.slot.records);
    return grus_min(costs->checkpoint_records, grus_max(1, most > in_slots ? most - in_slots : 0));
}

// Small batches are small because they were asked to be, or because memory is short: they are not widened.
static size_t wide_tokens(size_t batch_tokens, size_t wide_factor)
{
    if (batch_tokens < GRUS_LEAST_POSITIONS)
        return batch_tokens;
    return grus_max(batch_tokens, grus_min(grus_mul_sat(batch_tokens, wide_factor), GRUS_WIDE_TOKENS));
}

static grus_plan plan_of(const grus_plan_costs *costs, size_t threads, size_t slots, size_t big_slots,
                         size_t wide_factor, size_t batch_tokens)
{
    slots = useful_slots(costs, threads, slots);
    grus_plan plan = {.threads = threads,
                      .slots = slots,
                      .big_slots = big_slots,
                      .bounds = {.batch_tokens = batch_tokens,
                                 .wide_tokens = wide_tokens(batch_tokens, wide_factor),
                                 .tile = costs->tile,
                                 .lanes = costs->lanes,
                                 .config = costs->config}};
    grus_batch_bounds *most = &plan.bounds;
    size_t positions = grus_max(batch_tokens, GRUS_LEAST_POSITIONS);
    size_t wide = grus_max(most->wide_tokens, GRUS_RECORD_POSITIONS);
    size_t bytes = grus_max(costs->max_record, GRUS_BATCH_BYTES);
    most->slot = bounds_of(costs, positions, grus_min(positions, slot_records(costs, threads, slots)), GRUS_BATCH_BYTES,
                           GRUS_BATCH_CELLS);
    size_t wide_records = costs->checkpoint_records ? most->slot.records : GRUS_WIDE_RECORDS;
    most->big = bounds_of(costs, wide, grus_min(most->wide_tokens, wide_records), bytes, GRUS_RECORD_CELLS);
    // A wide batch, and an ordinary one to be cut in front of it.
    most->ahead = bounds_of(costs, grus_add_sat(wide, positions), most->slot.records + most->big.records, bytes, 0);
    most->ahead.out_bytes = 0;

    plan.checkpoint_records = checkpoint_records(costs, &plan);

    size_t worker = costs->workspace(costs->data, &most->slot);
    size_t big_worker = costs->workspace(costs->data, &most->big);
    size_t big_more = big_worker > worker ? big_worker - worker : 0;
    plan.memory = grus_add_sat(costs->fixed, grus_mul_sat(threads, worker));
    plan.memory = grus_add_sat(plan.memory, grus_batcher_bytes(&most->ahead));
    plan.memory = grus_add_sat(plan.memory, grus_mul_sat(slots, grus_slot_bytes(&most->slot)));
    plan.memory =
        grus_add_sat(plan.memory, grus_mul_sat(big_slots, grus_add_sat(big_more, grus_slot_bytes(&most->big))));
    return plan;
}

// The largest batch that fits with so many threads and slots; false, and the smallest, when none does.
static bool shrink_batch(const grus_plan_costs *costs, size_t threads, size_t slots, size_t batch_tokens,
                         size_t max_memory, grus_plan *plan)
{
    *plan = plan_of(costs, threads, slots, threads, GRUS_WIDE_FACTOR, batch_tokens);
    for (size_t factor = GRUS_WIDE_FACTOR; factor > 0 && plan->memory > max_memory; factor /= 2)
        *plan = plan_of(costs, threads, slots, 1, factor, batch_tokens);
    for (size_t tokens = batch_tokens; plan->memory > max_memory && tokens > GRUS_LEAST_POSITIONS;) {
        tokens /= 2;
        *plan = plan_of(costs, threads, slots, 1, 1, tokens);
    }
    return plan->memory <= max_memory;
}

grus_status grus_plan_make(const grus_plan_costs *costs, size_t threads, size_t batch_tokens, size_t max_memory,
                           grus_plan *plan, grus_error *error)
{
    size_t tokens = batch_tokens ? batch_tokens : GRUS_BATCH_TOKENS;
    if (max_memory == 0) {
        *plan = plan_of(costs, threads, 2 * threads + 2, threads, GRUS_WIDE_FACTOR, tokens);
        return GRUS_OK;
    }
    for (size_t n = threads; n > 0; n--)
        for (size_t slots = 2 * n + 2; slots >= n + 1; slots--)
            if (shrink_batch(costs, n, slots, tokens, max_memory, plan))
                return GRUS_OK;
    return grus_fail(
        error, GRUS_E_USAGE, NULL, "run.max_memory",
        "%zu bytes are too few: one thread with the smallest batches takes %zu (less with a smaller run.max_record)",
        max_memory, plan->memory);
}
