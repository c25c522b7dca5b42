// result_names.h: what the fields of a result are called in a record: their own names, or those that options give them.
#ifndef GRUS_SCHEDULER_RESULT_NAMES_H
#define GRUS_SCHEDULER_RESULT_NAMES_H

#include "base/model_config.h"
#include "base/names.h"
#include "grus.h"

// Zero-initialised is empty.
typedef struct grus_result_names {
    const char *list[GRUS_N_RESULTS + GRUS_MAX_HEADS];
    char *made;        // where names with a prefix lie; NULL: there is none
    size_t more_bytes; // that the names of a record take beyond their own at most
} grus_result_names;

// The names with run.field_prefix. Free them in every case. GRUS_E_MEMORY.
grus_status grus_result_names_make(grus_result_names *names, const grus_config *config, const grus_run_options *options,
                                   grus_error *error);
void grus_result_names_free(grus_result_names *names);

#endif
