// measure.h: the cases of a row, run in turns until their time is up.
#ifndef GRUS_BENCH_MEASURE_H
#define GRUS_BENCH_MEASURE_H

#include "bench/case.h"
#include "bench/rates.h"

#define BENCH_MAX_CASES 16
#define BENCH_MAX_ROUNDS 1000

typedef struct bench_spread {
    double min, median, max;
} bench_spread;

// One case: what its runs took, and the floors measured right before each of them.
typedef struct bench_measurement {
    bench_case work;
    size_t value;                                             // of the varied parameter
    const char *missing;                                      // why it was not made, else NULL
    size_t n;                                                 // rounds
    size_t iterations;                                        // runs in a round that are timed
    bool is_short;                                            // an untimed run goes before them
    double wall[BENCH_MAX_ROUNDS], cpu[BENCH_MAX_ROUNDS];     // seconds of one run
    double floor[BENCH_MAX_ROUNDS], kernel[BENCH_MAX_ROUNDS]; // FLOPs (or bytes) a second of CPU time
} bench_measurement;

typedef struct bench_settings {
    double seconds; // for each case
    const char *model, *shard;
} bench_settings;

// Makes the cases of row, measures them in turns and frees them. *n of them in measurements (BENCH_MAX_CASES).
void bench_measure(const bench_row *row, const bench_settings *settings, const bench_panels *panels,
                   bench_measurement *measurements, size_t *n);

bench_spread bench_spread_of(const double *values, size_t n);

// Medians and ends: work a second of wall time; the fractions by CPU time, each round against its own floor. of_kernel
// is 0 where the work is no FLOPs.
typedef struct bench_summary {
    bench_spread wall, cpu, rate, of_floor;
    double floor, of_kernel;
} bench_summary;

bench_summary bench_summarize(const bench_measurement *m);

#endif
