// infer_fixture.h: engines of random models of many kinds, and sequences to run on them.
#ifndef GRUS_TESTS_UNIT_INFER_FIXTURE_H
#define GRUS_TESTS_UNIT_INFER_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "tests/support/random_model.h"

#define N 30
#define VOCAB 11

// Both resets with every activation, nn.GRU being number 0, and nn.LSTM.
#define CELLS 13
grus_cell_config cell_of(size_t number);

// Every variant another score, bridge, query, order of inputs, readout.
grus_config seq2seq_config(uint64_t *seed, size_t variant);

typedef struct fixture {
    grus_config config;
    random_model model;
    grus_engine *engine;
    size_t length[N], offset[N + 1];
    uint32_t ids[N * 20];
} fixture;

void fixture_make(fixture *f, grus_config config, uint64_t seed);
void fixture_free(fixture *f);

// Makes the end token likelier, by a bias that random models have not.
void hasten(fixture *f);

// Runs the sequences [first, first + n) as one batch.
void run_batch(const fixture *f, grus_arena *arena, const grus_infer_options *options, size_t first, size_t n,
               grus_result *results);

#endif
