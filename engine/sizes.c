// sizes.c: the sizes of a batch, and of the largest within bounds.
#include "config.h"

#include "engine/sizes.h"

#include <math.h>

#include "base/memory.h"
#include "base/positions.h"
#include "engine/search_rules.h"

grus_sizes grus_sizes_of(const grus_batch *batch, const grus_infer_options *options, const grus_config *config)
{
    grus_sizes sizes = {.records = batch->n};
    for (size_t i = 0; i < batch->n; i++) {
        size_t length = grus_positions_of(config, batch->length[i]), steps = 0, tokens = 0;
        if (options->force)
            tokens = grus_add_sat(batch->target_length[i], 1);
        else
            steps = grus_search_limit(&options->search, length);
        sizes.positions = grus_add_sat(sizes.positions, length);
        sizes.longest = grus_max(sizes.longest, length);
        sizes.steps = grus_add_sat(sizes.steps, steps);
        sizes.tokens = grus_add_sat(sizes.tokens, tokens);
        size_t cells = grus_mul_sat(steps + tokens, length);
        if (options->attention)
            sizes.cells = grus_add_sat(
                sizes.cells, grus_mul_sat(cells, grus_config_attention_rows(config, options->attention_heads)));
    }
    return sizes;
}

// The sum of the limits: each is at most a position's share of the steps, those that come on top and one for rounding.
static size_t bound_steps(const grus_search *search, size_t positions, size_t records)
{
    double by_length =
        search->max_length_factor * (double)positions + (GRUS_SEARCH_MORE_STEPS + 1) * (double)records + 1;
    double steps = fmin(by_length, (double)search->max_length * (double)records);
    return steps < 0x1p62 ? (size_t)steps : SIZE_MAX;
}

grus_sizes grus_sizes_within(const grus_infer_options *options, const grus_config *config, size_t positions,
                             size_t records, size_t cells)
{
    size_t tokens = options->force ? grus_add_sat(positions, records) : 0;
    positions = grus_positions_most(config, positions, records);
    return (grus_sizes){.records = records,
                        .positions = positions,
                        .longest = positions,
                        .steps = options->force ? 0 : bound_steps(&options->search, positions, records),
                        .tokens = tokens,
                        .cells = options->attention ? cells : 0};
}
