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

static const char *const words[GRUS_N_CAUSES] = {
    [GRUS_CAUSE_OTHER] = "a cause that this version does not know",
    [GRUS_CAUSE_BLANK] = "the line is blank",
    [GRUS_CAUSE_BAD_JSON] = "the line is no JSON object",
    [GRUS_CAUSE_BAD_UTF8] = "the line is no UTF-8",
    [GRUS_CAUSE_NO_TEXT] = "the field or column of the text is missing",
    [GRUS_CAUSE_NO_TARGET] = "the field or column of the target is missing",
    [GRUS_CAUSE_BAD_TEXT] = "the text is not of the type that the model reads",
    [GRUS_CAUSE_NO_FEATURES] = "the features are missing",
    [GRUS_CAUSE_BAD_FEATURES] = "the features are not what the model reads",
    [GRUS_CAUSE_RESULT_FIELD] = "a field has the name of a result",
    [GRUS_CAUSE_UNKNOWN_TOKEN] = "a token is unknown",
    [GRUS_CAUSE_BAD_ID] = "an id is that of no token",
    [GRUS_CAUSE_TOO_LONG] = "more positions than a record may have",
    [GRUS_CAUSE_TOO_BIG] = "a line over run.max_record",
    [GRUS_CAUSE_NOT_FINITE] = "the result is not finite",
};

const char *grus_cause_words(grus_cause cause)
{
    return words[cause];
}

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
