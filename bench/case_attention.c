// case_attention.c: one query over the positions of its source: scores, softmax, weighted sum of the values. Queries
// take turns over as many sources as a full batch holds, so the keys come from where they come from in a run.
#include "config.h"

#include <stdlib.h>

#include "base/memory.h"
#include "bench/case.h"
#include "engine/kernel/choose.h"

#define POSITIONS 2048 // of all sources

typedef struct attending {
    const grus_vector *vector;
    size_t length, size;
    float *keys, *query, *weights, *context, *energy;
} attending;

static void free_attending(void *state)
{
    attending *a = state;
    free(a->keys);
    free(a->query);
    free(a->weights);
    free(a->context);
    free(a->energy);
    free(a);
}

static float *fill(size_t n)
{
    float *x = grus_alloc(n, sizeof *x);
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)((i * 2654435761u) % 2001) / 20000.0f - 0.05f;
    return x;
}

static void finish(const attending *a, const float *rows)
{
    const float *weights = a->weights;
    a->vector->softmax(a->weights, a->length);
    a->vector->weighted_sums(1, &weights, rows, a->length, a->size, &a->context);
}

static void run_dot(void *state)
{
    attending *a = state;
    for (size_t first = 0; first + a->length <= POSITIONS; first += a->length) {
        const float *rows = a->keys + first * a->size;
        a->vector->dots(a->query, rows, a->length, a->size, a->weights);
        finish(a, rows);
    }
}

static void run_additive(void *state)
{
    attending *a = state;
    for (size_t first = 0; first + a->length <= POSITIONS; first += a->length) {
        const float *rows = a->keys + first * a->size;
        for (size_t i = 0; i < a->length; i++)
            a->weights[i] = a->vector->energy(a->energy, a->query, rows + i * a->size, a->size);
        finish(a, rows);
    }
}

// flops: of the score, for each float of a key.
static bool make(const bench_parameters *p, double flops, void (*run)(void *), bench_case *made, const char **why)
{
    const grus_kernel *kernel;
    *why = "no kernel, or no memory";
    attending *a = calloc(1, sizeof *a);
    if (!a || grus_kernel_get(GRUS_COMPUTE_FLOAT32, &kernel, NULL) != GRUS_OK) {
        free(a);
        return false;
    }
    *a = (attending){kernel->vector,  p->length,       p->hidden,       fill(POSITIONS * p->hidden),
                     fill(p->hidden), fill(p->length), fill(p->hidden), fill(p->hidden)};
    if (!a->keys || !a->query || !a->weights || !a->context || !a->energy) {
        free_attending(a);
        return false;
    }
    double positions = (double)(POSITIONS / p->length * p->length);
    *made =
        (bench_case){BENCH_FLOPS,   (flops + 2) * positions * (double)p->hidden, positions, "positions", -1, 1, a, run,
                     free_attending};
    return true;
}

bool bench_make_attention_dot(const bench_parameters *p, bench_case *made, const char **why)
{
    return make(p, 2, run_dot, made, why);
}

bool bench_make_attention_additive(const bench_parameters *p, bench_case *made, const char **why)
{
    return make(p, 28, run_additive, made, why);
}
