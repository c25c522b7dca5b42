// load.c: loading a model by the command line.
#include "config.h"

#include "cli/load.h"

#include "cli/message.h"

int grus_load_model(const char *dir, const grus_option_value *values, grus_model **model)
{
    unsigned flags = (values[GRUS_LOADING_STRICT].set ? GRUS_LOAD_STRICT : 0) |
                     (values[GRUS_LOADING_ALLOW_NONFINITE].set ? GRUS_LOAD_ALLOW_NONFINITE : 0);
    grus_error error;
    if (grus_model_load_with(dir, flags, grus_print_warning, NULL, model, &error) != GRUS_OK)
        return grus_fail_command(&error);
    return GRUS_OK;
}
