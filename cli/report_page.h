// report_page.h: a survey as one page of HTML that needs nothing beside it: no script, no font, no picture, no network.
#ifndef GRUS_CLI_REPORT_PAGE_H
#define GRUS_CLI_REPORT_PAGE_H

#include <stdio.h>

#include <grus.h>

// outdir: as it is to be called. model: the run's, to draw the attention of samples by, or NULL. false when memory is short; errors of the stream are left in it.
bool grus_report_page(const grus_survey *survey, const char *outdir, const grus_model *model, FILE *to);

#endif
