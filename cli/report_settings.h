// report_settings.h: the options of a run, as its survey has them from run.json, as values again.
#ifndef GRUS_CLI_REPORT_SETTINGS_H
#define GRUS_CLI_REPORT_SETTINGS_H

#include <grus.h>

// The value of a setting as text; "" where the run has none of this name.
const char *grus_report_setting(const grus_survey *survey, const char *name);

// The search of the run: the model's own, with what the run says in its place.
void grus_report_search(const grus_survey *survey, const grus_model *model, grus_search *search);

// What products of the run were made of.
grus_compute_type grus_report_compute_type(const grus_survey *survey);

#endif
