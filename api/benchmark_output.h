// benchmark_output.h: the parts of a benchmark that write to disk: write and run, both in a temporary directory.
#ifndef GRUS_API_BENCHMARK_OUTPUT_H
#define GRUS_API_BENCHMARK_OUTPUT_H

#include "api/benchmark_measure.h"

// What "format" has left, compressed and committed.
grus_status grus_benchmark_write(grus_benchmark_state *bench, grus_error *error);
grus_status grus_benchmark_run(grus_benchmark_state *bench, grus_error *error);
void grus_benchmark_remove_dir(grus_benchmark_state *bench); // safe where none was made

#endif
