// survey_sample.h: what is shown of a record that was kept.
#ifndef GRUS_API_SURVEY_SAMPLE_H
#define GRUS_API_SURVEY_SAMPLE_H

#include "api/survey_pool.h"
#include "api/survey_text.h"

// NULL when memory is short. is_json: else the line is the output.
const grus_survey_sample *grus_sample_make(const grus_sample_maker *maker, const grus_kept_record *kept,
                                           const char *input, bool is_json);

#endif
