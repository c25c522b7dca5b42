// result_names.c: the names, and those with a prefix.
#include "config.h"

#include "scheduler/result_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

#define ESCAPE_MOST 6 // bytes of "\u0000", which stand for one

static grus_status put_prefix(grus_result_names *names, size_t n, const char *prefix, grus_error *error)
{
    size_t bytes = 0, length = strlen(prefix);
    for (size_t i = 0; i < n; i++)
        bytes += length + strlen(names->list[i]) + 1;
    names->made = malloc(bytes);
    if (!names->made)
        return grus_fail_memory(error, bytes);
    char *at = names->made;
    for (size_t i = 0; i < n; i++) {
        size_t rest = strlen(names->list[i]) + 1;
        memcpy(at, prefix, length);
        memcpy(at + length, names->list[i], rest);
        names->list[i] = at;
        at += length + rest;
    }
    names->more_bytes = grus_add_sat(names->more_bytes, grus_mul_sat(n, grus_mul_sat(length, ESCAPE_MOST)));
    return GRUS_OK;
}

grus_status grus_result_names_make(grus_result_names *names, const grus_config *config, const grus_run_options *options,
                                   grus_error *error)
{
    *names = (grus_result_names){0};
    for (size_t i = 0; i < GRUS_N_RESULTS; i++)
        names->list[i] = grus_result_own_names[i];
    for (size_t i = 0; i < config->n_heads; i++)
        names->list[GRUS_N_RESULTS + i] = config->heads[i].name;
    if (options->output_key)
        names->more_bytes = grus_mul_sat(strlen(options->output_key), ESCAPE_MOST);
    return options->field_prefix ? put_prefix(names, GRUS_N_RESULTS + config->n_heads, options->field_prefix, error)
                                 : GRUS_OK;
}

void grus_result_names_free(grus_result_names *names)
{
    free(names->made);
    *names = (grus_result_names){0};
}
