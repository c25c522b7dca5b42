// benchmark_engine.h: the parts of a benchmark that need the engine: encode, infer, format.
#ifndef GRUS_API_BENCHMARK_ENGINE_H
#define GRUS_API_BENCHMARK_ENGINE_H

#include "api/benchmark_measure.h"

// An arena and room for results for each thread. Free them in every case.
grus_status grus_benchmark_threads(grus_benchmark_state *bench, grus_error *error);
void grus_benchmark_threads_free(grus_benchmark_state *bench);

// The encoder alone; behind it, in a model with a decoder, one step, which cannot be left out.
grus_status grus_benchmark_encode(grus_benchmark_state *bench, grus_error *error);
grus_status grus_benchmark_infer(grus_benchmark_state *bench, size_t threads, grus_error *error);
// Leaves the results of each slot in its `out`.
grus_status grus_benchmark_format(grus_benchmark_state *bench, grus_error *error);

#endif
