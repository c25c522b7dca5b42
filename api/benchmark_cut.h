// benchmark_cut.h: the first records of the inputs, as inputs of a run.
#ifndef GRUS_API_BENCHMARK_CUT_H
#define GRUS_API_BENCHMARK_CUT_H

#include "api/benchmark_work.h"

// Zero-initialised is empty.
typedef struct grus_benchmark_inputs {
    const char **list; // (n) paths: the shards', and of the last one perhaps that of a copy
    size_t n;
    char *copy;  // NULL: there is none
    bool is_cut; // some of the shards are not among them, or the last is a copy
} grus_benchmark_inputs;

// Names the shards that hold the first `records` records; of the one in which they end the beginning is copied below dir,
// under its own name, compressed where it was. Reads as far. Free inputs in every case.
grus_status grus_benchmark_cut(const grus_benchmark_work *work, size_t records, const char *dir,
                               grus_benchmark_inputs *inputs, grus_error *error);
void grus_benchmark_inputs_free(grus_benchmark_inputs *inputs);

#endif
