// benchmark_measure.h: a benchmark under way, which its parts share, and the repetitions of one of them.
#ifndef GRUS_API_BENCHMARK_MEASURE_H
#define GRUS_API_BENCHMARK_MEASURE_H

#include <limits.h>

#include "api/benchmark_cut.h"
#include "api/benchmark_work.h"
#include "scheduler/run_options.h"

#define GRUS_BENCHMARK_LEAST ((size_t)3) // repetitions of what is held in memory
#define GRUS_BENCHMARK_MOST ((size_t)1000)
#define GRUS_BENCHMARK_PARTS ((size_t)8) // at most; five of them need text, and one more than one thread

// What one thread infers with.
typedef struct grus_benchmark_thread {
    grus_arena *arena;
    grus_result *results; // (most sequences of a slot)
    grus_infer_stats stats;
} grus_benchmark_thread;

// The public result and what it points into. The result is the first thing in it.
typedef struct grus_benchmark_memory {
    grus_benchmark_result result;
    grus_benchmark_part parts[GRUS_BENCHMARK_PARTS];
    const grus_benchmark_part *list[GRUS_BENCHMARK_PARTS];
} grus_benchmark_memory;

// Written by the calling thread; threads by the one of a team that has its number, too.
typedef struct grus_benchmark_state {
    grus_run_settings settings;
    grus_job job;
    grus_benchmark_work work;
    size_t n_threads;
    grus_benchmark_options how;
    grus_infer_options infer;       // of the part that runs
    grus_benchmark_thread *threads; // (n_threads)
    size_t used;                    // threads of the part that runs
    double apart, apart_cpu;        // seconds of the repetition that another part counts
    char dir[PATH_MAX];             // temporary, "" before it is made
    size_t made;                    // outputs that the part "write" has made
    grus_benchmark_inputs inputs;   // of the whole run, where it takes some of the records alone
    grus_progress last;             // of the whole run
    grus_benchmark_progress now;
    double started;
    grus_benchmark_memory *memory;
} grus_benchmark_state;

typedef struct grus_benchmark_repeated {
    const char *name;
    size_t threads;
    size_t least; // repetitions
    grus_status (*function)(grus_benchmark_state *bench, grus_error *error);
} grus_benchmark_repeated;

// Repeats the function as often as is likely to fit into the time, and adds a part, which the caller completes. bench->apart is taken
// from what is counted.
grus_status grus_benchmark_measure(grus_benchmark_state *bench, const grus_benchmark_repeated *repeated,
                                   grus_benchmark_part **part, grus_error *error);

// Tells the caller where the benchmark is. run: how far the whole run is, else NULL.
void grus_benchmark_tell(grus_benchmark_state *bench, const grus_progress *run);

double grus_benchmark_cpu_seconds(void); // of all threads of the process

// The share of what was computed that nobody asked for.
static inline double grus_benchmark_unasked(uint64_t asked, uint64_t computed)
{
    return computed ? 1 - (double)asked / (double)computed : 0;
}

#endif
