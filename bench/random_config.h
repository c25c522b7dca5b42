// random_config.h: engines of given sizes with random weights, and random work for them. All of it in memory.
#ifndef GRUS_BENCH_RANDOM_CONFIG_H
#define GRUS_BENCH_RANDOM_CONFIG_H

#include "bench/case.h"
#include "engine/engine.h"

#define BENCH_INPUT 256 // values of an embedding

// An encoder without heads, over ids, or over features of `features` values where that is not 0.
void bench_encoder_config(const bench_parameters *p, size_t features, grus_config *config);
// A decoder of p->layers layers behind an encoder of one bidirectional layer of half the units, attention "general".
void bench_decoder_config(const bench_parameters *p, grus_config *config);

// config must outlive the engine. NULL when memory is short.
grus_engine *bench_engine(const grus_config *config, grus_compute_type compute);

// Lengths of n sequences as p->mix says.
void bench_lengths(const bench_parameters *p, size_t n, size_t *length);

#endif
