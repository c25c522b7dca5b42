// survey_facts.h: what run.json and the reports of the ranks say, for a survey.
#ifndef GRUS_API_SURVEY_FACTS_H
#define GRUS_API_SURVEY_FACTS_H

#include <jansson.h>

#include "base/arena.h"
#include "grus.h"

// The settings of run.json, the inputs left out, into survey. false when memory is short.
bool grus_survey_take_settings(json_t *run, grus_arena *arena, grus_survey *survey);

// The reports that ranks below n left, into survey; one that cannot be understood is none. false when memory is short.
bool grus_survey_take_ranks(const char *outdir, size_t n, size_t world_size, grus_arena *arena, grus_survey *survey);

#endif
