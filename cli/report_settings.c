// report_settings.c: texts of numbers and words into the fields of options.
#include "config.h"

#include "cli/report_settings.h"

#include <stdlib.h>
#include <string.h>

const char *grus_report_setting(const grus_survey *survey, const char *name)
{
    for (size_t i = 0; i < survey->n_settings; i++)
        if (strcmp(survey->settings[i]->name, name) == 0)
            return survey->settings[i]->value;
    return "";
}

static void take_count(const grus_survey *survey, const char *name, size_t *count)
{
    const char *text = grus_report_setting(survey, name);
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text && !*end && value <= SIZE_MAX)
        *count = (size_t)value;
}

static void take_number(const grus_survey *survey, const char *name, double *number)
{
    const char *text = grus_report_setting(survey, name);
    char *end;
    double value = strtod(text, &end);
    if (*text && !*end)
        *number = value;
}

// The place of the setting's word in a list; `otherwise` where it has none.
static size_t find_word(const grus_survey *survey, const char *name, grus_name_list list, size_t otherwise)
{
    const char *const *words = grus_names(list), *text = grus_report_setting(survey, name);
    for (size_t i = 0; words && words[i]; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return otherwise;
}

void grus_report_search(const grus_survey *survey, const grus_model *model, grus_search *search)
{
    grus_search_init(search, sizeof *search, model);
    take_count(survey, "beam_size", &search->beam_size);
    take_count(survey, "n_best", &search->n_best);
    take_count(survey, "max_length", &search->max_length);
    take_count(survey, "min_length", &search->min_length);
    take_count(survey, "no_repeat_ngram_size", &search->no_repeat_ngram_size);
    take_number(survey, "length_penalty", &search->length_penalty);
    take_number(survey, "max_length_factor", &search->max_length_factor);
    take_number(survey, "repetition_penalty", &search->repetition_penalty);
    search->length_norm =
        (grus_length_norm)find_word(survey, "length_norm", GRUS_NAMES_LENGTH_NORM, (size_t)search->length_norm);
    search->disable_unk = strcmp(grus_report_setting(survey, "disable_unk"), "true") == 0;
    search->replace_unk = strcmp(grus_report_setting(survey, "replace_unk"), "true") == 0;
}

grus_compute_type grus_report_compute_type(const grus_survey *survey)
{
    return (grus_compute_type)find_word(survey, "compute_type", GRUS_NAMES_COMPUTE, GRUS_COMPUTE_FLOAT32);
}
