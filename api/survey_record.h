// survey_record.h: which field of an output's record is what, by what run.json says of the run.
#ifndef GRUS_API_SURVEY_RECORD_H
#define GRUS_API_SURVEY_RECORD_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/model_config.h"
#include "base/names.h"
#include "io/json/scan.h"

// What fields are called, and which results the task gives. Zero-initialised is empty.
typedef struct grus_survey_names {
    grus_task task;
    char *text, *target, *main; // main: run.output_key, or NULL
    char *results[GRUS_N_RESULTS];
} grus_survey_names;

// Of run.json. Free in every case. GRUS_E_MEMORY.
grus_status grus_survey_names_read(grus_survey_names *names, const json_t *run, grus_error *error);
void grus_survey_names_free(grus_survey_names *names);

// What a head's field holds.
typedef enum grus_survey_form {
    GRUS_SURVEY_NO_HEAD,
    GRUS_SURVEY_LABEL,  // {"label": …, "prob": …}
    GRUS_SURVEY_OUTPUT, // {"output": …, "score": …}
    GRUS_SURVEY_SUBSET, // {"labels": [ … ], "probs": [ … ]}
    GRUS_SURVEY_LABELS, // [ … ], a label for each position
    GRUS_SURVEY_SUBSETS // [[ … ], … ]
} grus_survey_form;

typedef struct grus_survey_head {
    grus_json_span key, value;
    grus_survey_form form;
} grus_survey_head;

// Spans of the line; of type NONE where the record has no such field.
typedef struct grus_survey_record {
    grus_json_span error; // the record is in error, and has no result
    grus_json_span source, target, features;
    grus_json_span results[GRUS_N_RESULTS];
    size_t n_heads;
    grus_survey_head heads[GRUS_MAX_HEADS];
} grus_survey_record;

// false: the line is not a JSON object. Which model it was is not known, and so not what its heads are called: they are the
// fields at the record's end, but for the attention, that look like what the task's heads give.
bool grus_survey_record_read(const grus_survey_names *names, const char *line, size_t length,
                             grus_survey_record *record);

// A member of an object by its name; of type NONE where there is none.
grus_json_span grus_survey_member(const grus_json_span *object, const char *name);

// The float nearest to a number; NaN for what is none.
float grus_survey_number(const grus_json_span *value);

#endif
