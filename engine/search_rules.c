// search_rules.c: limits, rows, folding, normalisation.
#include "config.h"

#include "engine/search_rules.h"

#include <math.h>

#include "base/power.h"
#include "engine/kernel/product.h"

#define GREEDY_ROWS 96
#define BEAM_ROWS 192

size_t grus_search_limit(const grus_search *search, size_t source_length)
{
    double steps = ceil(search->max_length_factor * (double)source_length) + GRUS_SEARCH_MORE_STEPS;
    size_t limit = steps < (double)search->max_length ? (size_t)steps : search->max_length;
    return grus_max(limit, 1);
}

size_t grus_search_rows(const grus_kernel *kernel, size_t beam_size)
{
    return grus_whole_tiles(kernel, beam_size == 1 ? GREEDY_ROWS : grus_max(BEAM_ROWS, beam_size));
}

bool grus_search_samples(const grus_search *search)
{
    return search->sampling_topk != 1 && search->sampling_temperature > 0;
}

bool grus_search_folds(size_t beam_size)
{
    return beam_size > 1;
}

double grus_normalize(const grus_search *search, double logprob, size_t length)
{
    switch (search->length_norm) {
    case GRUS_NORM_AVG:
        return logprob / grus_power((double)length, search->length_penalty);
    case GRUS_NORM_GNMT:
        return logprob / grus_power((5 + (double)length) / 6, search->length_penalty);
    case GRUS_NORM_NONE:
        break;
    }
    return logprob;
}
