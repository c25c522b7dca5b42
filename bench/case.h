// case.h: one thing to measure, and the parameters that the table in cases.c makes it from.
#ifndef GRUS_BENCH_CASE_H
#define GRUS_BENCH_CASE_H

#include <stdbool.h>
#include <stddef.h>

#include "grus.h"

// How the sequences of a case are spread over lengths.
typedef enum bench_mix {
    BENCH_LOG_NORMAL, // median 20, sigma 0.5, 2 to 120
    BENCH_EQUAL,      // all of `length`
    BENCH_HALVES,     // half 2, half 200
    BENCH_ONE_LONG,   // one of 5000, the others 10
} bench_mix;

typedef struct bench_parameters {
    size_t hidden, layers, directions;
    size_t sequences, length;
    bool fill_lanes; // as many sequences of `length` as give every lane something to do, instead of `sequences`
    bench_mix mix;
    size_t vocab; // of the source of an encoder, of the target of a decoder
    size_t beam;
    bool forced; // the decoder follows given targets
    size_t threads;
    size_t bits; // of the numbers that are multiplied: 32 (floats) or 8
    // Of the whole pipeline.
    const char *model, *shard;
    size_t records; // of the shard; 0: all
} bench_parameters;

typedef enum bench_unit { BENCH_FLOPS, BENCH_BYTES } bench_unit;

typedef struct bench_case {
    bench_unit unit;
    double work;  // FLOPs or bytes of one run
    double items; // what a run goes through, for people: positions, tokens, elements, …
    const char *item;
    double padding; // share of what is computed that nobody asked for; negative where it means nothing
    size_t threads; // above 1 the CPU time of the whole process counts
    void *state;
    void (*run)(void *state);
    void (*free)(void *state);
} bench_case;

static inline grus_compute_type bench_compute(const bench_parameters *p)
{
    return p->bits == 8 ? GRUS_COMPUTE_INT8 : GRUS_COMPUTE_FLOAT32;
}

// Makes a case; false, *why filled in, where it cannot be had. padding may be set by a first run.
typedef bool bench_maker(const bench_parameters *parameters, bench_case *made, const char **why);

bench_maker bench_make_kernel, bench_make_product;
bench_maker bench_make_exp, bench_make_sigmoid, bench_make_tanh, bench_make_gates, bench_make_pack;
bench_maker bench_make_attention_dot, bench_make_attention_additive;
bench_maker bench_make_layer, bench_make_encoder, bench_make_decoder;
bench_maker bench_make_pipeline;

// ---- the table ----

typedef struct bench_row {
    const char *group, *variant;
    bench_maker *make;
    const char *varied;    // name of the parameter that goes through values
    size_t varied_at;      // its place in bench_parameters, a size_t
    const size_t *values;  // ends with 0
    bool scaling;          // a curve, not part of the ordinary table
    bench_parameters base; // 0: as in bench_defaults
} bench_row;

extern const bench_parameters bench_defaults;
extern const bench_row bench_rows[];
extern const size_t bench_n_rows;

#endif
