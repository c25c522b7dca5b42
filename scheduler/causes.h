// causes.h: why a record is in error, as short names that the report counts by. The words for the record's `error`
// field come with each error.
#ifndef GRUS_SCHEDULER_CAUSES_H
#define GRUS_SCHEDULER_CAUSES_H

typedef enum grus_cause {
    GRUS_CAUSE_OTHER, // a name that the table lacks
    GRUS_CAUSE_BLANK,
    GRUS_CAUSE_BAD_JSON,
    GRUS_CAUSE_BAD_UTF8,
    GRUS_CAUSE_NO_TEXT,
    GRUS_CAUSE_NO_TARGET,
    GRUS_CAUSE_BAD_TEXT,
    GRUS_CAUSE_NO_FEATURES,
    GRUS_CAUSE_BAD_FEATURES,
    GRUS_CAUSE_RESULT_FIELD,
    GRUS_CAUSE_UNKNOWN_TOKEN,
    GRUS_CAUSE_BAD_ID,
    GRUS_CAUSE_TOO_LONG,   // more positions than a record may have
    GRUS_CAUSE_TOO_BIG,    // a line over --max-record
    GRUS_CAUSE_NOT_FINITE, // the engine's result holds a NaN or an infinity
    GRUS_N_CAUSES,
} grus_cause;

const char *grus_cause_name(grus_cause cause);
// For people, in a few words.
const char *grus_cause_words(grus_cause cause);
grus_cause grus_cause_find(const char *name);

#endif
