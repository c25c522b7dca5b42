// search.c: values of the command line into a grus_search.
#include "config.h"

#include "cli/search.h"

const char *const grus_search_norms[] = {"none", "avg", "gnmt", NULL};

static void take_count(const grus_option_value *value, size_t *to)
{
    if (value->set)
        *to = (size_t)value->count;
}

static void take_real(const grus_option_value *value, double *to)
{
    if (value->set)
        *to = value->real;
}

void grus_search_take(const grus_option_value *values, grus_search *search)
{
    take_count(&values[GRUS_SEARCH_BEAM_SIZE], &search->beam_size);
    take_count(&values[GRUS_SEARCH_N_BEST], &search->n_best);
    if (values[GRUS_SEARCH_LENGTH_NORM].set)
        search->length_norm = (grus_length_norm)values[GRUS_SEARCH_LENGTH_NORM].count;
    take_real(&values[GRUS_SEARCH_LENGTH_PENALTY], &search->length_penalty);
    take_count(&values[GRUS_SEARCH_MAX_LENGTH], &search->max_length);
    take_real(&values[GRUS_SEARCH_MAX_LENGTH_FACTOR], &search->max_length_factor);
    take_count(&values[GRUS_SEARCH_MIN_LENGTH], &search->min_length);
}
