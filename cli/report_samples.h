// report_samples.h: records as they came out, each with what its task gave it and where the model looked.
#ifndef GRUS_CLI_REPORT_SAMPLES_H
#define GRUS_CLI_REPORT_SAMPLES_H

#include <stdio.h>

#include <grus.h>

// The page's section of samples, with the attention that the records hold, or that the model has for them where it is not NULL
// and says the same of them. false when memory is short.
bool grus_report_samples(const grus_survey *survey, const grus_model *model, FILE *to);

#endif
