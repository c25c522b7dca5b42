// watch.h: what is told of a run while it goes on and at its end: on the terminal, in the log, as metrics.
#ifndef GRUS_CLI_WATCH_H
#define GRUS_CLI_WATCH_H

#include "cli/log.h"
#include "cli/metrics.h"
#include "cli/progress.h"

// Its fields are written by the functions below alone, which a run calls one at a time.
typedef struct grus_watch {
    grus_display display;
    grus_log log;
    grus_metrics metrics;
    double interval; // seconds between two progress events of the log, and two writings of the metrics
    double told;     // seconds at which the last one was
} grus_watch;

// Seconds; what a watch has unless another interval is asked for.
#define GRUS_WATCH_INTERVAL 10.0

// Lets the events of a run come to the watch.
void grus_watch_events(grus_watch *watch, grus_run_events *events);
// The run has ended so. error: why it has not done all; NULL where it has.
void grus_watch_end(grus_watch *watch, const grus_progress *last, const char *outdir, const grus_error *error,
                    int exit_code);

#endif
