// run_options.h: the caller's options of a run, of whatever version they are, to the library's own copy of them.
#ifndef GRUS_SCHEDULER_RUN_OPTIONS_H
#define GRUS_SCHEDULER_RUN_OPTIONS_H

#include "grus.h"

typedef struct grus_run_settings {
    grus_run_options run; // its search is the one below
    grus_search search;
} grus_run_settings; // must not be copied: one half points to the other

// Whole settings from options, the model's search where they have none. GRUS_E_USAGE names the field that no model can
// run with. Strings and lists stay the caller's.
grus_status grus_run_settings_read(grus_run_settings *settings, const grus_model *model,
                                   const grus_run_options *options, grus_error *error);

#endif
