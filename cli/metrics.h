// metrics.h: the figures of a run in the text format of Prometheus, for the textfile collector of its node exporter.
#ifndef GRUS_CLI_METRICS_H
#define GRUS_CLI_METRICS_H

#include <grus.h>

typedef struct grus_metrics {
    const char *path;   // NULL: none is wanted
    const char *outdir; // a label of every figure, beside the rank
    double started;     // seconds since 1970
    bool failed;        // the file could not be written, which has been told
} grus_metrics;

void grus_metrics_init(grus_metrics *metrics, const char *path, const char *outdir);

// Replaces the file, which is whole at any time. exit_code: -1 while the run goes on. false after a message, which
// comes once.
bool grus_metrics_write(grus_metrics *metrics, const grus_progress *progress, int exit_code);

#endif
