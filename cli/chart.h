// chart.h: charts of a page, as HTML with SVG in it: bars that stretch with the page, their labels beside them as text that does
// not. Colours and sizes are the page's style (report_style.h).
#ifndef GRUS_CLI_CHART_H
#define GRUS_CLI_CHART_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <grus.h>

// A histogram under a title of the page's own and a name behind it, NULL for none. The few numbers at either end that would
// squeeze the rest are told in words.
void grus_chart_tally(FILE *to, const char *title, const char *name, const grus_survey_tally *tally);

// One bar a text, the longest for the greatest count; the first `most` texts, and in words how many more there are.
void grus_chart_counts(FILE *to, const grus_survey_count *const *counts, size_t n, size_t most);

// Amounts over time: bar i is the rate from i to i + 1 times `width` seconds.
typedef struct grus_chart_rates {
    size_t n;
    const double *rates; // (n) of so much a second
    double width;        // seconds
    const char *unit;    // of the rates, for their titles
} grus_chart_rates;
void grus_chart_timeline(FILE *to, const grus_chart_rates *rates);

#endif
