// load.c: loading a model by the command line.
#include "config.h"

#include "cli/load.h"

#include "cli/message.h"

int grus_load_model(const char *dir, const grus_option *options, size_t n, const grus_option_value *values,
                    grus_model **model)
{
    grus_load_options load;
    grus_error error;
    grus_load_options_init(&load, sizeof load);
    load.on_warning = grus_print_warning;
    grus_options_take(options, n, values, GRUS_INTO_LOAD, &load);
    if (grus_model_load(dir, &load, model, &error) != GRUS_OK)
        return grus_fail_command(&error);
    return GRUS_OK;
}
