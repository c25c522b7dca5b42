// progress.h: the line that tells how far a run is, and the summary at its end, both on standard error.
#ifndef GRUS_CLI_PROGRESS_H
#define GRUS_CLI_PROGRESS_H

#include "cli/launcher.h"
#include <grus.h>

typedef enum grus_progress_mode { GRUS_PROGRESS_AUTO, GRUS_PROGRESS_ALWAYS, GRUS_PROGRESS_NEVER } grus_progress_mode;

#define GRUS_DISPLAY_STEP 64

typedef struct grus_display {
    bool quiet;  // no plan, no summary
    bool line;   // a progress line is wanted
    bool redraw; // on a terminal: the line is drawn over itself
    bool color;
    bool drawn;                        // there is a line to be cleared
    double interval;                   // seconds between two of them; 0: the usual
    double shown;                      // seconds at which the last one was shown
    const char *kernel;                // of the model, and, where it is not float32,
    const char *compute;               // what it computes with; else NULL
    char step[GRUS_DISPLAY_STEP];      // before the figures of the line; "" in a run
    char source[GRUS_LAUNCHER_SOURCE]; // where the process's part of the run comes from; "" for nowhere
    size_t world_size;                 // of the run as that tells it
} grus_display;

// auto: a line where standard error is a terminal that can redraw it.
void grus_display_init(grus_display *display, grus_progress_mode mode, bool quiet);

// Records a second of this process, without what it took from an earlier one's checkpoints.
double grus_progress_rate(const grus_progress *progress);
// The time left, by the bytes that are done; false where that cannot be told.
bool grus_progress_left(const grus_progress *progress, double *seconds);

void grus_display_plan(const grus_display *display, const grus_progress *plan);
void grus_display_progress(grus_display *display, const grus_progress *progress);
// The same of work in steps, so many seconds after it began: the step, and behind it how far a run in it is, or nothing
// where progress is NULL. A step that is new is shown at once.
void grus_display_step(grus_display *display, double seconds, const char *step, bool is_new,
                       const grus_progress *progress);
// Takes the line away before something else is printed.
void grus_display_clear(grus_display *display);
void grus_display_summary(grus_display *display, const grus_progress *last, const char *outdir);

#endif
