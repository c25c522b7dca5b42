// report_speed.h: how fast the run went, as far as its files tell: over time, shard by shard, rank by rank.
#ifndef GRUS_CLI_REPORT_SPEED_H
#define GRUS_CLI_REPORT_SPEED_H

#include <stdio.h>

#include <grus.h>

// The page's sections on speed. false when memory is short.
bool grus_report_speed(const grus_survey *survey, FILE *to);

#endif
