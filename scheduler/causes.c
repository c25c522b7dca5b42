// causes.c: the table of causes.
#include "config.h"

#include "scheduler/causes.h"

#include <string.h>

static const char *const names[GRUS_N_CAUSES] = {
    [GRUS_CAUSE_OTHER] = "other",
    [GRUS_CAUSE_BLANK] = "blank",
    [GRUS_CAUSE_BAD_JSON] = "bad_json",
    [GRUS_CAUSE_BAD_UTF8] = "bad_utf8",
    [GRUS_CAUSE_NO_TEXT] = "no_text",
    [GRUS_CAUSE_NO_TARGET] = "no_target",
    [GRUS_CAUSE_BAD_TEXT] = "bad_text",
    [GRUS_CAUSE_NO_FEATURES] = "no_features",
    [GRUS_CAUSE_BAD_FEATURES] = "bad_features",
    [GRUS_CAUSE_RESULT_FIELD] = "result_field",
    [GRUS_CAUSE_UNKNOWN_TOKEN] = "unknown_token",
    [GRUS_CAUSE_BAD_ID] = "bad_id",
    [GRUS_CAUSE_TOO_LONG] = "too_long",
    [GRUS_CAUSE_TOO_BIG] = "too_big",
    [GRUS_CAUSE_NOT_FINITE] = "not_finite",
};

const char *grus_cause_name(grus_cause cause)
{
    return names[cause];
}

grus_cause grus_cause_find(const char *name)
{
    for (int i = 0; i < GRUS_N_CAUSES; i++)
        if (strcmp(names[i], name) == 0)
            return (grus_cause)i;
    return GRUS_CAUSE_OTHER;
}
